"""The composition root: what the processes of the service are made of, and who watches them.

    serve ─┬─▶ ketfeed poller   due sources → fetch → read → store       (niced: readers come first)
           └─▶ ketfeed web      store → feeds and pages

``serve`` starts both as child processes, starts one again that ends unasked, and ends both on SIGTERM or Ctrl-C. Each
also runs alone. They meet only in the store.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from ketfeed import __version__
from ketfeed.catalog.load import load_catalog
from ketfeed.errors import CatalogError, UsageError
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import Catalog, Complaint, Poll, Source, SourceState
from ketfeed.net.client import Client
from ketfeed.run.loop import run_in_loop
from ketfeed.run.poll import Poller, utc_now
from ketfeed.run.schedule import Schedule
from ketfeed.settings import Settings
from ketfeed.store.db import Store

log = structlog.get_logger()

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = 1.0  # seconds between two looks at what is due, and at the files
QUEUE = 2000  # sources on their way at a time; more stay rows in the store
START_SPREAD = 60.0  # seconds over which sources that are due at the start are spread
START_AT_ONCE = 20  # but so many per tick are always let through
NICE = 10  # the poller gives way to the web process
STOP_AFTER = 8.0  # seconds a child gets to end before it is killed; the whole stop stays under 10 s
RESTART_MIN, RESTART_MAX = 1.0, 60.0  # seconds before an ended child is started again
FIRST_START = 10.0  # a child that fails sooner than this at the first start ends the service: it says why itself
SUPERVISED = "KETFEED_SUPERVISED"  # set for children of ``serve``; not a setting


def user_agent(catalog: Catalog, settings: Settings) -> str:
    """Who asks, where to find us, and what it is for: ``ketfeed/0.1.0 (+https://…; 14 topic feeds)``."""
    base = settings.base_url or catalog.site.base_url
    feeds = f"{len(catalog.rules.topics)} topic feeds"
    return f"ketfeed/{__version__} (+{base}; {feeds})" if base else f"ketfeed/{__version__} ({feeds})"


@dataclass(slots=True)
class Polling:
    """A poller with what it works with, and the way to take up a changed catalog."""

    settings: Settings
    poller: Poller
    sandbox: Sandbox

    def take_up(self, catalog: Catalog) -> None:
        """From the next poll on: the catalog's rules, User-Agent and address."""
        self.sandbox.set_rules(catalog.rules)
        self.poller.use(
            client=Client(self.settings, user_agent=user_agent(catalog, self.settings)),
            base_url=self.settings.base_url or catalog.site.base_url,
        )


@asynccontextmanager
async def polling(
    settings: Settings, catalog: Catalog, store: Store, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Polling]:
    """A poller with its client and its parser processes, which end with the block."""
    client = Client(settings, user_agent=user_agent(catalog, settings))
    sandbox = Sandbox(settings, catalog.rules)
    poller = Poller(
        settings=settings,
        client=client,
        reader=sandbox,
        save_polls=store.entries.save_polls,
        memory=StoreMemory(store),
        holds=dict(store.sources.holds()),
        base_url=settings.base_url or catalog.site.base_url,
        clock=clock,
    )
    try:
        yield Polling(settings, poller, sandbox)
    finally:
        await poller.stop()
        sandbox.close()
        await client.aclose()


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """The store as the poller sees it."""

    store: Store

    def hold(self, host: str, until: datetime) -> None:
        self.store.sources.hold(host, until)

    def knows(self, entry_ids: Sequence[str]) -> bool:
        return any(self.store.entries.find(entry_id) is not None for entry_id in entry_ids[:20])


class LiveCatalog:
    """The catalog in force: what the files say now, or said when they were last good."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CatalogError with every complaint when it cannot be used."""
        self._folder = folder
        self._seen = self._look()
        loaded = load_catalog(folder)
        self.complaints: tuple[Complaint, ...] = loaded.complaints
        if loaded.catalog is None:
            raise CatalogError(_errors(loaded.complaints))
        self.catalog: Catalog = loaded.catalog

    def provide(self) -> Catalog:
        """The catalog in force."""
        return self.catalog

    def provide_complaints(self) -> Sequence[Complaint]:
        """What is wrong with the files as they are now; empty when they are good."""
        return self.complaints

    def refresh(self) -> bool:
        """Read the files again if they changed; True when another catalog is in force.

        A broken or empty file leaves the last good catalog in force and is named in the log.
        """
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        loaded = load_catalog(self._folder)
        self.complaints = loaded.complaints
        if loaded.catalog is None:
            for complaint in _errors(loaded.complaints):
                log.warning("config refused", complaint=str(complaint), kept="the last good configuration")
            return False
        changed = loaded.catalog.digest != self.catalog.digest
        self.catalog = loaded.catalog
        if changed:
            log.info("config taken up", sources=len(self.catalog.sources), topics=len(self.catalog.rules.topics))
        return changed

    def _look(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, inode, size and time of every YAML file: editors replace files as often as they write into them."""
        looked = []
        for path in sorted(self._folder.glob("*.y*ml")):
            with suppress(OSError):
                stat = path.stat()
                looked.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(looked)


def _errors(complaints: Sequence[Complaint]) -> list[Complaint]:
    return [complaint for complaint in complaints if complaint.severity == "error"]


# ---------------------------------------------------------------- the poller process


@dataclass(slots=True)
class DuePolls:
    """Feeds the poller with what is due, never more than it can hold, and gently at the start."""

    poller: Poller
    store: Store
    sources: dict[str, Source]
    clock: Callable[[], datetime] = utc_now
    at_a_time: int | None = field(default=None, init=False)  # while the backlog of the start lasts
    started: datetime | None = field(default=None, init=False)

    async def tick(self) -> None:
        """Ask the store which sources are due and queue them."""
        now = self.clock()
        room = QUEUE - len(self.poller)
        if room <= 0:
            return
        states = await self.poller.writer.run(lambda: self.store.sources.due(now, QUEUE))
        fresh = [
            (source, state)
            for state in states
            if (source := self.sources.get(state.source_id)) is not None
            and not self.poller.is_busy_with(source.id, now)
        ]
        for source, state in fresh[: min(room, self._allowance(len(fresh), now))]:
            self.poller.submit(source, state)

    async def drain(self) -> None:
        """Poll until nothing is due: what one tick after the other would do, without waiting between them."""
        self.started = EPOCH  # there is no start to go gently about
        while True:
            await self.tick()
            if not len(self.poller):
                return
            await self.poller.until_fewer_than(max(1, len(self.poller) // 2))

    def _allowance(self, backlog: int, now: datetime) -> int:
        """How many may be queued in this tick: what is due at the start is spread over a minute."""
        if self.started is None:
            self.started = now
            self.at_a_time = max(START_AT_ONCE, int(backlog * TICK / START_SPREAD) + 1)
        if now - self.started > timedelta(seconds=START_SPREAD):
            self.at_a_time = None
        return backlog if self.at_a_time is None else self.at_a_time


async def run_poller(settings: Settings, live: LiveCatalog, store: Store, stop: asyncio.Event) -> None:
    """Poll what is due until ``stop`` is set; takes up changed files while it runs."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, store.sources.sync, live.catalog, utc_now())
    async with polling(settings, live.catalog, store) as kit:
        poller = kit.poller
        due = DuePolls(poller, store, _by_id(live.catalog))

        async def take_up_files() -> None:
            if await loop.run_in_executor(None, live.refresh):
                await poller.writer.run(lambda: store.sources.sync(live.catalog, utc_now()))
                due.sources = _by_id(live.catalog)
                kit.take_up(live.catalog)

        async def forget_old_polls() -> None:
            await poller.writer.run(lambda: store.sources.forget_polls(utc_now(), settings.keep_polls))
            await poller.writer.run(lambda: store.sources.release(utc_now()))

        schedule = Schedule()
        schedule.every(TICK, due.tick, "due sources")
        schedule.every(2 * TICK, take_up_files, "changed files")
        schedule.every(3600, forget_old_polls, "old polls")
        poller.start()
        schedule.start()
        log.info("polling", sources=len(live.catalog.sources), allow_networks=[str(n) for n in settings.allow_networks])
        await stop.wait()
        schedule.stop()
        log.info("stopping", waiting=len(poller))


async def poll_now(
    settings: Settings,
    catalog: Catalog,
    store: Store,
    due: Sequence[tuple[Source, SourceState]],
    on_done: Callable[[Poll], None] | None = None,
) -> list[Poll]:
    """Poll these sources in this process and return their rows in the same order."""
    async with polling(settings, catalog, store) as kit:
        return await kit.poller.poll(due, on_done)


def _by_id(catalog: Catalog) -> dict[str, Source]:
    return {source.id: source for source in catalog.sources}


def poller(settings: Settings) -> None:
    """The poller process: until SIGTERM or Ctrl-C. Raises CatalogError, StoreError."""
    live = LiveCatalog(settings.config)
    store = Store.open(settings.database)
    try:
        lock = store.lock("poller")
        _give_way()
        try:
            run_in_loop(_until_signalled(lambda stop: run_poller(settings, live, store, stop)))
        finally:
            lock.release()
    finally:
        store.close()


def _give_way() -> None:
    """Lower this process's and its children's priority, so that readers of the feeds are served first."""
    with suppress(OSError):
        os.nice(NICE)


async def _until_signalled(work: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _end_with_parent()
    await work(stop)


def _end_with_parent() -> None:
    """A supervised child ends when its supervisor does, however that ended: its standard input is a pipe."""
    if os.environ.get(SUPERVISED) != "1":
        return

    def wait_for_end() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="supervisor", daemon=True).start()


# ---------------------------------------------------------------- the web process


def web(settings: Settings, create_app: Callable[..., Any]) -> None:
    """The web process: until SIGTERM or Ctrl-C. Raises CatalogError, StoreError, UsageError.

    ``create_app(store, catalog_provider, settings, complaints=…)`` makes the ASGI application; it is handed in because
    run/ may not import web/.
    """
    live = LiveCatalog(settings.config)
    store = Store.open(settings.database)
    try:
        lock = store.lock("web")
        try:
            stop = threading.Event()
            watcher = threading.Thread(target=_watch, args=(live, stop), name="changed files", daemon=True)
            watcher.start()
            _end_with_parent()
            app = create_app(store, live.provide, settings, complaints=live.provide_complaints)
            config = uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=15,
            )
            _serve_http(config)
            stop.set()
        finally:
            lock.release()
    finally:
        store.close()


def _serve_http(config: uvicorn.Config) -> None:
    try:
        listener = config.bind_socket()
    except SystemExit as error:  # uvicorn's own way to say it
        raise UsageError(_cannot_listen(config.host, config.port)) from error
    with listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        # uvicorn stops on these and then raises them again: the second time they must not end us before we closed
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])


