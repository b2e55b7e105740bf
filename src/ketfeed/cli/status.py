"""``ketfeed status``: one row per source."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.common import ago, console, iso, load_catalog_or_exit, open_store, print_json, settings_from
from ketfeed.model import Catalog, SourceState
from ketfeed.run.cadence import MOVED_AFTER_DAYS
from ketfeed.run.clock import utc_now

COLOURS = {"ok": "green", "not_modified": "green", None: "dim", "rate_limited": "yellow", "internal": "bold red"}


def status(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per source.")] = False,
) -> None:
    """Show every source: its last outcome, what it brought, and when and why it is polled next."""
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings)
    with open_store(settings) as store:
        states = {state.source_id: state for state in store.sources.states()}
    rows = _states_in_file_order(catalog, states)
    if as_json:
        print_json([row_of(state) for state in rows])
    else:
        console.print(table_of(rows, utc_now()))


def _states_in_file_order(catalog: Catalog, states: dict[str, SourceState]) -> list[SourceState]:
    """One state per source of the file; a source the store has not met yet has an empty one."""
    return [
        states.get(source.id) or SourceState(source_id=source.id, url=source.url, paused=source.paused)
        for source in catalog.sources
    ]


def row_of(state: SourceState) -> dict[str, Any]:
    """The row of ``status --json`` and ``poll --json``."""
    return {
        "id": state.source_id,
        "url": state.url,
        "outcome": state.last_outcome,
        "http_status": state.last_http_status,
        "error": state.last_error,
        "bytes": state.last_bytes,
        "seconds": round(state.last_seconds, 3),
        "new": state.last_new,
        "updated": state.last_updated,
        "unchanged": state.last_unchanged,
        "entries": state.entries,
        "last_poll": iso(state.last_poll_at),
        "next_poll": iso(state.next_poll_at),
        "failures": state.failures,
    }


def table_of(states: list[SourceState], now: datetime) -> Table:
    """The rows for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("source", "left"), ("outcome", "left"), ("http", "right"), ("KiB", "right"), ("s", "right"), ("new", "right"),
        ("entries", "right"), ("last poll", "left"), ("next poll", "left"), ("fails", "right"), ("why", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]  # "left" and "right" only
    for state in states:
        colour = COLOURS.get(state.last_outcome, "red")
        table.add_row(
            escape(state.source_id),
            f"[{colour}]{state.last_outcome or 'not polled'}[/]",
            str(state.last_http_status or "–"),
            f"{state.last_bytes / 1024:.0f}",
            f"{state.last_seconds:.1f}",
            str(state.last_new),
            str(state.entries),
            ago(state.last_poll_at, now),
            ago(state.next_poll_at, now),
            str(state.failures or ""),
            escape(_why(state)),
        )
    return table


def _why(state: SourceState) -> str:
    """What went wrong, or why the next poll is when it is, and where the source has moved."""
    words = [state.last_error or state.next_poll_reason]
    if state.last_error and state.next_poll_reason:
        words.append(state.next_poll_reason)
    if state.moved_to and state.moved_days >= MOVED_AFTER_DAYS:
        words.append(f"moved to {state.moved_to} (seen on {state.moved_days} days): correct feeds.yaml")
    return " · ".join(word for word in words if word)
