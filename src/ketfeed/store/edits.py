"""Editors' decisions as they are made, listed, exported and read back."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ketfeed.errors import UsageError
from ketfeed.model import ENTRY_NAMESPACE, Edit
from ketfeed.store.codec import clean, dump
from ketfeed.store.decisions import check_edit, edit_from, edit_read, edit_text
from ketfeed.store.engine import Database
from ketfeed.store.finding import find_number
from ketfeed.store.meta import next_version, publish_version
from ketfeed.store.placing import Changed, relist
from ketfeed.store.schema import EDIT, ENTRY, SPLIT_STORY, STORY_LINK
from ketfeed.store.statements import plain_rows, upsert
from ketfeed.store.times import to_us


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEdits:
    """What reading edits back did."""

    added: int  # not here before
    known: int  # already here, word for word
    waiting: int  # of the added: their entry is not stored yet; they hold from the moment it is


class Edits:
    """Part of Store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, edit: Edit, now: datetime | None = None) -> Edit:
        """Record a decision and let it take effect at once; returns it with full ids.

        ``edit.entry_id``, and ``edit.value`` of a join, may be the beginning of an id. ``now`` is when feeds change,
        None: ``edit.at``. Raises UsageError for an edit that says nothing, StoreError for an unknown entry.
        """
        check_edit(edit)
        with self._database.write() as connection:
            number = find_number(connection, edit.entry_id)
            full = replace(edit, entry_id=_id(connection, number))
            if edit.action == "join":
                other = find_number(connection, edit.value or "")
                if other == number:
                    raise UsageError("an entry cannot join itself")
                full = replace(full, value=_id(connection, other))
            _write(connection, [(full, number)], to_us(now or edit.at))
        return full

    def list(self, entry: str | None = None, limit: int | None = None) -> builtins.list[Edit]:
        """Decisions, newest first; of one entry (id or its beginning) when given."""
        question = select(EDIT).order_by(EDIT.c.number.desc())
        with self._database.read() as connection:
            if entry is not None:
                question = question.where(EDIT.c.entry == find_number(connection, entry))
            if limit is not None:
                question = question.limit(limit)
            return [edit_from(row) for row in connection.execute(question).mappings()]

    def export(self) -> builtins.list[dict[str, str]]:
        """All decisions as plain values, oldest first, for YAML."""
        return [edit_text(edit) for edit in reversed(self.list())]

    def load(self, said: Sequence[Mapping[str, Any]], now: datetime) -> LoadedEdits:
        """Read decisions back, oldest first; those already here are left alone, so that twice is harmless.

        Decisions about entries that are not stored yet wait for them. Raises UsageError naming the first wrong one;
        then nothing was read.
        """
        edits = [edit_read(one, f"edits[{at}]") for at, one in enumerate(said)]
        with self._database.write() as connection:
            before = {edit_from(row) for row in connection.execute(select(EDIT)).mappings()}
            fresh = [edit for edit in dict.fromkeys(edits) if edit not in before]
            numbers = _numbers(connection, {edit.entry_id for edit in fresh})
            _write(connection, [(edit, numbers.get(edit.entry_id)) for edit in fresh], to_us(now))
        return LoadedEdits(
            added=len(fresh),
            known=len(edits) - len(fresh),
            waiting=sum(edit.entry_id not in numbers for edit in fresh),
        )


def adopt(connection: Connection, entries: Mapping[str, int], seq: int, now: int) -> Changed:
    """Let waiting decisions hold for entries (number by id) that have just been stored."""
    ids = list(entries)
    waiting = EDIT.c.entry.is_(None) & EDIT.c.entry_id.in_(ids)
    partner = EDIT.c.entry.is_not(None) & (EDIT.c.action == "join") & EDIT.c.value.in_(ids)
    rows = connection.execute(select(EDIT).where(waiting | partner).order_by(EDIT.c.number)).mappings().all()
    if not rows:
        return Changed()
    mine = [(edit_from(row), entries.get(row["entry_id"]) or int(row["entry"])) for row in rows]
    connection.execute(
        update(EDIT)
        .where(EDIT.c.entry.is_(None), EDIT.c.entry_id == bindparam("at_id"))
        .values(entry=bindparam("at_number")),
        [{"at_id": edit.entry_id, "at_number": number} for edit, number in mine],
    )
    return _take_effect(connection, mine, seq, now)


