"""Which stored entries may tell the same story as a new one, and which story it therefore joins.

``topics.stories`` says by which keys an entry can be found and decides between reports; this module only looks up.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select, update

from ketfeed.store.codec import dump, entry_from, tagging_from
from ketfeed.store.keys import Clue, asked_keys, form, own_keys, pack, unpack
from ketfeed.store.schema import ENTRY, SOURCE, STORY_KEY, STORY_LINK, STORY_REPORT
from ketfeed.store.statements import insert_rows, rows_among, run_many, upsert
from ketfeed.store.times import from_us
from ketfeed.topics import stories
from ketfeed.topics.story_report import Report, report

CANDIDATES = 8
"""Looked at per entry, with the other members of their stories; most of them share one common word by chance."""
HOLDERS = 12
"""Entries taken per key, the newest: a key that more entries of one time have says little."""
CHANCE = 1 / HOLDERS
MEMBERS = 4  # of a candidate's story, the newest, whose contradiction is heard
CHUNK = 400
EXACT = 1000.0  # an exact key outweighs any number of near ones


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry that needs a story."""

    number: int
    clue: Clue
    sort_at: int
    changed_at: int
    content_hash: bytes


class Told(NamedTuple):
    """A stored entry as the others are compared with it."""

    story: int
    report: Report


@dataclass(frozen=True, slots=True)
class Links:
    """What was decided about some arrivals."""

    joined: dict[int, int]  # entry number → story number, of those that join one
    reasons: dict[int, tuple[str, ...]]  # entry number → why


NO_LINKS = Links({}, {})


def link(connection: Connection, arrivals: Sequence[Arrival], known: Candidates) -> Links:
    """Decide in order for each entry and write its keys; the rest is the caller's to write, once the entries are."""
    if not arrivals:
        return NO_LINKS
    own = {one.number: own_keys(one.clue.exact, one.clue.near, one.sort_at) for one in arrivals}
    nearest = _nearest(connection, arrivals, own)
    stored = known.load(connection, {number for numbers in nearest.values() for number in numbers})
    members = defaultdict[int, list[int]](list)
    for number, told in stored.items():
        members[told.story].append(number)
    joined: dict[int, int] = {}
    reasons: dict[int, tuple[str, ...]] = {}
    for one in arrivals:
        mine = unpack(one.clue.report, one.sort_at)
        story = one.number
        # One member that contradicts keeps an entry out of a story, so all are compared, not the candidate alone.
        near = {number for number in nearest[one.number] if number in stored}
        whole = {stored[number].story for number in near}
        near.update(number for name in whole for number in members[name][-MEMBERS:])
        candidates = defaultdict[int, list[Report]](list)
        for number in sorted(near):
            candidates[stored[number].story].append(stored[number].report)
        best = stories.best_story(mine, candidates) if candidates else None
        if best is not None:
            story = joined[one.number] = best[0]
            reasons[one.number] = best[1].reasons
        stored[one.number] = Told(story, mine)
        members[story].append(one.number)
        known.remember(one.number, (story, one.changed_at, one.content_hash), stored[one.number])
    rows = sorted([(key, number) for number, mine in own.items() for key in mine])
    insert_rows(connection, STORY_KEY, ("key", "entry"), rows, known=True)
    _keep_reports(connection, [(one.number, one.changed_at, one.content_hash, one.clue.report) for one in arrivals])
    return Links(joined, reasons)


def _nearest(
    connection: Connection, arrivals: Sequence[Arrival], own: Mapping[int, Sequence[int]]
) -> dict[int, list[int]]:
    """Per arrival, the likeliest companions among stored entries and the arrivals before it."""
    asked = {one.number: asked_keys(one.clue.exact, one.clue.near, one.sort_at) for one in arrivals}
    holders = find_holders(connection, {key for wanted in asked.values() for key in wanted})
    found: dict[int, list[int]] = {}
    for one in arrivals:
        found[one.number] = rank_holders(one.number, asked[one.number], holders)
        for key in own[one.number]:
            holders[key].append(one.number)
    return found