def _cannot_listen(host: str, port: int) -> str:
    return (
        f"Nothing can listen on {host} port {port}: it is in use or not ours. "
        f"Choose another with --port or KETFEED_PORT"
    )


def _watch(live: LiveCatalog, stop: threading.Event) -> None:
    while not stop.wait(2 * TICK):
        try:
            live.refresh()
        except Exception:  # the last good catalog stays in force
            log.exception("config not read")


# ---------------------------------------------------------------- the supervisor


@dataclass(slots=True)
class Child:
    """One process under supervision."""

    role: str
    command: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    pause: float = RESTART_MIN
    ended: int | None = None  # exit code that ends the whole service


def serve(settings: Settings, environment: dict[str, str]) -> int:
    """Run poller and web process until SIGTERM or Ctrl-C; returns the exit code of the service.

    environment: KETFEED_* variables that carry this process's settings to its children.
    Raises CatalogError, StoreError (another service works on this store), before anything is started.
    """
    LiveCatalog(settings.config)
    store = Store.open(settings.database)
    try:
        lock = store.lock("service")
        store.lock("poller").release()
        store.lock("web").release()
    finally:
        store.close()
    try:
        asyncio.run(_try_to_listen(settings.host, settings.port))
        return asyncio.run(_supervise(environment))
    finally:
        lock.release()


