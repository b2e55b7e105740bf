"""Full text behind a few functions: FTS5 on SQLite, an expression index on PostgreSQL.

The index reads words from the entry's own columns, so an entry's words must leave the index before they change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import text as sql

WORDS = ("title", "names", "summary_text", "text")
"""Columns of ``entry`` that are searched."""
COLUMNS = ", ".join(WORDS)


def add(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Index entries given as their number and the values of WORDS, as they stand in their rows.

    The index could read them back from the rows, but those lie on pages that may have left the cache already.
    """
    if rows and connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_ADD, rows)


_ADD = f"INSERT INTO entry_fts(rowid, {COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608  # a constant


def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """Take entries out of the index; before their columns change."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            f"INSERT INTO entry_fts(entry_fts, rowid, {COLUMNS}) "  # noqa: S608  # a constant
            f"SELECT 'delete', number, {COLUMNS} FROM entry WHERE number = ?",
            [(number,) for number in numbers],
        )


def join(connection: Connection) -> bool:
    """Join segments of the index into larger ones, a little; False: there is nothing to join.

    A transaction's words are a segment, and a word is looked up in each: 0.6 ms among two hundred, 0.01 in one. FTS5
    could join some with every transaction (automerge), which was a tenth of storing a first poll.
    """
    if connection.dialect.name != "sqlite":
        return False
    driver: Any = connection.connection.driver_connection
    before = driver.total_changes
    connection.exec_driver_sql("INSERT INTO entry_fts(entry_fts, rank) VALUES ('merge', ?)", (PAGES,))
    return bool(driver.total_changes - before >= _JOINED)


PAGES = 500  # of 4 KB, joined at a time: 30 ms
_JOINED = 2  # rows that change when anything was joined: https://sqlite.org/fts5.html#the_merge_command
_TOKEN = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Words:
    """A person's question: every phrase must be said, none of ``without`` may be."""

    said: tuple[tuple[str, bool], ...] = ()  # (words with single spaces, the last one is only a beginning)
    without: tuple[tuple[str, bool], ...] = ()

    @property
    def empty(self) -> bool:
        return not self.said


def understand(text: str) -> Words:
    """Read a question. Nothing a person types is an error.

    ``"two words"`` is a phrase, ``-word`` must not be there, ``begin*`` is a beginning, ``anti-suicidal`` is a phrase
    of its parts (that is how the index splits it). Everything else is punctuation. At most 20 parts count.
    """
    said: list[tuple[str, bool]] = []
    without: list[tuple[str, bool]] = []
    for token in _TOKEN.finditer(text.replace("\0", " ")):
        written = token["phrase"] if token["phrase"] is not None else token["word"]
        parts = _WORD.findall(written)
        if parts and len(said) + len(without) < 20:
            begins = token["phrase"] is None and written.endswith("*")
            (without if token["minus"] else said).append((" ".join(parts), begins))
    return Words(tuple(said), tuple(without))


def expression(words: Words) -> str:
    """The FTS5 query of a question; every word quoted, so that none is an operator."""
    said = " AND ".join(_quoted(part) for part in words.said)
    return said if not words.without else f"({said}) NOT ({' OR '.join(_quoted(part) for part in words.without)})"


def _quoted(part: tuple[str, bool]) -> str:
    return f'"{part[0]}"{" *" if part[1] else ""}'


def says(connection: Connection, number: int, text: str) -> bool:
    """Does one entry answer a question? An empty question is answered by all."""
    words = understand(text)
    if words.empty:
        return True
    if connection.dialect.name == "sqlite":
        row = connection.exec_driver_sql(
            "SELECT 1 FROM entry_fts WHERE entry_fts MATCH ? AND rowid = ?", (expression(words), number)
        ).first()
        return row is not None
    question = f"SELECT 1 FROM entry WHERE number = :number AND {_POSTGRESQL}"  # noqa: S608  # a constant
    return connection.execute(sql(question), {"number": number, "words": websearch(words)}).first() is not None


FEW = 3000
"""Answers that are simply sorted; more are looked for along the dates instead."""


