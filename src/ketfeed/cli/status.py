"""``ketfeed status``: one row per source."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ketfeed.catalog.load import load_catalog
from ketfeed.cli.common import ago, console, due, iso, open_store, print_json, settings_from
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog, SourceState
from ketfeed.run.cadence import MOVED_AFTER_DAYS, in_words
from ketfeed.run.clock import utc_now
from ketfeed.run.health import pace
from ketfeed.store.db import Store

WATCH_EVERY = 2.0  # seconds
WEEKS = 12  # of a source's line of bars
WIDE = 140  # columns from which the reasons fit beside the rows
BARS = "▁▂▃▄▅▆▇█"
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
            console.print(_table(store, loaded.catalog))
    if loaded.catalog is None:
        raise CatalogError(loaded.errors)


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


def _table(store: Store, catalog: Catalog | None) -> Group:
    now = utc_now()
    return table_of(_states(store, catalog), now, store.statistics.weekly(now, WEEKS))


def _watch(store: Store, catalog: Catalog | None) -> None:
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(_table(store, catalog), refresh=True)
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
        "health": "paused" if state.paused else state.health,
        "health_since": iso(state.health_since),
        "moved_to": state.moved_to,
        "alternative": state.alternative,
        "alternative_how": state.alternative_how,
    }


def table_of(states: Sequence[SourceState], now: datetime, weekly: Mapping[str, Sequence[int]] | None = None) -> Group:
    """The rows for a terminal; on a narrow one (80 columns, a pipe) the reasons stand below the table.

    weekly: entries of each source per week, the oldest first, drawn as a line of bars; None: not drawn.
    """
    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = ("source", "health", "outcome", "http", "new", "entries", "last", "next")
    shown = names if wide else tuple(name for name in names if name not in ("http", "last"))
    for name in shown:
        table.add_column(name, no_wrap=True, justify="left" if name in names[:3] else "right")
    if weekly is not None:
        table.add_column(f"{WEEKS} weeks", no_wrap=True)
    if wide:
        table.add_column("why", overflow="fold", min_width=30)
    for state in states:
        cells = _cells(state, now, wide=wide)
        row = [cells[name] for name in shown]
        if weekly is not None:
            row.append(sparkline(weekly.get(state.source_id, ())))
        table.add_row(*row, *([escape(_why(state, now))] if wide else []))
    reasons = (
        []
        if wide
        else [f"[bold]{escape(state.source_id)}[/]: {escape(why)}" for state in states if (why := _why(state, now))]
    )
    return Group(table, *(["", *reasons] if reasons else []))


def _cells(state: SourceState, now: datetime, *, wide: bool) -> dict[str, str]:
    return {
        "source": escape(state.source_id),
        "health": _health(state, now, since=wide),
        "outcome": f"[{OUTCOMES.get(state.last_outcome, 'red')}]{state.last_outcome or 'not polled'}[/]",
        "http": str(state.last_http_status or "–"),
        "new": str(state.last_new),
        "entries": str(state.entries),
        "last": ago(state.last_poll_at, now),
        "next": due(state.next_poll_at, now),
    }


def sparkline(counts: Sequence[int]) -> str:
    """``(0, 1, 4, 8)`` → ``·▁▄█``: the highest week is full height, a week without anything a dot."""
    top = max(counts, default=0)
    return "".join("·" if count == 0 else BARS[(count * len(BARS) - 1) // top] for count in counts)


def _health(state: SourceState, now: datetime, *, since: bool) -> str:
    """The word, and with ``since`` for how long when it is not a good one."""
    word = "paused" if state.paused else state.health
    shown: str = word
    if since and state.health_since is not None and word not in ("healthy", "new"):
        shown = f"{word} {in_words((now - state.health_since).total_seconds())}"
    return f"[{HEALTH[word]}]{shown}[/]"


def _why(state: SourceState, now: datetime) -> str:
    """What went wrong, or why the next poll is when it is, and where the source has moved; nothing said twice."""
    words = [state.last_error or "", pace(state, now) if state.health == "quiet" else ""]
    if state.last_outcome != "rate_limited" or not state.last_error:  # that sentence says until when already
        words.append(state.next_poll_reason)
    if state.failures and "in a row" not in state.next_poll_reason:
        words.insert(1, f"{state.failures} failures in a row" if state.failures > 1 else "1 failure")
    if state.alternative:
        words.append(f"the site has another feed, {state.alternative}: ketfeed sources show {state.source_id}")
    if state.moved_to and state.moved_days >= MOVED_AFTER_DAYS:
        words.append(f"moved to {state.moved_to} (seen on {state.moved_days} days): correct feeds.yaml")
    return " · ".join(word for word in words if word)
