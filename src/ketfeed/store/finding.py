"""Numbers for what people and addresses call things: ids of entries and stories."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ketfeed.errors import StoreError
from ketfeed.store.schema import ENTRY, SPLIT_STORY


def find_number(connection: Connection, entry: str) -> int:
    """The number of an entry by id or beginning of an id. Raises StoreError."""
    asked = entry.strip().lower().removeprefix("urn:uuid:")
    if len(asked) < 4:
        raise StoreError(f"{entry!r} is too short for an entry: give at least 4 characters of its id")
    rows = connection.execute(
        select(ENTRY.c.number, ENTRY.c.id)
        .where(ENTRY.c.id >= asked, ENTRY.c.id < asked + "g")  # ids are hexadecimal and "-": "g" is past them all
        .order_by(ENTRY.c.id)
        .limit(3)
    ).all()
    if not rows:
        raise StoreError(f"No entry's id begins with {entry!r}; `ketfeed search WORDS` shows ids")
    if len(rows) > 1 and rows[0].id != asked:
        raise StoreError(f"Several entries' ids begin with {entry!r}: {', '.join(row.id for row in rows)} ...")
    return int(rows[0].number)


def find_story(connection: Connection, story: str) -> int | None:
    """The number of a story by its id or the id of any member; None when unknown."""
    named = select(SPLIT_STORY.c.story).where(SPLIT_STORY.c.id == story)
    number: int | None = connection.execute(named).scalar_one_or_none()
    if number is not None:
        return number
    row = connection.execute(select(ENTRY.c.number, ENTRY.c.story).where(ENTRY.c.id == story)).one_or_none()
    if row is None:
        return None
    # Its first entry's id names a story even after that entry was split off, as long as others are in it.
    rest = connection.execute(select(ENTRY.c.number).where(ENTRY.c.story == row.number).limit(1)).first()
    return int(row.number) if rest is not None else int(row.story)
