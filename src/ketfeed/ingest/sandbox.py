"""Documents are read in child processes that can be killed: the parser may hang, burn or crash, the poller may not.

    read ─▶ queue ─▶ child: limits for this document ─▶ read_document ─▶ Tagger.tag per entry ─▶ NormalisedFeed
                       │ too long, too much processor, too much memory: killed, a new one starts
                       └▶ ParseTimeout / ParseFailed for this document only

``parse_processes`` children read at a time. One that has been at the same document for longer than PATIENCE gives up
its place, after HOPELESS also its priority, so that documents made to burn the limits do not keep ordinary ones
waiting: another child is started, up to EXTRA more.

Children come from a fork server that has loaded the parser and nothing else: starting one takes milliseconds, it
inherits no socket and no lock of ours, and the pages of the modules are shared (nursery.py). Modules are loaded before
the address-space limit is set, because a lazy import under the limit would fail. The poller's own process never loads
the parser (15 MiB), so what only a child needs is imported in the functions that a child runs; and a child has no use
for the settings (pydantic, 10 MiB).
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import math
import os
import pickle
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from ketfeed.errors import InternalFault, ParseFailed, ParseTimeout, PollError
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.model import Entry, NormalisedFeed, RuleSet, Source, Tagging

if TYPE_CHECKING:
    from ketfeed.settings import Settings
    from ketfeed.topics.match import Tagger

LOADED = (
    "ketfeed.ingest.normalise",
    "ketfeed.ingest.article",
    "ketfeed.ingest.links",
    "ketfeed.topics.match",
    __name__,
)
"""Modules of the fork server; all the parser uses must be among them or imported by them."""
LAST = "ketfeed.ingest.nursery"
"""Its last module, which makes what is loaded by then the children's to share."""

DOCUMENTS_PER_CHILD = 2_000  # then a fresh one: whatever leaks in C libraries ends there
PLACE = "KETFEED_NURSERY"
"""Environment variable that names a file with the pickled rules while the fork server starts; not a setting."""
PIPE = 1024 * 1024  # bytes a pipe to or from a child holds: any usual document, and what it becomes
PATIENCE = 0.3  # seconds; an ordinary feed takes a few hundredths, on a busy machine a few tenths
HOPELESS = 1.0  # seconds after which a child loses its priority, too, and is not used again
LATE_NICE = 19  # whoever is late reads with what the others leave
KEPT = 10.0  # seconds an unused extra child is kept
EXTRA = 6  # children beyond parse_processes while others are late; each may take parse_memory
NICE = 5  # the event loop comes before its children

T = TypeVar("T")
F = TypeVar("F")

Finish = Callable[[NormalisedFeed, Source, datetime, bool], F]
"""What the caller does with every document that was read, still in the child: a function of a module, pure. Its last
argument says whether it is the first document of its source."""


@dataclass(frozen=True, slots=True)
class Completed:
    """An entry with what its article's page added, and its tagging (None where no rules were given)."""

    entry: Entry
    tagging: Tagging | None


@dataclass(slots=True, eq=False)
class _Child:
    """A pebble pool of one process: pebble kills it at a limit and starts the next."""

    pool: ProcessPool
    pid: int
    generation: int  # of the rules it tags by
    left: int = DOCUMENTS_PER_CHILD
    spent: bool = False  # lost its priority or was killed
    busy_since: float | None = None  # monotonic seconds
    free_since: float = 0.0

    def is_stale(self) -> bool:
        """Whether it has been unused for so long that an extra child is not needed any more."""
        return time.monotonic() - self.free_since > KEPT