def few(connection: Connection, words: Words) -> list[int] | None:
    """Numbers of all entries that answer, in no order; None when they are more than FEW."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT rowid FROM entry_fts WHERE entry_fts MATCH ? LIMIT ?", (expression(words), FEW + 1)
        )
    else:
        question = f"SELECT number FROM entry WHERE {_POSTGRESQL} LIMIT :limit"  # noqa: S608  # constants
        rows = connection.execute(sql(question), {"words": websearch(words), "limit": FEW + 1})
    numbers = list(rows.scalars())
    return numbers if len(numbers) <= FEW else None


def newest(connection: Connection, words: Words, limit: int, public: bool) -> list[int]:
    """Numbers of the entries that answer, newest first. ``public``: only those with a place in a feed.

    Few answers are sorted. Many are found by walking back in time and asking each entry: a common word is found soon.
    """
    if connection.dialect.name != "sqlite":
        return _newest_postgresql(connection, words, limit, public)
    numbers = few(connection, words)
    if numbers is not None:
        rows = connection.exec_driver_sql(_SORTED_PUBLIC if public else _SORTED, (json.dumps(numbers), limit))
    else:
        rows = connection.exec_driver_sql(_WALKED_PUBLIC if public else _WALKED, (expression(words), limit))
    return list(rows.scalars())


_SORTED = (
    "SELECT e.number FROM json_each(?) AS j JOIN entry AS e ON e.number = j.value "
    "ORDER BY e.sort_at DESC, e.number DESC LIMIT ?"
)
_SORTED_PUBLIC = (
    "SELECT e.number FROM json_each(?) AS j JOIN entry AS e ON e.number = j.value "
    "WHERE EXISTS (SELECT 1 FROM listing AS l WHERE l.story = e.story AND l.entry = e.number) "
    "ORDER BY e.sort_at DESC, e.number DESC LIMIT ?"
)
_WALKED = (
    "SELECT e.number FROM entry AS e WHERE "
    "EXISTS (SELECT 1 FROM entry_fts AS f WHERE f.rowid = e.number AND f.entry_fts MATCH ?) "
    "ORDER BY e.sort_at DESC, e.number DESC LIMIT ?"
)
_WALKED_PUBLIC = (
    "SELECT l.entry FROM listing AS l WHERE l.feed = 'all' AND "
    "EXISTS (SELECT 1 FROM entry_fts AS f WHERE f.rowid = l.entry AND f.entry_fts MATCH ?) "
    "ORDER BY l.sort_at DESC, l.entry DESC LIMIT ?"
)

ACCENTED = (
    "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿĀāĂăĄąĆćĈĉĊċČčĎďĒēĔĕĖėĘęĚěĜ"
    "ĝĞğĠġĢģĤĥĨĩĪīĬĭĮįİĴĵĶķĹĺĻļĽľŃńŅņŇňŌōŎŏŐőŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽ"
    "ž"
)
PLAIN = (
    "AAAAAACEEEEIIIINOOOOOUUUUYaaaaaaceeeeiiiinooooouuuuyyAaAaAaCcCcCcCcDdEeEeEeEeEeG"
    "gGgGgGgHhIiIiIiIiIJjKkLlLlLlNnNnNnOoOoOoRrRrRrSsSsSsSsTtTtUuUuUuUuUuUuWwYyYZzZzZ"
    "z"
)
_FOLD = str.maketrans(ACCENTED, PLAIN)
_DOCUMENT = (
    f"to_tsvector('simple', translate(title || ' ' || names || ' ' || summary_text || ' ' || text, "
    f"'{ACCENTED}', '{PLAIN}'))"
)
"""What PostgreSQL indexes: as FTS5 does here, without accents. Word for word the expression of the migration."""

_POSTGRESQL = f"{_DOCUMENT} @@ to_tsquery('simple', :words)"


def websearch(words: Words) -> str:
    """The PostgreSQL query of a question; words hold letters and digits only, so that none is an operator."""

    def one(part: tuple[str, bool]) -> str:
        joined = " <-> ".join(part[0].translate(_FOLD).split())
        return f"({joined}:*)" if part[1] else f"({joined})"

    return " & ".join([*map(one, words.said), *(f"!{one(part)}" for part in words.without)])


def _newest_postgresql(connection: Connection, words: Words, limit: int, public: bool) -> list[int]:
    shown = "AND EXISTS (SELECT 1 FROM listing AS l WHERE l.entry = entry.number) " if public else ""
    question = (
        f"SELECT number FROM entry WHERE {_POSTGRESQL} {shown}"  # noqa: S608  # constants
        "ORDER BY sort_at DESC, number DESC LIMIT :limit"
    )
    return list(connection.execute(sql(question), {"words": websearch(words), "limit": limit}).scalars())
