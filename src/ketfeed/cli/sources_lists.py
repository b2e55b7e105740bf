"""``ketfeed sources import | export``: subscription lists as OPML and tables as CSV, without any network."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.catalog.edit import add_sources
from ketfeed.catalog.imports import Candidate, Plan, plan
from ketfeed.catalog.opml import read_opml, write_opml
from ketfeed.catalog.table import NotATable, read_table, write_table
from ketfeed.cli.common import FAILED, console, err, load_catalog_or_exit, print_json, settings_from
from ketfeed.cli.feeds_file import agree, open_feeds
from ketfeed.errors import UsageError
from ketfeed.model import Catalog
from ketfeed.run.clock import utc_now

COLOURS = {"added": "green", "known": "dim", "refused": "yellow"}


def import_list(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="OPML 1.0, 1.1 or 2.0, or a CSV table.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per outline.")] = False,
) -> None:
    """Add the feeds of a list to feeds.yaml; nothing is fetched.

    Each outline has its row: added, known (under any spelling of its address) or refused, and why. A folder named as
    a topic gives that topic; other folders become the group.
    """
    settings = settings_from(ctx)
    target = open_feeds(settings, may_be_empty=True)
    candidates = _read(file, target.catalog)
    topics = frozenset(topic.id for topic in target.catalog.rules.topics)
    decided = plan(candidates, target.catalog.sources, topics)
    if not as_json:
        console.print(_table(decided))
    if decided.added:
        agree(f"Add {len(decided.added)} sources to {target.path}?", yes=yes)
        target.write(add_sources(target.text, decided.added))
    if as_json:
        print_json([asdict(row) for row in decided.rows])
    err.print(", ".join(f"{decided.count(word)} {word}" for word in COLOURS), highlight=False)


def _read(file: Path, catalog: Catalog) -> list[Candidate]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    outlines, candidates = read_opml(raw, catalog.rules.topics)
    if outlines.is_opml:
        return candidates
    if file.suffix.lower() not in (".csv", ".tsv", ".txt"):
        err.print(f"[red]{escape(str(file))}: no outline in it: neither OPML nor a table (.csv)[/]")
        raise typer.Exit(FAILED)
    try:
        return read_table(raw)
    except NotATable as error:
        raise UsageError(f"{file}: {error}") from error


def _table(decided: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("result", "id"):
        table.add_column(name, no_wrap=True)
    for name in ("title", "address", "why"):
        table.add_column(name, overflow="fold")
    for row in decided.rows:
        table.add_row(
            f"[{COLOURS[row.result]}]{row.result}[/]", escape(row.id or "–"), escape(row.title),
            escape(row.xml_url or "–"), escape(row.reason),
        )  # fmt: skip
    return table


def export_list(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="FILE.opml or FILE.csv; - for OPML on standard output.")],
) -> None:
    """Write all sources as OPML 2.0 (folders by group, our settings in a namespace) or as a CSV table.

    Importing the file again gives the same sources.
    """
    catalog = load_catalog_or_exit(settings_from(ctx))
    ending = Path(file).suffix.lower()
    if ending == ".csv":
        written = write_table(catalog.sources)
    elif ending in (".opml", ".xml") or file == "-":
        written = write_opml(catalog.site.title, catalog.sources, utc_now())
    else:
        raise UsageError(f"{file}: end the name in .opml or .csv")
    if file == "-":
        sys.stdout.buffer.write(written)
        return
    try:
        Path(file).write_bytes(written)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror})") from error
    err.print(f"{len(catalog.sources)} sources in {escape(file)}", highlight=False)