def any_waiting(connection: Connection) -> bool:
    """Are there decisions about entries, or joins with entries, that are not stored yet?"""
    return bool(plain_rows(connection, _WAITING, {}))


_PARTNER = (EDIT.c.action == "join") & EDIT.c.value.not_in(select(ENTRY.c.id))
_WAITING = select(EDIT.c.number).where(EDIT.c.entry.is_(None) | _PARTNER).limit(1)


def _write(connection: Connection, edits: Sequence[tuple[Edit, int | None]], now: int) -> None:
    if not edits:
        return
    last = connection.execute(select(func.max(EDIT.c.number))).scalar_one() or 0
    rows = [
        {
            "number": last + at, "entry": number, "entry_id": edit.entry_id, "action": edit.action,
            "value": edit.value, "by": clean(edit.by), "at": to_us(edit.at), "why": clean(edit.why),
        }
        for at, (edit, number) in enumerate(edits, start=1)
    ]  # fmt: skip
    connection.execute(insert(EDIT), rows)
    version = next_version(connection)
    changed = _take_effect(connection, [(edit, number) for edit, number in edits if number is not None], version, now)
    publish_version(connection, version, changed, now)


def _take_effect(connection: Connection, edits: Iterable[tuple[Edit, int]], seq: int, now: int) -> Changed:
    """Move entries between stories where the edits say so, then place every story concerned anew."""
    stories: set[int] = set()
    touched: set[int] = set()
    for edit, number in edits:
        touched.add(number)
        stories.add(_story(connection, number))
        if edit.action == "split":
            _split(connection, number)
        elif edit.action == "join" and edit.value:
            _join(connection, number, edit.value, edit.why)
        stories.add(_story(connection, number))
    if touched:
        connection.execute(
            update(ENTRY).where(ENTRY.c.number == bindparam("at_number")).values(edited=True, changed_at=now),
            [{"at_number": number} for number in touched],
        )
    return relist(connection, stories, seq, touched)


def _split(connection: Connection, number: int) -> None:
    story = _story(connection, number)
    others = select(ENTRY.c.number).where(ENTRY.c.story == story, ENTRY.c.number != number).limit(1)
    if connection.execute(others).first() is None:
        return  # alone already
    _move(connection, number, own_story(connection, number))
    connection.execute(delete(STORY_LINK).where(STORY_LINK.c.entry == number))


def own_story(connection: Connection, number: int) -> int:
    """A story for one entry alone: its own number, or the negative of it while others stay in the story it founded."""
    inside = select(ENTRY.c.number).where(ENTRY.c.story == number, ENTRY.c.number != number).limit(1)
    if connection.execute(inside).first() is None:
        return number
    name = str(uuid5(ENTRY_NAMESPACE, f"split\n{_id(connection, number)}"))
    connection.execute(upsert(connection, SPLIT_STORY, "story"), {"story": -number, "id": name})
    return -number


def _join(connection: Connection, number: int, other: str, why: str) -> None:
    target = _numbers(connection, {other}).get(other)
    if target is None:
        return  # its partner is not stored (yet)
    _move(connection, number, _story(connection, target))
    reasons = {"entry": number, "reasons": dump([f"an editor joined it: {clean(why)}"])}
    connection.execute(upsert(connection, STORY_LINK, "entry"), reasons)


def _move(connection: Connection, number: int, story: int) -> None:
    connection.execute(update(ENTRY).where(ENTRY.c.number == number).values(story=story))


def _story(connection: Connection, number: int) -> int:
    return int(connection.execute(select(ENTRY.c.story).where(ENTRY.c.number == number)).scalar_one())


def _id(connection: Connection, number: int) -> str:
    return str(connection.execute(select(ENTRY.c.id).where(ENTRY.c.number == number)).scalar_one())


def _numbers(connection: Connection, ids: set[str]) -> dict[str, int]:
    wanted = sorted(ids)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        rows = connection.execute(select(ENTRY.c.id, ENTRY.c.number).where(ENTRY.c.id.in_(wanted[start : start + 500])))
        found.update(rows.all())
    return found