async def _try_to_listen(host: str, port: int) -> None:
    """Raise UsageError when the web process could not listen: better said before anything is started."""
    try:
        server = await asyncio.start_server(lambda *_: None, host, port)
    except OSError as error:
        raise UsageError(_cannot_listen(host, port)) from error
    server.close()
    await server.wait_closed()


async def _supervise(environment: dict[str, str]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    children = [Child(role, [sys.executable, "-m", "ketfeed", role]) for role in ("poller", "web")]
    keepers = [asyncio.create_task(_keep(child, environment, stop)) for child in children]
    await stop.wait()
    for child in children:
        if child.process is not None and child.process.returncode is None:
            with suppress(ProcessLookupError):
                child.process.terminate()
    _, late = await asyncio.wait(keepers, timeout=STOP_AFTER)
    for child in children:
        if late and child.process is not None and child.process.returncode is None:
            log.warning("killed", process=child.role, after=f"{STOP_AFTER:g} s")
            child.process.kill()
    await asyncio.gather(*keepers)
    return max((child.ended or 0 for child in children), default=0)


async def _keep(child: Child, environment: dict[str, str], stop: asyncio.Event) -> None:
    """Keep one process running until ``stop``; one that cannot even start ends the service."""
    loop = asyncio.get_running_loop()
    first = True
    while not stop.is_set():
        child.started = loop.time()
        child.process = await asyncio.create_subprocess_exec(
            *child.command, stdin=asyncio.subprocess.PIPE, env={**os.environ, **environment, SUPERVISED: "1"}
        )
        log.info("started", process=child.role, pid=child.process.pid)
        code = await child.process.wait()
        if stop.is_set():
            return
        lived = loop.time() - child.started
        log.error("ended unasked", process=child.role, exit_code=code, lived=round(lived, 1))
        if first and code > 0 and lived < FIRST_START:
            child.ended = code
            stop.set()
            return
        first = False
        child.pause = RESTART_MIN if lived > RESTART_MAX else min(child.pause * 2, RESTART_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(child.pause):
                await stop.wait()