def rank_holders(number: int, keys: Sequence[int], holders: Mapping[int, Sequence[int]]) -> list[int]:
    """The other entries that share keys, most likely companions first, at most CANDIDATES. Pure.

    A shared key counts the more the fewer entries have it; equally good ones come newest first. One near key that many
    have is chance and not looked at.
    """
    shared: defaultdict[int, float] = defaultdict(float)
    for key in keys:
        group = holders.get(key)
        if group:
            worth = 1 / len(group) if key >> 48 else EXACT
            for other in group:
                shared[other] += worth
    shared.pop(number, None)
    worthwhile = [(worth, other) for other, worth in shared.items() if worth > CHANCE]
    worthwhile.sort(reverse=True)
    return [other for _, other in worthwhile[:CANDIDATES]]


def write_reasons(connection: Connection, links: Links) -> None:
    """Remember why entries joined their stories."""
    if links.reasons:
        rows = [{"entry": number, "reasons": dump(said)} for number, said in links.reasons.items()]
        connection.execute(upsert(connection, STORY_LINK, "entry"), rows)


def loners(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those entries, all first of their stories, whose story holds nobody else."""
    crowded: set[int] = set()
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        others = select(ENTRY.c.story).where(ENTRY.c.story.in_(part), ENTRY.c.number != ENTRY.c.story)
        crowded |= set(connection.execute(others).scalars())
    return set(numbers) - crowded


def move_entries(connection: Connection, links: Links) -> None:
    """Write the stories that stored entries join, and why."""
    moved = [{"at_number": number, "to_story": story} for number, story in links.joined.items()]
    run_many(connection, _MOVE, moved)
    write_reasons(connection, links)


_MOVE = update(ENTRY).where(ENTRY.c.number == bindparam("at_number")).values(story=bindparam("to_story"))


def find_holders(connection: Connection, keys: Iterable[int]) -> defaultdict[int, list[int]]:
    """Entry numbers by key, for those keys that any entry has; the newest of a key that very many have."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    wanted = sorted(keys)
    if not wanted:
        return found
    if connection.dialect.name == "sqlite":
        # The driver's own rows: there are many, and each is two numbers.
        cursor = connection.exec_driver_sql(_HOLDERS, (json.dumps(wanted), HOLDERS)).cursor
        rows = [] if cursor is None else cursor.fetchall()
    else:
        rows = list(connection.execute(_HOLDERS_IN, {"keys": wanted}))
    for key, entry in rows:
        found[key].append(entry)
    return found


_HOLDERS = (
    "SELECT k.key, k.entry FROM json_each(?) AS j CROSS JOIN story_key AS k ON k.key = j.value AND k.entry IN "
    "(SELECT n.entry FROM story_key AS n WHERE n.key = j.value ORDER BY n.entry DESC LIMIT ?)"
)
_HOLDERS_IN = select(STORY_KEY.c.key, STORY_KEY.c.entry).where(STORY_KEY.c.key.in_(bindparam("keys", expanding=True)))


Stamp = tuple[int, int, bytes]
"""Story, time of the last change and fingerprint of an entry: while these stay, it tells the same."""


class Candidates:
    """Stored entries as story rules see them; those asked for or stored lately are kept.

    What was kept is used again only while the entry is as it was, so edits cannot leave a wrong one; after a
    transaction that was rolled back ``forget`` must follow. Used by one writer at a time. keep: entries, of 5 KiB each
    (half of them: a first poll's storing took 0.3 ms a feed more).
    """

    def __init__(self, keep: int = 300) -> None:
        self._keep = keep
        self._known: dict[int, tuple[Stamp, Told]] = {}

    def remember(self, number: int, stamp: Stamp, told: Told) -> None:
        """Keep an entry that is about to be written."""
        self._known.pop(number, None)
        self._known[number] = (stamp, told)

    def forget(self) -> None:
        """Keep nothing: what was about to be written was not."""
        self._known.clear()

    def load(self, connection: Connection, numbers: Collection[int]) -> dict[int, Told]:
        """Some entries and the newest members of their stories, by number, in the order stored."""
        found: dict[int, Told] = {}
        missing: dict[int, tuple[Stamp, int]] = {}
        for number, sort_at, *stamp in rows_among(connection, _STAMPS, numbers, members=MEMBERS):
            known = self._known.get(number)
            if known is not None and known[0] == tuple(stamp):
                found[number] = known[1]
            else:
                missing[number] = (tuple(stamp), sort_at)
        reports = _reports(connection, {number: stamp for number, (stamp, _) in missing.items()})
        for number, (stamp, sort_at) in missing.items():
            told = found[number] = Told(stamp[0], unpack(reports[number], sort_at))
            self.remember(number, stamp, told)
        for number in list(self._known)[: max(0, len(self._known) - self._keep)]:
            del self._known[number]
        return dict(sorted(found.items()))


def _reports(connection: Connection, stamps: Mapping[int, Stamp]) -> dict[int, str]:
    """Packed reports of stored entries, those kept while the entry is as it was; others are made and kept."""
    found: dict[int, str] = {
        number: packed
        for number, made_as, changed_at, content_hash, packed in rows_among(connection, _KEPT, stamps)
        if made_as == form() and (changed_at, content_hash) == stamps[number][1:]
    }
    made: list[tuple[int, int, bytes, str]] = []
    for row in rows_among(connection, _LIGHT, stamps.keys() - found.keys()):
        said = dict(zip(_LIGHT_NAMES, row, strict=True))
        number = said["number"]
        found[number] = _packed(said)
        made.append((number, said["changed_at"], said["content_hash"], found[number]))
    _keep_reports(connection, made)
    return found


def _packed(row: dict[str, Any]) -> str:
    light = row | {"summary": "", "content": "", "text": "", "raw": None, "raw_id": ""}
    entry, tagging = entry_from(light, row["source_id"]), tagging_from(row, ())
    return pack(report(entry, tagging, from_us(row["sort_at"])))


def _keep_reports(connection: Connection, made: Sequence[tuple[int, int, bytes, str]]) -> None:
    """Store reports of entries: number, time of the last change, fingerprint, packed report."""
    rows = [dict(zip(_REPORT_NAMES, (*row, form()), strict=True)) for row in made]
    run_many(connection, upsert(connection, STORY_REPORT, "entry"), rows)


_REPORT_NAMES = ("entry", "changed_at", "content_hash", "report", "form")
_AMONG: BindParameter[int] = bindparam("among", expanding=True)
_KEPT = select(
    STORY_REPORT.c.entry, STORY_REPORT.c.form, STORY_REPORT.c.changed_at, STORY_REPORT.c.content_hash,
    STORY_REPORT.c.report,
).where(STORY_REPORT.c.entry.in_(_AMONG))  # fmt: skip
_LIGHT = (
    select(
        ENTRY.c.number, ENTRY.c.id, ENTRY.c.title, ENTRY.c.link, ENTRY.c.canonical_link,
        ENTRY.c.excerpt, ENTRY.c.published, ENTRY.c.updated, ENTRY.c.sort_at, ENTRY.c.language, ENTRY.c.data,
        ENTRY.c.tagging, ENTRY.c.changed_at, ENTRY.c.content_hash, ENTRY.c.relevant, ENTRY.c.kind,
        SOURCE.c.id.label("source_id"),
    )
    .join(SOURCE, SOURCE.c.number == ENTRY.c.source)
    .where(ENTRY.c.number.in_(_AMONG))
)  # fmt: skip
_LIGHT_NAMES = tuple(column.name for column in _LIGHT.selected_columns)
_TELLS = ENTRY.alias("tells")
_TOGETHER = select(ENTRY.c.story).where(ENTRY.c.number.in_(_AMONG)).distinct().subquery("together")
_STAMPS = (
    select(_TELLS.c.number, _TELLS.c.sort_at, _TELLS.c.story, _TELLS.c.changed_at, _TELLS.c.content_hash)
    .join(_TOGETHER, _TOGETHER.c.story == _TELLS.c.story)
    .where(
        _TELLS.c.number.in_(_AMONG)
        | _TELLS.c.number.in_(
            select(ENTRY.c.number)
            .where(ENTRY.c.story == _TOGETHER.c.story)
            .order_by(ENTRY.c.number.desc())
            .limit(bindparam("members"))
            .correlate(_TOGETHER)
        )
    )
)
"""Some entries and the newest members of their stories."""
