"""What ketfeed remembers: sources, polls, entries, why they match, stories and editors' decisions.

```
Store (db.py)  one per process, thread-safe, the only owner of a database connection
├── sources    sources.py   what a source's row says, due times, polls, holds of hosts
├── entries    entries.py   save_polls, the one transaction; reading entries back
├── select     select.py    a feed's entries: one per story, newest first, capped per source
├── edits      edits.py     editors' decisions, append-only, stronger than rules
├── tags       tags.py      new rules over old entries
└── search     search.py    full text, newest first
ready.py       pure: a document made ready to be written, where it was read
listing.py     pure: which feeds does a story stand in, and under which entry?
linking.py     which stored entries may tell the same story as a new one?
keys.py        pure: by what a story is found
codec.py       pure: model values to columns and back
schema.py      the tables        migrations/  how an older database becomes this one
```
"""
