"""Everything stored, tagged by some rules: in this process, or in several that read the store themselves.

    ranges of numbers ─▶ child: read, tag, look ─▶ what ``look`` found, in order ─▶ the caller, who may write

A child is given numbers and hands back only what its caller's ``look`` made of an entry, so that neither entries nor
taggings pass between processes. It ends when its pipe does: with the walk, or with the process that started it.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NamedTuple, TypeVar

from ketfeed.errors import InternalFault, StoreError
from ketfeed.model import RuleSet, Source
from ketfeed.store.db import Store
from ketfeed.store.records import Tagged
from ketfeed.topics.match import Tagger

PIECE = 1000  # numbers of entries tagged at a time, and written in one transaction
SMALL = 4000  # entries up to which starting processes costs more than it brings
NICE = 5  # of the children: whoever polls or serves comes first
AHEAD = 2  # pieces per child that may wait for the caller

T = TypeVar("T")

Look = Callable[[Tagged, Any], T | None]
"""What to keep of an entry and its new tagging; a function of a module, pure. None: nothing."""


class Piece(NamedTuple, Generic[T]):
    """What was found among the entries up to a number."""

    last: int
    entries: int  # looked at
    found: list[T]


def tag_stored(
    store: Store,
    rules: RuleSet,
    look: Look[T],
    *,
    after: int = 0,
    workers: int = 1,
    sources: Mapping[str, Source] | None = None,
) -> Generator[Piece[T]]:
    """Tag all entries with numbers after one, and give what ``look`` makes of them, piece by piece in order.

    ``sources``: by id, instead of what the store knows of a source. Entries stored meanwhile are included. Close the
    generator to stop: children are gone then. Raises StoreError; InternalFault when a child ends by itself twice.
    """
    task = _Task(store.url, rules, look, dict(sources or {}))
    ranges = _ranges(store, after)
    if workers == 1 or store.tags.last() - after <= SMALL:
        tagger = Tagger(rules)
        yield from (_piece(store, tagger, task, *one) for one in ranges)
        return
    children = _Children(task, workers)
    try:
        yield from children.map(ranges)
    finally:
        children.close()


def _ranges(store: Store, after: int) -> Iterator[tuple[int, int]]:
    while (last := store.tags.last()) > after:
        while after < last:
            yield after, min(after + PIECE, last)
            after += PIECE
        after = last


class _Task(NamedTuple):
    url: str  # of the store
    rules: RuleSet
    look: Callable[[Tagged, Any], Any]
    sources: dict[str, Source]


def _piece(store: Store, tagger: Tagger, task: _Task, after: int, last: int) -> Piece[Any]:
    taken = store.tags.between(after, last)
    looks = (task.look(one, tagger.tag(one.entry, task.sources.get(one.source.id, one.source))) for one in taken)
    return Piece(last, len(taken), [found for found in looks if found is not None])


def _work(pipe: Connection, task: _Task) -> None:
    """A child's life: ranges in, pieces or the error out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    os.nice(NICE)
    tagger = Tagger(task.rules)
    with Store.open(task.url, migrate=False) as store:
        while True:
            try:
                after, last = pipe.recv()
            except EOFError:
                return
            try:
                answer: Piece[Any] | StoreError = _piece(store, tagger, task, after, last)
            except StoreError as error:  # the parent raises it
                answer = error
            try:
                pipe.send(answer)
            except OSError:  # the parent is gone
                return


class _Child(NamedTuple):
    process: BaseProcess
    pipe: Connection


class _Children:
    """Some children and a thread for each, which hands out a range and waits for the piece."""

    def __init__(self, task: _Task, workers: int) -> None:
        self._task = task
        self._context = multiprocessing.get_context("spawn")  # threads of ours hold locks that a fork would copy
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, "retag")
        self._free: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._living: list[_Child] = []
        self._closed = False
        for _ in range(workers):
            self._free.put(self._start())

    def map(self, ranges: Iterator[tuple[int, int]]) -> Iterator[Piece[Any]]:
        """The pieces in the order of the ranges; so many are worked on ahead that no child has to wait."""
        asked: deque[Future[Piece[Any]]] = deque()
        for one in ranges:
            asked.append(self._threads.submit(self._ask, one))
            if len(asked) > AHEAD * self._workers:
                yield asked.popleft().result()
        while asked:
            yield asked.popleft().result()

    def close(self) -> None:
        """End the children at once: they only read."""
        self._closed = True
        for child in self._living:
            child.process.kill()
        self._threads.shutdown(cancel_futures=True)
        for child in self._living:
            child.process.join()
            child.pipe.close()

    def _start(self) -> _Child:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, self._task), daemon=True)
        process.start()
        there.close()
        child = _Child(process, here)
        self._living.append(child)
        return child

    def _ask(self, one: tuple[int, int]) -> Piece[Any]:
        for _ in range(self._workers + 1):  # all the children may have been killed at once
            child = self._free.get()
            try:
                child.pipe.send(one)
                answer = child.pipe.recv()
            except (EOFError, OSError):
                if self._closed:
                    break
                self._free.put(self._start())  # killed by somebody: once more, by another
                continue
            self._free.put(child)
            if isinstance(answer, StoreError):
                raise answer
            return answer  # type: ignore[no-any-return]  # of our own child
        raise InternalFault("a process that tags entries ended by itself")
