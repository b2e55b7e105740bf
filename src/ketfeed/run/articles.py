"""Article pages of sources without a feed: visited once each, for the date and the summary a listing does not give.

    listing ─▶ entries that lack something ─┬ stored before: take what is stored    (a listing never erases a date)
                                            └ new: fetch its page ─▶ child reads its metadata ─▶ complete entry

Pure parts here; run/poll.py fetches, in turn with everything else that goes to the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ketfeed.model import Entry, NormalisedFeed, Source, Tagging

VISITS = 30  # article pages fetched in one poll; a listing has fewer new articles than that


def is_incomplete(entry: Entry) -> bool:
    """Whether the article's own page could say more."""
    lacks_something = entry.published is None or not entry.title or not (entry.summary or entry.content)
    return entry.link is not None and lacks_something


def wants_articles(source: Source, feed: NormalisedFeed) -> bool:
    """Whether any entry of a page or sitemap lacks its date or summary."""
    return source.type != "feed" and any(is_incomplete(entry) for entry in feed.entries)


def from_stored(entry: Entry, stored: Entry) -> Entry:
    """The entry with what its article page said earlier, where the listing says nothing."""
    return replace(
        entry,
        title=entry.title or stored.title,
        published=entry.published or stored.published,
        updated=entry.updated or stored.updated,
        summary=entry.summary or stored.summary,
        content=entry.content or stored.content,
        excerpt=entry.excerpt or stored.excerpt,
        text=entry.text or stored.text,
        authors=entry.authors or stored.authors,
        image=entry.image or stored.image,
        language=entry.language or stored.language,
        raw_summary=entry.raw_summary or stored.raw_summary,
        raw_content=entry.raw_content or stored.raw_content,
        notes=entry.notes if entry.published else stored.notes,
    )


def to_visit(feed: NormalisedFeed, stored: Mapping[str, tuple[Entry, Tagging]]) -> list[Entry]:
    """The entries whose pages are fetched now: new, incomplete, the first of the listing."""
    return [entry for entry in feed.entries if entry.id not in stored and is_incomplete(entry)][:VISITS]


def completed(
    feed: NormalisedFeed,
    stored: Mapping[str, tuple[Entry, Tagging]],
    visited: Mapping[str, tuple[Entry, Tagging | None]],
) -> NormalisedFeed:
    """The listing with what is stored and what the visits brought; tags follow their entries."""
    entries: list[Entry] = []
    taggings: list[Tagging] = []
    for entry, tagging in zip(feed.entries, feed.taggings or [Tagging()] * len(feed.entries), strict=True):
        if entry.id in visited:
            full, tagged = visited[entry.id]
            entries.append(full)
            taggings.append(tagged or tagging)
        elif entry.id in stored and is_incomplete(entry):
            known, tagged_then = stored[entry.id]
            entries.append(from_stored(entry, known))
            taggings.append(tagged_then)
        else:
            entries.append(entry)
            taggings.append(tagging)
    return replace(feed, entries=tuple(entries), taggings=tuple(taggings) if feed.taggings else ())
