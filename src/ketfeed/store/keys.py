"""By what a story is found, and what is compared then: numbers and plain values. Pure, made in the parser's children.

A key is one 64-bit number: a span of time in the upper 15 bits (0: no bound) and 48 bits of a hash. A span is twice the
window in which two reports of one event may lie, so an entry's neighbours are always in one or two spans, and looking
up costs the same among a thousand entries and a million.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import NamedTuple, cast, get_type_hints

from ketfeed import topics
from ketfeed.model import Entry, Tagging
from ketfeed.store.times import from_us, from_us_or_none, to_us
from ketfeed.topics import stories
from ketfeed.topics.sketch import Sketch
from ketfeed.topics.stories import StoryKeys
from ketfeed.topics.story_report import Marks, Report, report

SPAN = 2 * stories.WINDOW // timedelta(microseconds=1)
WINDOW = stories.WINDOW // timedelta(microseconds=1)
LAST_SPAN = 0x7FFF


class Clue(NamedTuple):
    """What leads from an entry to its story."""

    exact: tuple[int, ...]  # hashes of identifiers and canonical links
    near: tuple[int, ...]  # hashes of what reports of one event share
    report: str  # see pack: costs a tenth to hand from process to process, and is stored as it is


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


def pack(made: Report) -> str:
    """A report as JSON: its values, those of its Marks, and those of their Sketch, in the order of their fields."""
    return json.dumps(
        (_of_report(made), _of_marks(made.marks), _of_sketch(made.marks.sketch)),
        default=_plain,
        separators=(",", ":"),
    )


def _plain(value: object) -> list[str] | int:
    return to_us(value) if isinstance(value, datetime) else sorted(cast("frozenset[str]", value))


def unpack(packed: str, sort_at: int) -> Report:
    """The inverse of ``pack``; a report without a date of its own is dated by ``sort_at`` (microseconds).

    Many are kept (linking.Candidates), so each word is one object in all of them, and so is the empty set of which a
    report has some thirty: 10.6 KiB a report became 5.
    """
    said, marks, sketch = json.loads(packed)
    values = dict(zip(_REPORT, said, strict=True))
    if not values["dated"]:
        values["earliest"] = values["latest"] = sort_at
    for name in ("earliest", "latest"):
        values[name] = from_us_or_none(values[name])
    for name in _REPORT_SETS:
        values[name] = frozenset(values[name]) or _EMPTY
    values["keys"] = tuple(values["keys"])
    mine = dict(zip(_MARKS, marks, strict=True))
    for name in _MARKS_SETS:
        mine[name] = frozenset(mine[name]) or _EMPTY
    words = dict(zip(_SKETCH, sketch, strict=True))
    for name in _SKETCH_SETS:
        words[name] = frozenset(map(intern, words[name])) or _EMPTY
    words["order"] = tuple(map(intern, words["order"]))
    return Report(**values, marks=Marks(**mine, sketch=Sketch(**words)))


def _sets(of: type[Report | Marks | Sketch]) -> tuple[str, ...]:
    """The fields that are sets of words."""
    hints = get_type_hints(of)
    return tuple(one.name for one in fields(of) if hints[one.name] == frozenset[str])


_REPORT_SETS, _MARKS_SETS, _SKETCH_SETS = _sets(Report), _sets(Marks), _sets(Sketch)
_EMPTY: frozenset[str] = frozenset()


@cache
def form() -> str:
    """Names how this ketfeed makes reports: a stored one of another form is made anew.

    A digest of every module of ``topics``, so that nobody has to think of it; two milliseconds, once.
    """
    digest = blake2b(digest_size=6)
    for file in sorted(Path(topics.__path__[0]).glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
