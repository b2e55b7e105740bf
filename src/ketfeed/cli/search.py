"""``ketfeed search WORDS``: what is stored, newest first."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.common import FAILED, console, err, iso, open_store, print_json, settings_from
from ketfeed.store.records import StoredEntry


def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(help='Words, "a phrase", begin*, -without.', metavar="WORD")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Entries to show.")] = 20,
    public: Annotated[bool, typer.Option("--public", help="Only entries that stand in feeds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, an object per entry.")] = False,
) -> None:
    """Find stored entries by words of title, authors, summary and content, newest first.

    All words must be there; case and accents do not matter. A word beginning with - must not be there: write it after
    two dashes, as in: ketfeed search -- ketamine -veterinary. Exit code 1: nothing was found.
    """
    with open_store(settings_from(ctx)) as store:
        found = store.search(" ".join(words), limit, public=public)
    if as_json:
        print_json([row_of(one) for one in found])
    elif found:
        console.print(table_of(found))
    else:
        err.print("Nothing is stored that says all of this.")
    if not found:
        raise typer.Exit(FAILED)


def row_of(one: StoredEntry) -> dict[str, Any]:
    """An entry as ``search --json`` shows it."""
    return {
        "id": one.entry.id,
        "title": one.entry.title,
        "link": one.entry.link,
        "source": one.source.id,
        "published": iso(one.entry.published),
        "first_seen": iso(one.first_seen),
        "kind": one.tagging.kind,
        "topics": [match.topic for match in one.tagging.matches],
        "relevant": one.tagging.relevant,
        "public": one.visible,
        "story": one.story_id,
    }


def table_of(found: list[StoredEntry]) -> Table:
    """Entries for a terminal; dim ones are not public."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("entry", no_wrap=True)
    table.add_column("date", no_wrap=True)
    table.add_column("source", overflow="fold")
    table.add_column("title", ratio=1)
    table.add_column("topics", overflow="fold")
    for one in found:
        table.add_row(
            one.entry.id[:8],
            one.sort_at.strftime("%Y-%m-%d"),
            escape(one.source.id),
            escape(one.entry.title or one.entry.excerpt[:80] or "(without title)"),
            ", ".join(match.topic for match in one.tagging.matches),
            style=None if one.visible else "dim",
        )
    return table
