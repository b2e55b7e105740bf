"""``ketfeed status``: one row per source."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ketfeed.catalog.load import load_catalog
from ketfeed.cli.common import ago, console, iso, open_store, print_json, settings_from
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog, SourceState
from ketfeed.run.cadence import MOVED_AFTER_DAYS, in_words
from ketfeed.run.clock import utc_now
from ketfeed.store.db import Store

WATCH_EVERY = 2.0  # seconds
OUTCOMES = {"ok": "green", "not_modified": "green", None: "dim", "rate_limited": "yellow", "internal": "bold red"}
HEALTH = {
    "new": "dim", "healthy": "green", "quiet": "yellow", "failing": "red", "blocked": "red", "moved": "yellow",
    "gone": "red", "paused": "dim",
}  # fmt: skip


def status(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per source.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds until Ctrl-C.")] = False,
) -> None:
    """Show every source: how it is doing, its last outcome, what it brought, and when and why it is polled next.

    With a broken configuration the last good one, which a running service keeps in force, is shown; exit code 2.
    """
    settings = settings_from(ctx)
    loaded = load_catalog(settings.config)
    with open_store(settings) as store:
        if as_json:
            print_json([row_of(state) for state in _states(store, loaded.catalog)])
        elif watch:
            _watch(store, loaded.catalog)
        else:
            console.print(table_of(_states(store, loaded.catalog), utc_now()))
    if loaded.catalog is None:
        raise CatalogError([complaint for complaint in loaded.complaints if complaint.severity == "error"])


def _states(store: Store, catalog: Catalog | None) -> list[SourceState]:
    """One state per source of the file, in its order; one the store has not met yet has an empty one."""
    states = store.sources.states()
    if catalog is None:
        return states
    known = {state.source_id: state for state in states}
    return [
        known.get(source.id) or SourceState(source_id=source.id, url=source.url, paused=source.paused)
        for source in catalog.sources
    ]


def _watch(store: Store, catalog: Catalog | None) -> None:
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(table_of(_states(store, catalog), utc_now()), refresh=True)
            time.sleep(WATCH_EVERY)


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
    table.add_column("source", no_wrap=True)
    table.add_column("health", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for name in ("http", "new", "entries", "last", "next"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("why", overflow="fold", min_width=20)
    for state in states:
        table.add_row(
            escape(state.source_id),
            _health(state, now),
            f"[{OUTCOMES.get(state.last_outcome, 'red')}]{state.last_outcome or 'not polled'}[/]",
            str(state.last_http_status or "–"),
            str(state.last_new),
            str(state.entries),
            ago(state.last_poll_at, now),
            ago(state.next_poll_at, now),
            escape(_why(state)),
        )
    return table


def _health(state: SourceState, now: datetime) -> str:
    """The word, and for how long when it is not a good one."""
    word = "paused" if state.paused else state.health
    since = ""
    if state.health_since is not None and word not in ("healthy", "new"):
        since = f" {in_words((now - state.health_since).total_seconds())}"
    return f"[{HEALTH[word]}]{word}{since}[/]"


def _why(state: SourceState) -> str:
    """What went wrong, or why the next poll is when it is, and where the source has moved."""
    words = [state.last_error or "", state.next_poll_reason]
    if state.failures:
        words.insert(1, f"{state.failures} failures in a row" if state.failures > 1 else "1 failure")
    if state.moved_to and state.moved_days >= MOVED_AFTER_DAYS:
        words.append(f"moved to {state.moved_to} (seen on {state.moved_days} days): correct feeds.yaml")
    return " · ".join(word for word in words if word)
