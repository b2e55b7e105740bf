"""``ketfeed renormalise``: today's sanitiser over the raw fields of everything stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ketfeed.cli.common import console, load_catalog_or_exit, open_store, print_json, progress, settings_from
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.normalise import renormalise as again
from ketfeed.model import Entry, Tagging
from ketfeed.store.records import Tagged
from ketfeed.topics.match import Tagger

BATCH = 200  # entries per transaction: a running service waits for none longer than a moment


def renormalise(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the counts.")] = False,
) -> None:
    """Clean stored entries again from the fields as their documents had them, after an upgrade of ketfeed.

    Titles, summaries, contents and excerpts are made anew, and what changed is tagged anew. Ids, dates, links and
    editors' decisions stay. Entries without raw fields (read off pages) stay as they are. Safe beside a running service
    and to repeat.
    """
    settings = settings_from(ctx)
    tagger = Tagger(load_catalog_or_exit(settings).rules)
    limits = Limits.of(settings)
    looked = changed = 0
    with open_store(settings) as store, progress("entries", store.tags.count()) as advance:
        for batch in store.tags.batches(BATCH):
            pairs: list[tuple[Tagged, Entry, Tagging | None]] = []
            for one in batch:
                entry = again(one.entry, limits) if has_raw_fields(one.entry) else one.entry
                if entry != one.entry:
                    pairs.append((one, entry, tagger.tag(entry, one.source)))
            changed += store.tags.rewrite(pairs, datetime.now(UTC)) if pairs else 0
            looked += len(batch)
            advance(len(batch))
    if as_json:
        print_json({"entries": looked, "changed": changed})
    else:
        console.print(f"{looked} entries looked at, {changed} changed.")


def has_raw_fields(entry: Entry) -> bool:
    """Can every text of an entry be made again? A title that was the beginning of the text has no raw form either."""
    title_made = any(note.startswith("title: missing") for note in entry.notes)
    return not (
        (entry.summary and entry.raw_summary is None)
        or (entry.content and entry.raw_content is None)
        or (entry.title and entry.raw_title is None and not title_made)
    )
