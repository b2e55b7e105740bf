"""A parser child as the poller sees it: two pipes, the documents it has, and how it ends.

The event loop reads and writes the pipes itself. A thread for each child would have to wait for the interpreter's lock
whenever the loop or the writer is busy, and the child with it: that was a tenth of a first poll.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pickle
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ketfeed.errors import InternalFault, ParseFailed, ParseTimeout, PollError
from ketfeed.ingest.child import LENGTH, Outfit
from ketfeed.ingest.nursery import Nursery, reap

DOCUMENTS = 10_000  # of one child, then a fresh one: whatever leaks in C libraries ends there
PIPE = 1024 * 1024  # bytes a pipe to or from a child holds: any usual document, and what it becomes
ROOM = 256 * 1024  # bytes first set aside for an answer, and kept
LATE_NICE = 19  # whoever is late reads with what the others leave
LARGEST = 1024 * 1024 * 1024  # bytes of an answer; a child cannot have that much
ENDING = 5.0  # seconds a killed child may take to be gone
LEAVING = 1.0  # seconds after which a nursery that is leaving has left


@dataclass(slots=True, eq=False)
class Task:
    """Something for a child to do. The answer is cancelled when nobody wants it any more."""

    work: Callable[..., object]
    arguments: tuple[object, ...]
    answer: asyncio.Future[Any]

    def end(self, result: object, error: BaseException | None = None) -> None:
        """Tell whoever waits, if he still does."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            self.answer.set_exception(error)
        else:  # what would end a coroutine or the program is no outcome of reading
            self.answer.set_exception(InternalFault(f"reading failed: {type(error).__name__}: {error}"))

    def give_up(self) -> None:
        """Tell whoever waits that there will be no answer."""
        with suppress(RuntimeError):  # his loop has ended
            self.answer.cancel()


def _wanted(tasks: Iterable[Task | None]) -> list[Task]:
    """Those that somebody still waits for."""
    return [task for task in tasks if task is not None and not task.answer.done()]


