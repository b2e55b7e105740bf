"""What the outside sees: feeds from prepared bytes, plain pages, health. Nothing here fetches or parses a feed."""
