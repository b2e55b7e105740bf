"""Statements of SQLAlchemy without what they cost on SQLite, and those that dialects spell differently.

On SQLite texts and values go straight to the driver and its rows come back as they are: types, Row objects and a
parameter for each number cost more than finding and storing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Delete, Select, Table, Update, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import Insert

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """INSERT as the dialect has it, with ON CONFLICT."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # 2 MiB that a store in a file has no use for

    return postgresql.insert(table)


def upsert(connection: Connection, table: Table, *keys: str) -> Insert:
    """INSERT that overwrites every other column of a row with the same keys."""
    return _upsert(connection.dialect.name, table, keys)


@lru_cache(maxsize=64)
def _upsert(dialect: str, table: Table, keys: tuple[str, ...]) -> Insert:
    statement = insert_into(table, dialect)
    given = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=given)


def insert_new(connection: Connection, table: Table) -> Insert:
    """INSERT that leaves a row alone whose key is there already."""
    return _insert_new(connection.dialect.name, table)


@lru_cache(maxsize=64)
def _insert_new(dialect: str, table: Table) -> Insert:
    return insert_into(table, dialect).on_conflict_do_nothing()


def run_many(connection: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute one statement for many rows of values.

    On SQLite the values go straight to the driver: they are plain numbers, texts and bytes, and working them through
    SQLAlchemy's types costs more than storing them (measured: 12 of 40 microseconds a row).
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(statement, rows)
        return
    text, values = _driver_form(statement)
    connection.exec_driver_sql(text, [values(row) for row in rows])


def insert_rows(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]], *, known: bool = False
) -> None:
    """Add rows given as the values of ``names``. ``known``: a row whose key is there already is left alone."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_insert_text(table, names, known), rows)
        return
    statement = insert_new(connection, table) if known else insert(table)
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


@lru_cache(maxsize=64)
def _insert_text(table: Table, names: tuple[str, ...], known: bool) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    text = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608  # our names
    return f"{text} ON CONFLICT DO NOTHING" if known else text


def rows_among(
    connection: Connection, question: Select[Any], values: Collection[int] | Collection[str], **more: int
) -> Sequence[Any]:
    """Rows of a question about some numbers or ids, its expanding parameter ``among``; ``more``: its other parameters.

    On SQLite the driver's own rows, and the numbers as one JSON list: a parameter for each number and a Row for each
    row cost more than finding them. In no order beyond that of the question for a few hundred numbers.
    """
    if not values:
        return []
    numbers = sorted(values)
    if connection.dialect.name == "sqlite":
        return plain_rows(connection, question, {**more, "among": json.dumps(numbers)})
    found: list[Any] = []
    for start in range(0, len(numbers), AMONG):
        found += plain_rows(connection, question, more | {"among": numbers[start : start + AMONG]})
    return found


def plain_rows(connection: Connection, question: Select[Any], given: Mapping[str, Any]) -> Sequence[Any]:
    """Rows of a question that is kept for ever, as plain tuples; on SQLite the driver's own, where true is 1."""
    if connection.dialect.name != "sqlite":
        return [tuple(row) for row in connection.execute(question, given)]
    text, names, constants = _question_form(question)
    values = {**constants, **given}
    cursor = connection.exec_driver_sql(text, tuple([values[name] for name in names])).cursor
    return [] if cursor is None else cursor.fetchall()


AMONG = 400  # numbers in one question where each is a parameter


@lru_cache(maxsize=64)
def _question_form(question: Select[Any]) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
    compiled = question.compile(dialect=sqlite.dialect())
    text = _EXPANDING.sub("SELECT value FROM json_each(?)", str(compiled))
    return text, tuple(compiled.positiontup or ()), compiled.params


_EXPANDING = re.compile(r"__\[POSTCOMPILE_among(?:_\d+)?\]")


@lru_cache(maxsize=64)
def _driver_form(statement: Insert | Update | Delete) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    compiled = statement.compile(dialect=sqlite.dialect())
    names = compiled.positiontup or []
    return str(compiled), itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
