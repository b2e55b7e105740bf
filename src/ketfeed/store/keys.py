"""By what a story is found, and what is compared then: numbers and plain values. Pure, made in the parser's children.

A key is one 64-bit number: a span of time in the upper 15 bits (0: no bound) and 48 bits of a hash. A span is twice the
window in which two reports of one event may lie, so an entry's neighbours are always in one or two spans, and looking
up costs the same among a thousand entries and a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta
from hashlib import blake2b
from operator import attrgetter
from sys import intern
from typing import Any, NamedTuple

from ketfeed.model import Entry, Tagging
from ketfeed.store.times import from_us
from ketfeed.topics import stories
from ketfeed.topics.sketch import Sketch
from ketfeed.topics.stories import StoryKeys
from ketfeed.topics.story_report import Marks, Report, report

SPAN = 2 * stories.WINDOW // timedelta(microseconds=1)
WINDOW = stories.WINDOW // timedelta(microseconds=1)
LAST_SPAN = 0x7FFF

PackedReport = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]
"""A Report as its values, those of its Marks, and those of their Sketch: a dataclass costs ten times as much to hand
from one process to another."""


class Clue(NamedTuple):
    """What leads from an entry to its story."""

    exact: tuple[int, ...]  # hashes of identifiers and canonical links
    near: tuple[int, ...]  # hashes of what reports of one event share
    report: PackedReport


def clue(entry: Entry, tagging: Tagging, sort_at: int) -> Clue:
    """What leads to an entry's story; ``sort_at`` (microseconds) dates one without a date."""
    made = report(entry, tagging, from_us(sort_at))
    keys = stories.story_keys(entry, tagging, made)
    exact, near = hashed(keys)
    return Clue(exact, near, pack(made))


def hashed(keys: StoryKeys) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The exact and the near keys as 48-bit numbers."""
    return tuple(map(hash48, keys.exact)), tuple(map(hash48, keys.near))


def hash48(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big")


def span(moment: int) -> int:
    """The span of a time in microseconds, from 1; times before 1970 or absurdly late share the ends."""
    return min(max(moment // SPAN + 1, 1), LAST_SPAN)


def own_keys(exact: Sequence[int], near: Sequence[int], sort_at: int) -> list[int]:
    """The keys an entry is stored under."""
    high = span(sort_at) << 48
    return [*exact, *[high | one for one in near]]


def asked_keys(exact: Sequence[int], near: Sequence[int], sort_at: int) -> list[int]:
    """The keys its possible companions are stored under: the spans that the window around it touches."""
    highs = {span(sort_at - WINDOW) << 48, span(sort_at + WINDOW) << 48}
    return [*exact, *[high | one for high in highs for one in near]]


_REPORT = tuple(one.name for one in fields(Report) if one.name != "marks")
_MARKS = tuple(one.name for one in fields(Marks) if one.name != "sketch")
_SKETCH = tuple(one.name for one in fields(Sketch))
_of_report, _of_marks, _of_sketch = attrgetter(*_REPORT), attrgetter(*_MARKS), attrgetter(*_SKETCH)


def pack(made: Report) -> PackedReport:
    """A report as plain values. Most of its thirty sets are empty; those are one object, where each took 216 bytes."""
    sketch = made.marks.sketch
    return (
        _with_one_empty(_of_report(made)),
        _with_one_empty(_of_marks(made.marks)),
        _with_one_empty(_of_sketch(sketch)),
    )


def _with_one_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_EMPTY if value == _EMPTY else value for value in values])


_EMPTY: frozenset[str] = frozenset()


def unpack(packed: PackedReport, sort_at: int) -> Report:
    """The inverse of ``pack``; a report without a date of its own is dated by ``sort_at`` (microseconds).

    Many are kept (linking.Candidates), so each word is one object in all of them: 10.6 KiB a report became 5.
    """
    said, marks, sketch = packed
    made = Report(
        **dict(zip(_REPORT, said, strict=True)),
        marks=Marks(
            **dict(zip(_MARKS, marks, strict=True)),
            sketch=Sketch(**dict(zip(_SKETCH, map(_with_shared_words, sketch), strict=True))),
        ),
    )
    if made.dated:
        return made
    seen = from_us(sort_at)
    return made if made.earliest == seen else replace(made, earliest=seen, latest=seen)


def _with_shared_words(value: Any) -> Any:  # noqa: ANN401  # a value of a Sketch
    return frozenset(map(intern, value)) if value.__class__ is frozenset else value
