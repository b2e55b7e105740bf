"""What an entry is about and why: rules, matches with reasons, identifiers, kinds and stories. No I/O."""