class Child:
    """A child from ``nursery``. Made and used in a running event loop.

    wall: seconds it may be at one task. on_change is called whenever it has ended a task, or itself.
    """

    def __init__(self, nursery: Nursery, outfit: Outfit, wall: float, on_change: Callable[[Child], None]) -> None:
        self.tasks: deque[Task | None] = deque()  # the first is being done; None: taken back after it was handed over
        self.left = DOCUMENTS
        self.spent = False  # is given nothing more
        self.busy_since: float | None = None  # monotonic seconds
        self.free_since = time.monotonic()
        self.has_ended = False
        self._loop = asyncio.get_running_loop()
        self._wall = wall
        self._cpu = outfit.cpu
        self._on_change = on_change
        self._nursery = nursery
        self.pid: int | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._alarm: asyncio.TimerHandle | None = None
        self._too_late = False
        self._killed = False
        self._culprit: Task | None = None  # that it was killed for; it may have got on to the next
        self._outgoing: deque[memoryview] = deque()
        self._writing = False  # by the loop
        self._answers = _Frames()
        self._fork(nursery)
        for pipe in (self._to_child, self._from_child, self._status):
            os.set_blocking(pipe, False)
        self._loop.add_reader(self._from_child, self._receive)
        self._loop.add_reader(self._status, self._hear_status)
        self._send(pickle.dumps(outfit))

    def _fork(self, nursery: Nursery) -> None:
        theirs: list[int] = []
        ours: list[int] = []
        try:
            for ends in (os.pipe()[::-1], os.pipe(), os.pipe()):
                ours.append(ends[0])
                theirs.append(ends[1])
            self._to_child, self._from_child, self._status = ours
            for pipe in ours[:2]:
                with suppress(OSError, AttributeError):  # the system's bound is lower, or it knows no such thing
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
            nursery.fork(*theirs)
        except BaseException:
            for pipe in ours:
                os.close(pipe)
            raise
        finally:
            for pipe in theirs:
                os.close(pipe)

    async def ready(self) -> None:
        """Wait until it can be given tasks. Raises ParseFailed when it ended before."""
        await asyncio.shield(self._ready)

    def may_have_more(self, each: int, late: float) -> bool:
        """Whether it has fewer than ``each`` tasks and has not been at one since before ``late``."""
        in_time = self.busy_since is None or self.busy_since > late
        return in_time and not self.spent and self.left > 0 and len(self.tasks) < each

    def give(self, task: Task) -> None:
        """Hand over a task; it is begun when the ones before it are done."""
        try:
            frame = pickle.dumps((task.work, task.arguments), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001  # a bug of ours, told to whoever waits
            task.end(None, error)
            return
        self.left -= 1
        self.tasks.append(task)
        if len(self.tasks) == 1:
            self._begin()
        self._send(frame)

    def take_back(self) -> list[Task]:
        """The tasks it has not begun, which it will do nevertheless, for nobody."""
        rest = list(self.tasks)[1:]
        self.tasks = deque([*list(self.tasks)[:1], *[None] * len(rest)])
        return _wanted(rest)

    def take_all(self) -> list[Task]:
        """The tasks of a child that has ended, of which none is to blame."""
        waiting = _wanted(self.tasks)
        self.tasks.clear()
        return waiting

    def lower_priority(self) -> None:
        """Let everybody else go first."""
        if self.pid is not None:  # 0 would be the poller itself
            with suppress(OSError):  # it has just ended
                os.setpriority(os.PRIO_PROCESS, self.pid, LATE_NICE)

    def leave(self) -> None:
        """Let it end by itself, after what it was given."""
        self.spent = True
        if not self.tasks and not self._outgoing:
            self._close(self._to_child)

    def kill(self) -> None:
        """End it now, because of what it is at."""
        self.spent = True
        if not self._killed:
            self._killed = True
            self._culprit = self.tasks[0] if self.tasks else None
        if self.pid is None:  # it is about to ask for its outfit
            self._close(self._to_child)
        elif not self.has_ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def join(self) -> None:
        """Wait for the end of a child that was killed; nothing is told to anybody any more."""
        if not self.has_ended:
            end = select.poll()
            end.register(self._status if self._status >= 0 else self._from_child, select.POLLIN)
            end.poll(ENDING * 1000)
            if self._status < 0 and self.pid is not None:
                reap(self.pid)
            self._let_go()
        for task in self.tasks:
            if task is not None:
                task.give_up()

    # -- what the event loop calls

    def _begin(self) -> None:
        self.busy_since = time.monotonic()
        self._alarm = self._loop.call_later(self._wall, self._is_too_late)

    def _is_too_late(self) -> None:
        self._too_late = True
        self.kill()

    def _receive(self) -> None:
        """Read what it has to say; every frame ends a task."""
        try:
            for frame in self._answers.read(self._from_child):
                self._hear(frame)
        except BadFrame:
            self._answers.at_end = True
            self.kill()
        if self._answers.at_end and not self.has_ended:
            self._loop.remove_reader(self._from_child)
            if self._status < 0:
                self._end(None)

    def _hear(self, frame: memoryview) -> None:
        try:
            good, said = pickle.loads(frame)  # noqa: S301  # our own child wrote it
        except Exception as error:  # noqa: BLE001  # a bug of ours, told to whoever waits
            good, said = False, error
        if not self._ready.done():
            self.pid = said
            self._ready.set_result(None)
            return
        task = self.tasks.popleft()
        self._rest()
        if self.tasks:
            self._begin()
        if task is not None:
            task.end(said, None if good else said)
        self._on_change(self)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.busy_since = None
        self.free_since = time.monotonic()

    def _hear_status(self) -> None:
        """It has ended, or its nursery has left, which would have said so; then the end of its answers must tell."""
        said = os.read(self._status, 4)
        self._receive()
        if said or self._answers.at_end:
            self._end(int.from_bytes(said, "big", signed=True) if said else None)
        else:
            self._close(self._status)
            self._status = -1
            self._loop.call_later(LEAVING, self._nursery.has_ended)

    def _end(self, code: int | None) -> None:
        """Tell whoever waits for the task it was at. ``code``: as of subprocess; None: its nursery did not say."""
        if code is None and self.pid is not None:
            code = reap(self.pid)
        self._let_go()
        self._rest()
        if not self._ready.done():
            self._ready.set_exception(ParseFailed(f"the parser ended with {code} before it began"))
            self._ready.exception()  # whether or not somebody waits
        if self.tasks and (not self._killed or self.tasks[0] is self._culprit):
            first = self.tasks.popleft()
            if first is not None:
                first.end(None, self._reason(code))
        self._on_change(self)

    def _reason(self, code: int | None) -> PollError:
        """What the end of a child says about its document."""
        if self._too_late:
            return ParseTimeout(f"reading took longer than {self._wall:g} s")
        if code == -signal.SIGXCPU:
            return ParseTimeout(f"reading took more than {self._cpu:g} s of processor time")
        return ParseFailed(f"the parser ended with {code} while reading this document")

    def _send(self, data: bytes) -> None:
        self._outgoing += [memoryview(LENGTH.pack(len(data))), memoryview(data)]
        if not self._writing:
            self._write()

    def _write(self) -> None:
        """Write what goes without waiting; the loop calls again when more would go."""
        outgoing = self._outgoing
        count = 0
        try:
            count = os.writev(self._to_child, outgoing)
        except BlockingIOError:
            pass
        except OSError:  # it has ended; its status tells
            outgoing.clear()
        while outgoing and count >= len(outgoing[0]):
            count -= len(outgoing.popleft())
        if outgoing:
            outgoing[0] = outgoing[0][count:]
        if self._writing != bool(outgoing):
            self._writing = bool(outgoing)
            if outgoing:
                self._loop.add_writer(self._to_child, self._write)
            elif self._to_child >= 0:
                self._loop.remove_writer(self._to_child)

    def _let_go(self) -> None:
        """Close everything; once."""
        self.has_ended = self.spent = True
        for pipe in (self._to_child, self._from_child, self._status):
            self._close(pipe)
        self._to_child = self._from_child = self._status = -1

    def _close(self, pipe: int) -> None:
        if pipe < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(pipe)
            self._loop.remove_writer(pipe)
        os.close(pipe)
        if pipe == self._to_child:
            self._to_child = -1


class _Frames:
    """Frames out of a pipe that never waits."""

    def __init__(self) -> None:
        self._buffer = bytearray(ROOM)
        self._filled = 0
        self.at_end = False

    def read(self, pipe: int) -> Iterator[memoryview]:
        """All that is there by now; each is good until the next is asked for. Raises BadFrame."""
        while not self.at_end:
            try:
                count = os.readv(pipe, [memoryview(self._buffer)[self._filled :]])
            except BlockingIOError:
                return
            self._filled += count
            self.at_end = count == 0
            yield from self._whole()

    def _whole(self) -> Iterator[memoryview]:
        begin, needed = 0, ROOM
        while self._filled - begin >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer, begin)
            if length > LARGEST:
                raise BadFrame(f"an answer of {length} bytes")
            end = begin + LENGTH.size + length
            if end > self._filled:
                needed = max(ROOM, end - begin)
                break
            yield memoryview(self._buffer)[begin + LENGTH.size : end]
            begin = end
        if begin or needed > len(self._buffer):
            rest = self._buffer[begin : self._filled]
            if needed != len(self._buffer):
                self._buffer = bytearray(needed)
            self._buffer[: len(rest)] = rest
            self._filled = len(rest)


class BadFrame(Exception):
    """What came through a pipe was no frame of ours."""
