"""Rows back to StoredEntry: a handful of questions for any number of entries, never one per entry."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from ketfeed.model import Edit, Source
from ketfeed.store.codec import entry_from, source_from, tagging_from
from ketfeed.store.decisions import UNDECIDED, decided, edits_of, overrule
from ketfeed.store.listing import Member, primary, rank
from ketfeed.store.placing import load_members
from ketfeed.store.records import SourceFacts, StoredEntry, StoryMember
from ketfeed.store.schema import ENTRY, MATCH, SOURCE, SPLIT_STORY, STORY_LINK
from ketfeed.store.times import from_us, from_us_or_none

CHUNK = 400


def read_entries(connection: Connection, numbers: Sequence[int]) -> list[StoredEntry]:
    """Entries by number, in the order asked for; numbers that are not there are left out."""
    rows: dict[int, Mapping[Any, Any]] = {}
    matches: dict[int, list[Mapping[Any, Any]]] = defaultdict(list)
    links: dict[int, tuple[str, ...]] = {}
    for start in range(0, len(numbers), CHUNK):
        part = {"numbers": list(numbers[start : start + CHUNK])}
        rows.update((row["number"], row) for row in connection.execute(_ENTRIES, part).mappings())
        for match in connection.execute(_MATCHES, part).mappings():
            matches[match["entry"]].append(match)
        links.update((row.entry, tuple(json.loads(row.reasons))) for row in connection.execute(_LINKS, part))
    edits = edits_of(connection, [number for number, row in rows.items() if row["edited"]])
    stories = _Stories(connection, sorted({row["story"] for row in rows.values()}))
    sources = _Sources(connection)
    found = []
    for number in numbers:
        row = rows.get(number)
        if row is not None:
            found.append(_stored(row, matches[number], edits.get(number, []), links.get(number, ()), stories, sources))
    return found


_ENTRIES = select(ENTRY).where(ENTRY.c.number.in_(bindparam("numbers", expanding=True)))
_MATCHES = select(MATCH).where(MATCH.c.entry.in_(bindparam("numbers", expanding=True)))
_LINKS = select(STORY_LINK).where(STORY_LINK.c.entry.in_(bindparam("numbers", expanding=True)))


def _stored(
    row: Mapping[Any, Any],
    matches: list[Mapping[Any, Any]],
    edits: list[Edit],
    reasons: tuple[str, ...],
    stories: _Stories,
    sources: _Sources,
) -> StoredEntry:
    number: int = row["number"]
    facts, _ = sources[row["source"]]
    said = decided(edits) if edits else UNDECIDED
    rules = tagging_from(row, matches)
    group = stories.members[row["story"]]
    me = next(member for member in group if member.number == number)
    first = primary(group)
    also = [member for member in sorted(group, key=rank) if member.visible and member.number != number]
    return StoredEntry(
        number=number,
        entry=entry_from(row, facts.id),
        tagging=overrule(rules, said),
        rule_tagging=rules,
        source=facts,
        first_seen=from_us(row["first_seen"]),
        sort_at=from_us(row["sort_at"]),
        changed_at=from_us(row["changed_at"]),
        announced=bool(row["announced"]),
        hidden=said.hidden,
        pinned=said.pinned,
        visible=me.visible,
        story_id=stories.ids[row["story"]],
        primary=first is not None and first.number == number,
        also=tuple(stories.shown(member, sources) for member in also),
        story_reasons=reasons,
    )


class _Stories:
    """The members of some stories and what "also covered by" says of them."""

    def __init__(self, connection: Connection, numbers: Sequence[int]) -> None:
        self.members: dict[int, list[Member]] = defaultdict(list)
        for start in range(0, len(numbers), CHUNK):
            for member in load_members(connection, numbers[start : start + CHUNK]):
                self.members[member.story].append(member)
        self.ids = story_ids(connection, numbers)
        others = [member.number for group in self.members.values() if len(group) > 1 for member in group]
        self._rows: dict[int, Any] = {}
        self._reasons: dict[int, tuple[str, ...]] = {}
        for start in range(0, len(others), CHUNK):
            part = {"numbers": others[start : start + CHUNK]}
            self._rows.update((row.number, row) for row in connection.execute(_BRIEF, part))
            self._reasons.update(
                (row.entry, tuple(json.loads(row.reasons))) for row in connection.execute(_LINKS, part)
            )

    def shown(self, member: Member, sources: _Sources) -> StoryMember:
        row = self._rows[member.number]
        facts, _ = sources[row.source]
        return StoryMember(
            id=row.id,
            title=row.title,
            link=row.link,
            source_id=facts.id,
            source_title=facts.title,
            kind=member.kind,
            published=from_us_or_none(row.published),
            first_seen=from_us(row.first_seen),
            reasons=self._reasons.get(member.number, ()),
        )


_BRIEF = select(
    ENTRY.c.number, ENTRY.c.id, ENTRY.c.title, ENTRY.c.link, ENTRY.c.source, ENTRY.c.published, ENTRY.c.first_seen
).where(ENTRY.c.number.in_(bindparam("numbers", expanding=True)))


def story_ids(connection: Connection, stories: Sequence[int]) -> dict[int, str]:
    """Public ids of stories: the id of the first entry, or the name a split story was given."""
    found: dict[int, str] = {}
    for start in range(0, len(stories), CHUNK):
        part = stories[start : start + CHUNK]
        found.update(connection.execute(select(ENTRY.c.number, ENTRY.c.id).where(ENTRY.c.number.in_(part))).all())
        if any(story < 0 for story in part):
            named = select(SPLIT_STORY.c.story, SPLIT_STORY.c.id).where(SPLIT_STORY.c.story.in_(part))
            found.update(connection.execute(named).all())
    return found


class _Sources:
    """Sources by number, each read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, tuple[SourceFacts, Source]] = {}

    def __getitem__(self, number: int) -> tuple[SourceFacts, Source]:
        if number not in self._known:
            row = self._connection.execute(select(SOURCE).where(SOURCE.c.number == number)).one()
            self._known[number] = (
                source_facts(source_from(row.definition), bool(row.active)),
                source_from(row.definition),
            )
        return self._known[number]


def source_facts(source: Source, active: bool) -> SourceFacts:
    """What a feed says about a source."""
    return SourceFacts(
        id=source.id,
        title=source.title or source.id,
        homepage=source.homepage,
        url=source.url,
        publish=source.publish,
        language=source.language,
        licence=source.licence,
        priority=source.priority,
        active=active,
    )
