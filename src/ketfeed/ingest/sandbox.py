"""Documents are read in child processes that can be killed: the parser may hang, burn or crash, the poller may not.

    read ─▶ queue ─▶ child: limits for this document ─▶ read_document ─▶ Tagger.tag per entry ─▶ NormalisedFeed
                       │ too long, too much processor, too much memory: killed, a new one starts
                       └▶ ParseTimeout / ParseFailed for this document only

``parse_processes`` children read at a time. Each is handed its next document while it reads one, because whoever could
hand it over is busy with others: children that waited for that did nothing for a tenth of a first poll. One that has
been at the same document for longer than PATIENCE gives up its place and the document it has not begun, after HOPELESS
also its priority, so that documents made to burn the limits do not keep ordinary ones waiting: another child is
started, up to EXTRA more.

Children come from a nursery that has loaded the parser (nursery.py); what they do is in child.py. Pipes to them are
read and written by the event loop itself. The poller's own process never loads the parser (15 MiB).
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

from ketfeed.errors import InternalFault, ParseTimeout, PollError
from ketfeed.ingest import child as works
from ketfeed.ingest.child import Completed, Finish, Outfit
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.nursery import nursery
from ketfeed.ingest.process import Child, Task
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.model import Entry, NormalisedFeed, RuleSet, Source

if TYPE_CHECKING:
    from ketfeed.settings import Settings

AHEAD = 4  # documents a child has: the one it reads and those after, for as long as the loop is busy otherwise
PATIENCE = 0.3  # seconds; an ordinary feed takes a few hundredths, on a busy machine a few tenths
LOOK = 0.1  # seconds between two looks at who is late, while somebody waits
HOPELESS = 1.0  # seconds after which a child loses its priority, too, and is not used again
KEPT = 10.0  # seconds an unused extra child is kept
TRIES = 3  # to start a child
EXTRA = 6  # children beyond parse_processes while others are late; each may take parse_memory

T = TypeVar("T")
F = TypeVar("F")


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
        self._settings = settings
        self._rules = _pickled(rules)
        self._finish = finish
        self._children: set[Child] = set()  # that may be given something
        self._alive: set[Child] = set()  # also those that begin or leave
        self._waiting: deque[Task] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    async def read(self, document: Document, source: Source, now: datetime, *, first: bool = False) -> F:
        """Read one document to the end. ``first``: nothing is known yet of its source.

        Raises NotAFeed, ForbiddenXml, ParseFailed, ParseTimeout; InternalFault for a bug in the reader.
        """
        return cast("F", await self._run(works.read, document, source, now, first))

    async def complete(self, document: Document, entry: Entry, source: Source, now: datetime) -> Completed:
        """Fill what an entry of a page or sitemap lacks from its article's page (``document``), and tag it again.

        Raises as ``read``; NotAFeed when the address gives no page.
        """
        return await self._run(works.complete, document, entry, source, now)

    async def survey(self, document: Document, kind: Kind, now: datetime) -> Survey:
        """A document in few words, for discovery. Raises as ``read``."""
        return await self._run(works.survey, document, kind, now)

    async def links(self, document: Document) -> Links:
        """What a page links to that may be a feed. Raises ParseFailed, ParseTimeout."""
        return await self._run(works.find_links, document)

    def set_rules(self, rules: RuleSet) -> None:
        """Tag by these rules from the next document on; documents being read end with the old ones."""
        self._rules = _pickled(rules)
        for child in list(self._children):
            self._waiting.extendleft(reversed(child.take_back()))
            self._dismiss(child)
        if self._waiting:
            self._serve()

    def close(self) -> None:
        """End the children; documents being read are given up. Also when its event loop has ended."""
        self._closed = True
        self._end_children()

    def _end_children(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        with suppress(RuntimeError):  # the loop has ended, and they with it
            for task in self._starting:
                task.cancel()
        for child in self._alive:
            child.kill()
        for child in self._alive:
            child.join()
        for waiting in self._waiting:
            waiting.give_up()
        self._alive.clear()
        self._children.clear()
        self._waiting.clear()
        self._starting.clear()

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one before has ended, and nobody hears its children
            self._end_children()
            self._loop = loop
        task = Task(work, arguments, loop.create_future())
        self._waiting.append(task)
        self._serve()
        try:
            return cast("T", await task.answer)
        except (PollError, asyncio.CancelledError):
            raise
        except MemoryError as error:
            raise ParseTimeout(f"reading took more memory than {self._settings.parse_memory} bytes") from error
        except Exception as error:
            raise InternalFault(f"reading failed: {type(error).__name__}: {error}") from error
        finally:
            if task.answer.cancelled():
                self._forget(task)
            del task  # it keeps its exception, whose traceback names this frame and with it the document

    def _forget(self, task: Task) -> None:
        """Nobody waits for this task any more: a child that is at it is killed."""
        if task in self._waiting:
            self._waiting.remove(task)
        for child in self._alive:
            if child.tasks and child.tasks[0] is task:
                child.kill()

    # -- who reads next

    def _serve(self) -> None:
        """Hand documents to children, and start more where places are left."""
        self._mind_the_late()
        self._hand_out(1)
        room = self._settings.parse_processes + EXTRA - len(self._alive) - len(self._starting)
        for _ in range(min(len(self._waiting) - len(self._starting), room, self._places_left())):
            self._starting.add(asyncio.create_task(self._start()))
        if len(self._waiting) > len(self._starting):
            self._hand_out(AHEAD)
        if self._alarm is None and (self._waiting or any(len(child.tasks) > 1 for child in self._children)):
            self._alarm = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        """Somebody may be late by now."""
        self._alarm = None
        self._serve()

    def _hand_out(self, each: int) -> None:
        """Give waiting tasks to children that are in time and have fewer than ``each``."""
        late = time.monotonic() - PATIENCE
        able = [child for child in self._children if child.may_have_more(each, late)]
        able.sort(key=lambda child: (len(child.tasks), -child.free_since))  # the longest unused ones become stale
        places = self._places_left()
        for child in able:
            if not self._waiting or (not child.tasks and places <= 0):
                return
            places -= not child.tasks
            child.give(self._waiting.popleft())

    def _mind_the_late(self) -> None:
        """Take from children that are late what they have not begun; the hopeless lose their priority."""
        now = time.monotonic()
        for child in self._children:
            if child.busy_since is not None and child.busy_since <= now - PATIENCE:
                self._waiting.extendleft(reversed(child.take_back()))
                if child.busy_since <= now - HOPELESS and not child.spent:
                    child.spent = True
                    child.lower_priority()

    def _places_left(self) -> int:
        """How many more children may read now; those that are late do not count."""
        late = time.monotonic() - PATIENCE
        busy = sum(child.busy_since is not None and child.busy_since > late for child in self._children)
        return self._settings.parse_processes - busy - len(self._starting)

    # -- children

    async def _start(self) -> None:
        """Start a child; the first waits for the nursery to load the parser."""
        fault: Exception | None = None
        child: Child | None = None
        for _ in range(TRIES):
            try:
                child = await self._make_child()
                break
            except Exception as error:  # noqa: BLE001  # told to whoever waits longest, or he would wait for ever
                fault = error
        self._starting.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        if child is not None:
            self._changed(child)
        elif self._waiting:
            sentence = f"no reader could be started: {type(fault).__name__}: {fault}"
            self._waiting.popleft().end(None, InternalFault(sentence))
            self._serve()

    async def _make_child(self) -> Child:
        """Raises OSError when there is no process left, ParseFailed when it ended at once."""
        rules, finish, settings = self._rules, self._finish, self._settings
        outfit = Outfit(rules, finish, Limits.of(settings), settings.parse_cpu, settings.parse_memory)
        home = await asyncio.to_thread(nursery, rules, [finish.__module__] if finish else [])
        try:
            child = Child(home, outfit, settings.parse_wall, self._changed)
        except BrokenPipeError:  # it is about to end, or has
            await asyncio.to_thread(home.close)
            raise
        self._alive.add(child)
        await child.ready()
        if rules is self._rules:
            self._children.add(child)
        else:
            child.leave()
        return child

    def _changed(self, child: Child) -> None:
        """A child has come, has done something, or has ended."""
        if child.has_ended:
            self._alive.discard(child)
            self._children.discard(child)
            self._waiting.extendleft(reversed(child.take_all()))
        elif not child.tasks and (child.spent or child.left <= 0):
            self._dismiss(child)
        free = sorted((child for child in self._children if not child.tasks), key=lambda child: child.free_since)
        stale = [child for child in free if child.free_since < time.monotonic() - KEPT]
        for child in stale[: max(0, len(self._children) - self._settings.parse_processes)]:
            self._dismiss(child)
        if not self._closed:
            self._serve()

    def _dismiss(self, child: Child) -> None:
        """Let a child end when it has done what it was given."""
        self._children.discard(child)
        child.leave()


def _pickled(rules: RuleSet | None) -> bytes | None:
    return None if rules is None else pickle.dumps(rules, pickle.HIGHEST_PROTOCOL)
