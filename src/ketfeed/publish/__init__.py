"""Entries → feeds: ``select`` which entries, ``items`` what each one says, ``xml`` and ``jsonfeed`` how it is written.

```
FeedQuery ─▶ store ─▶ StoredEntry ─ items ─▶ Item ─┬ xml ──────▶ RSS 2.0, Atom 1.0
                                                   └ jsonfeed ─▶ JSON Feed 1.1
feeds.Publisher keeps the bytes of every feed until its entries change; ledger keeps them over a restart
```
"""
