"""What a parser child does with its life: documents out of one pipe, answers into another, each under limits.

    prepare once ─▶ ready ─▶ ┌ document ─▶ processor limit ─▶ read, tag, finish ─▶ answer ┐ … until the pipe ends
                             └────────────────────────────────────────────────────────────┘

Pipes carry frames: eight bytes of length, then a pickle. The poller names the work by a function of this module, and
imports it for that; so what only a child needs is imported inside the functions that a child runs.
"""

from __future__ import annotations

import gc
import math
import os
import pickle
import resource
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ketfeed.errors import InternalFault
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.model import Entry, NormalisedFeed, Source, Tagging

if TYPE_CHECKING:
    from ketfeed.topics.match import Tagger

LENGTH = struct.Struct("!Q")
"""What stands before every pickle in a pipe."""
NICE = 5  # the event loop comes before its children

F = TypeVar("F")
Finish = Callable[[NormalisedFeed, Source, datetime, bool], F]
"""What the caller does with every document that was read, still in the child: a function of a module, pure. Its last
argument says whether it is the first document of its source."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a child is told before its first document. ``rules``: a pickled RuleSet, None: entries are not tagged."""

    rules: bytes | None
    finish: Finish[object] | None
    limits: Limits
    cpu: float  # processor seconds of one document
    memory: int  # bytes of address space


@dataclass(frozen=True, slots=True)
class Completed:
    """An entry with what its article's page added, and its tagging (None where no rules were given)."""

    entry: Entry
    tagging: Tagging | None


_tagger: Tagger | None = None
_finish: Finish[object] | None = None


def live(tasks: int, answers: int) -> None:
    """Work until ``tasks`` ends; both are file descriptors of pipes. The first frame is an Outfit, others are
    (function, arguments); an answer is (True, result) or (False, exception), the first one (True, process id)."""
    from ketfeed.ingest.nursery import end_with_parent

    outfit: Outfit = pickle.loads(receive(tasks))  # noqa: S301  # our own poller wrote it
    _prepare(outfit)
    _send(answers, pickle.dumps((True, os.getpid())))
    parent = os.getppid()
    while True:
        try:
            frame = receive(tasks)
        except EOFError:
            return
        if os.getppid() != parent:  # the nursery, which would have ended us with the poller, has left us to it
            parent = os.getppid()
            end_with_parent()
        _send(answers, _answer(frame, outfit))


def _answer(frame: bytearray, outfit: Outfit) -> bytes:
    """The outcome of one task, pickled, whatever happens."""
    try:
        work, arguments = pickle.loads(frame)  # noqa: S301  # our own poller wrote it
        return pickle.dumps((True, work(*arguments, outfit.limits, outfit.cpu)), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001  # told to the poller, which gives it a name
        try:
            return pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001  # it holds what cannot be told
            return pickle.dumps((False, InternalFault(f"reading failed: {type(error).__name__}: {error}")))


def receive(pipe: int) -> bytearray:
    """The next frame. Raises EOFError at the end of the pipe."""
    (length,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    return _exactly(pipe, length)


def _exactly(pipe: int, length: int) -> bytearray:
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = os.readv(pipe, [view])
        if count == 0:
            raise EOFError
        view = view[count:]
    return buffer


def _send(pipe: int, data: bytes) -> None:
    parts = [memoryview(LENGTH.pack(len(data))), memoryview(data)]
    while parts:
        count = os.writev(pipe, parts)
        while parts and count >= len(parts[0]):
            count -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][count:]


def _prepare(outfit: Outfit) -> None:
    """Make a child ready: a tagger, then the limits nothing can undo."""
    global _tagger, _finish
    from ketfeed.ingest.nursery import tagger_of

    os.nice(NICE)
    _tagger = tagger_of(outfit.rules) if outfit.rules is not None else None
    _finish = outfit.finish
    gc.collect()
    gc.freeze()  # what is loaded stays; walking over it again and again was a tenth of reading a feed
    gc.set_threshold(50_000, 20, 100)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (outfit.memory, outfit.memory))


# ---------------------------------------------------------------- the works


def allow(cpu: float) -> None:
    """Give what follows so many processor seconds of its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + cpu), hard))


def read(document: Document, source: Source, now: datetime, first: bool, limits: Limits, cpu: float) -> Any:  # noqa: ANN401  # whatever ``finish`` makes
    """One document, tagged and finished."""
    from ketfeed.ingest.normalise import read_document

    allow(cpu)
    feed = read_document(document, source, now, limits)
    if _tagger is not None:
        feed = replace(feed, taggings=tuple(_tagger.tag(entry, source) for entry in feed.entries))
    result = feed if _finish is None else _finish(feed, source, now, first)
    gc.collect(0)  # reading leaves circles, up to 13 MiB of them; a walk over all that caches hold took 2.5 ms a feed
    return result


def complete(document: Document, entry: Entry, source: Source, now: datetime, limits: Limits, cpu: float) -> Completed:
    """What an article's page adds to an entry."""
    from ketfeed.ingest import article

    allow(cpu)
    whole = article.complete(document, entry, now, limits)
    return Completed(whole, _tagger.tag(whole, source) if _tagger is not None else None)


def survey(document: Document, kind: Kind, now: datetime, limits: Limits, cpu: float) -> Survey:
    """A document that discovery came upon, in few words."""
    from ketfeed.ingest import links

    allow(cpu)
    return links.survey(document, kind, now, limits)


def find_links(document: Document, _limits: Limits, cpu: float) -> Links:
    """What a page names that may be feeds."""
    from ketfeed.ingest import links

    allow(cpu)
    return links.find_links(document)
