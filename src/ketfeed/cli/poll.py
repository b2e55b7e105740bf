"""``ketfeed poll``: poll now, here or by the running service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from ketfeed.cli.common import (
    FAILED,
    console,
    err,
    load_catalog_or_exit,
    open_store,
    print_json,
    progress,
    settings_from,
)
from ketfeed.cli.status import row_of, table_of
from ketfeed.errors import StoreError, UsageError
from ketfeed.model import GOOD_OUTCOMES, Catalog, Source, SourceState
from ketfeed.run.clock import utc_now
from ketfeed.run.logs import configure_logs
from ketfeed.run.loop import run_in_loop
from ketfeed.run.service import poll_now
from ketfeed.settings import Settings
from ketfeed.store.db import Store

LOOK_EVERY = 0.2  # seconds between two looks at what the service has done
WAIT_FOR_SERVICE = 600.0  # seconds without any progress before we say so and stop waiting


def poll(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Sources; none: those that are due.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every source, due or not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per source.")] = False,
) -> None:
    """Poll sources now and show what happened; exit code 1 when one of them failed.

    Beside a running service the sources are marked as due, and what the service did is shown. A host that asked to be
    left alone (Retry-After) is left alone: such a row says rate_limited and until when.
    """
    settings = settings_from(ctx)
    configure_logs(settings.log_format)
    catalog = load_catalog_or_exit(settings)
    asked = utc_now()
    with open_store(settings) as store:
        sources = _wanted(catalog, ids or [], everything)
        explicit = bool(ids) or everything
        try:
            store.lock("poller")
        except StoreError:
            states = _by_service(store, sources, explicit, asked)
        else:
            store.sources.sync(catalog, asked)
            states = _here(settings, catalog, store, sources, explicit)
    if as_json:
        print_json([row_of(state) for state in states])
    elif states:
        console.print(table_of(states, utc_now()))
    else:
        err.print("Nothing is due. Name sources, or use --all.")
    if any(state.last_outcome not in GOOD_OUTCOMES for state in states):
        raise typer.Exit(FAILED)


def _wanted(catalog: Catalog, ids: Sequence[str], everything: bool) -> list[Source]:
    known = {source.id: source for source in catalog.sources}
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise UsageError(f"no source has the id {', '.join(unknown)}; `ketfeed status` lists them")
    if ids and everything:
        raise UsageError("name sources or say --all, not both")
    return [known[name] for name in dict.fromkeys(ids)] if ids else list(catalog.sources)


def _here(
    settings: Settings, catalog: Catalog, store: Store, sources: Sequence[Source], explicit: bool
) -> list[SourceState]:
    """Poll in this process: no service is running."""
    before = {state.source_id: state for state in store.sources.states()}
    now = utc_now()
    due = [
        (source, state)
        for source in sources
        if (state := before.get(source.id)) is not None
        and not state.paused
        and (state.next_poll_at is not None and (explicit or state.next_poll_at <= now))
    ]
    with progress("polling", len(due)) as tell:
        run_in_loop(poll_now(settings, catalog, store, due, lambda _done: tell(1)))
    asked = {source.id for source, _ in due}
    after = {state.source_id: state for state in store.sources.states()}
    return [after[source.id] for source in sources if source.id in after and (explicit or source.id in asked)]


def _by_service(store: Store, sources: Sequence[Source], explicit: bool, asked: datetime) -> list[SourceState]:
    """Let the running service poll: mark as due, wait until it has, and return what it found.

    Raises StoreError when the service does nothing for ten minutes.
    """
    names = [source.id for source in sources]
    if explicit:
        waiting = set(store.sources.mark_due(names, asked))
    else:
        waiting = {state.source_id for state in store.sources.due(asked, limit=len(names) + 1)}
        names = [name for name in names if name in waiting]
    moved_on = time.monotonic()
    with progress("polling", len(waiting)) as tell:
        while waiting:
            states = {state.source_id: state for state in store.sources.states()}
            ready = {name for name in waiting if _was_polled(states.get(name), asked)}
            if ready:
                moved_on = time.monotonic()
                waiting -= ready
                tell(len(ready))
            elif time.monotonic() - moved_on > WAIT_FOR_SERVICE:
                raise StoreError(f"the running service has polled nothing for {WAIT_FOR_SERVICE:g} s; see its log")
            if waiting:
                time.sleep(LOOK_EVERY)
    states = {state.source_id: state for state in store.sources.states()}
    return [states[name] for name in names if name in states]


def _was_polled(state: SourceState | None, asked: datetime) -> bool:
    """Whether the service has decided about the source since ``asked``: its due time then lies ahead, or nowhere."""
    return state is None or state.next_poll_at is None or state.next_poll_at > asked