class Sandbox(Generic[F]):
    """Reads documents in children of its own.

    rules None: entries are not tagged. finish: makes what ``read`` returns; None: the document as it was read. Close it
    with ``close``.
    """

    @overload
    def __init__(self: Sandbox[NormalisedFeed], settings: Settings, rules: RuleSet | None) -> None: ...

    @overload
    def __init__(self, settings: Settings, rules: RuleSet | None, finish: Finish[F]) -> None: ...

    def __init__(self, settings: Settings, rules: RuleSet | None, finish: Finish[F] | None = None) -> None:
        self._finish = finish
        self._settings = settings
        self._limits = Limits.of(settings)
        self._rules = _pickled(rules)
        self._generation = 0
        self._children: set[_Child] = set()
        self._free: list[_Child] = []
        self._waiting: deque[asyncio.Future[_Child]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._retiring: list[threading.Thread] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    async def read(self, document: Document, source: Source, now: datetime, *, first: bool = False) -> F:
        """Read one document to the end. ``first``: nothing is known yet of its source.

        Raises NotAFeed, ForbiddenXml, ParseFailed, ParseTimeout; InternalFault for a bug in the reader.
        """
        return cast("F", await self._run(_read, document, source, now, first))

    async def complete(self, document: Document, entry: Entry, source: Source, now: datetime) -> Completed:
        """Fill what an entry of a page or sitemap lacks from its article's page (``document``), and tag it again.

        Raises as ``read``; NotAFeed when the address gives no page.
        """
        return await self._run(_complete, document, entry, source, now)

    async def survey(self, document: Document, kind: Kind, now: datetime) -> Survey:
        """A document in few words, for discovery. Raises as ``read``."""
        return await self._run(_survey, document, kind, now)

    async def links(self, document: Document) -> Links:
        """What a page links to that may be a feed. Raises ParseFailed, ParseTimeout."""
        return await self._run(_links, document)

    def set_rules(self, rules: RuleSet) -> None:
        """Tag by these rules from the next document on; documents being read end with the old ones."""
        self._rules = _pickled(rules)
        self._generation += 1
        free, self._free = self._free, []
        for child in free:
            self._retire(child)

    def close(self) -> None:
        """End the children; documents being read are given up."""
        self._closed = True
        for child in list(self._children):
            self._retire(child)
        for thread in self._retiring:
            thread.join()

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        child = await self._take()
        future: ProcessFuture[T] | None = None
        try:
            future = child.pool.schedule(
                work,
                args=(*arguments, self._limits, self._settings.parse_cpu),
                timeout=self._settings.parse_wall,
            )
            return await asyncio.wrap_future(future)
        except PollError:
            raise
        except TimeoutError as error:
            child.spent = True
            raise ParseTimeout(f"reading took longer than {self._settings.parse_wall:g} s") from error
        except MemoryError as error:
            raise ParseTimeout(f"reading took more memory than {self._settings.parse_memory} bytes") from error
        except ProcessExpired as error:
            child.spent = True
            raise _ended(error, self._settings) from error
        except asyncio.CancelledError:
            child.spent = True  # pebble kills it
            raise
        except Exception as error:
            raise InternalFault(f"reading failed: {type(error).__name__}: {error}") from error
        finally:
            future = None  # it keeps its exception, whose traceback names this frame and with it the document
            self._give_back(child)

    # -- who reads next

    async def _take(self) -> _Child:
        """Wait for a child; the first to ask is the first to get one. ``_give_back`` must follow."""
        if self._free and not self._waiting and self._places_left() > 0:
            child = self._free.pop()
            child.busy_since = time.monotonic()
            return child
        waiter: asyncio.Future[_Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._give_back(waiter.result())
            raise

    def _give_back(self, child: _Child) -> None:
        child.busy_since = None
        child.free_since = time.monotonic()
        child.left -= 1
        if (
            self._closed
            or child.spent
            or child.left < 0
            or child.generation != self._generation
            or not child.pool.active
        ):
            self._retire(child)
        else:
            self._free.append(child)
        while len(self._children) > self._settings.parse_processes and self._free and self._free[0].is_stale():
            self._retire(self._free.pop(0))  # the longest unused; the last to come back is the first to go
        self._serve()

    def _serve(self) -> None:
        """Hand free children to those who wait, and start more where places are left."""
        self._slow_down_the_late()
        while self._waiting and self._free and self._places_left() > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                child = self._free.pop()
                child.busy_since = time.monotonic()
                waiter.set_result(child)
        self._starting = {task for task in self._starting if not task.done()}
        wanted = sum(not waiter.done() for waiter in self._waiting) - len(self._starting) - len(self._free)
        room = self._settings.parse_processes + EXTRA - len(self._children) - len(self._starting)
        for _ in range(min(wanted, room, self._places_left())):
            self._starting.add(asyncio.create_task(self._start()))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting:  # somebody may be late by then, and his place free
            self._alarm = asyncio.get_running_loop().call_later(PATIENCE, self._serve)

    def _slow_down_the_late(self) -> None:
        hopeless = time.monotonic() - HOPELESS
        for child in self._children:
            if not child.spent and child.busy_since is not None and child.busy_since <= hopeless:
                child.spent = True
                with suppress(OSError):  # it has just ended
                    os.setpriority(os.PRIO_PROCESS, child.pid, LATE_NICE)

    def _places_left(self) -> int:
        """How many more children may read now; those that are late do not count."""
        late = time.monotonic() - PATIENCE
        busy = sum(child.busy_since is not None and child.busy_since > late for child in self._children)
        return self._settings.parse_processes - busy - len(self._starting)

    # -- children

    async def _start(self) -> None:
        """Start a child outside the event loop: the first waits for the fork server to load the parser."""
        try:
            child = await asyncio.to_thread(self._make_child, self._rules, self._generation)
        except Exception as error:  # noqa: BLE001  # told to whoever waits longest, or he would wait for ever
            waiter = next((waiter for waiter in self._waiting if not waiter.done()), None)
            if waiter is not None:
                waiter.set_exception(InternalFault(f"no reader could be started: {type(error).__name__}: {error}"))
            return
        self._starting.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self._give_back(child)

    def _make_child(self, rules: bytes | None, generation: int) -> _Child:
        with _fork_server(rules, self._finish):
            pool = ProcessPool(
                1,
                initializer=_prepare,
                initargs=(rules, self._finish, self._settings.parse_memory),
                context=_WidePipes(),
            )
            child = _Child(pool, pool.schedule(os.getpid).result(), generation)
        self._children.add(child)
        return child

    def _retire(self, child: _Child) -> None:
        """End a child; waiting for its end is left to a thread."""
        self._children.discard(child)

        def end() -> None:
            child.pool.stop()  # type: ignore[no-untyped-call]  # pebble
            child.pool.join()

        thread = threading.Thread(target=end, name="retire", daemon=True)
        thread.start()
        self._retiring = [*(other for other in self._retiring if other.is_alive()), thread]


def _pickled(rules: RuleSet | None) -> bytes | None:
    return None if rules is None else pickle.dumps(rules, pickle.HIGHEST_PROTOCOL)


class _WidePipes(ForkServerContext):
    """Pipes that take a document or its result at once: with the usual 64 KiB a child waits until somebody reads."""

    def Pipe(self, duplex: bool = True) -> Any:  # noqa: ANN401, N802  # as multiprocessing has it
        reader, writer = super().Pipe(duplex)
        with suppress(OSError, AttributeError):  # the system's bound is lower, or it knows no such thing
            fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
        return reader, writer


_one_starts = threading.Lock()


@contextmanager
def _fork_server(rules: bytes | None, finish: Callable[..., object] | None) -> Iterator[None]:
    """See to it that the fork server runs. One that starts now may read the rules until the block ends."""
    with ExitStack() as stack:
        with _one_starts:
            if rules is not None and hasattr(os, "memfd_create"):
                file = stack.enter_context(os.fdopen(os.memfd_create("rules"), "wb", buffering=0))
                file.write(rules)
                os.environ[PLACE] = f"/proc/{os.getpid()}/fd/{file.fileno()}"
            forkserver.set_forkserver_preload([*LOADED, *([finish.__module__] if finish else []), LAST])
            try:
                forkserver.ensure_running()
            finally:
                os.environ.pop(PLACE, None)
        yield


def _ended(error: ProcessExpired, settings: Settings) -> PollError:
    """What the end of a child says about its document."""
    if error.exitcode == -signal.SIGXCPU:
        return ParseTimeout(f"reading took more than {settings.parse_cpu:g} s of processor time")
    return ParseFailed(f"the parser ended with {error.exitcode} while reading this document")


_tagger: Tagger | None = None  # of a child
_finish: Finish[object] | None = None  # of a child


def _prepare(rules: bytes | None, finish: Finish[object] | None, memory: int) -> None:
    """Make a child ready: a tagger, then the limits nothing can undo."""
    global _tagger, _finish
    from ketfeed.ingest.nursery import tagger_of

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the poller's to handle
    os.nice(NICE)
    _tagger = tagger_of(rules) if rules is not None else None
    _finish = finish
    gc.collect()
    gc.freeze()  # what is loaded stays; walking over it again and again was a tenth of reading a feed
    gc.set_threshold(50_000, 20, 100)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _allow(cpu: float) -> None:
    """Give what follows so many processor seconds of its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + cpu), hard))


def _complete(document: Document, entry: Entry, source: Source, now: datetime, limits: Limits, cpu: float) -> Completed:
    """What a child does for one article's page."""
    from ketfeed.ingest.article import complete

    _allow(cpu)
    whole = complete(document, entry, now, limits)
    return Completed(whole, _tagger.tag(whole, source) if _tagger is not None else None)


def _survey(document: Document, kind: Kind, now: datetime, limits: Limits, cpu: float) -> Survey:
    """What a child does for a document that discovery came upon."""
    from ketfeed.ingest.links import survey

    _allow(cpu)
    return survey(document, kind, now, limits)


def _links(document: Document, _limits: Limits, cpu: float) -> Links:
    """What a child does for a page that may name feeds."""
    from ketfeed.ingest.links import find_links

    _allow(cpu)
    return find_links(document)


def _read(document: Document, source: Source, now: datetime, first: bool, limits: Limits, cpu: float) -> object:
    """What a child does for one document."""
    from ketfeed.ingest.normalise import read_document

    _allow(cpu)
    feed = read_document(document, source, now, limits)
    if _tagger is not None:
        feed = replace(feed, taggings=tuple(_tagger.tag(entry, source) for entry in feed.entries))
    result = feed if _finish is None else _finish(feed, source, now, first)
    gc.collect(0)  # reading leaves circles, up to 13 MiB of them; a walk over all that caches hold took 2.5 ms a feed
    return result
