from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.making import NOW, catalog, entry, save, source, write

from ketfeed.store import fulltext
from ketfeed.store.db import Store
from ketfeed.store.fulltext import expression, understand


@pytest.fixture
def filled(empty: Store) -> Store:
    empty.sources.sync(catalog(source()), NOW)
    save(
        empty,
        write(
            [
                entry(1, title="Ketamine for PTSD", text="Veterans were treated with racemic ketamine."),
                entry(2, title="Esketamine and suicide", text="An anti-suicidal effect was seen.", summary=""),
                entry(3, title="Kétamine à Zürich", text="Dépression résistante"),
                entry(4, title="Economic depression", text="Nothing here", summary="<p>R&amp;D of tropical storms</p>"),
            ]
        ),
    )
    return empty


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ketamine", [1, 3]),
        ("KETAMINE veterans", [1]),
        ('"racemic ketamine"', [1]),
        ('"ketamine racemic"', []),
        ("anti-suicidal", [2]),
        ("suicid*", [2]),
        ("depression", [3, 4]),
        ("depression -economic", [3]),
        ("zurich", [3]),
        ("tropical", [4]),
        ("R&D", [4]),
        ("-depression", []),
        ("", []),
        ('"', []),
        ("AND OR NOT NEAR( ^ : {title}", []),
        ("title:ketamine", []),
    ],
)
def test_search_finds_words_and_never_raises(filled: Store, words: str, found: list[int]) -> None:
    assert [one.number for one in filled.search(words)] == found


def test_search_is_newest_first_however_many_answer(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.sources.sync(catalog(source(), backfill=1000), NOW)
    save(empty, write([entry(number, text="common word") for number in range(60, 0, -1)]))
    few = [one.entry.title for one in empty.search("common", limit=5)]
    monkeypatch.setattr(fulltext, "FEW", 10)
    many = [one.entry.title for one in empty.search("common", limit=5)]
    public = [one.entry.title for one in empty.search("common", limit=5, public=True)]
    assert few == many == public == [f"Title {number} of news" for number in range(1, 6)]


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_question_sqlite_understands(text: str) -> None:
    words = understand(text)
    if not words.empty:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(a)")
        connection.execute("SELECT * FROM t WHERE t MATCH ?", (expression(words),)).fetchall()
        connection.close()


@pytest.mark.usefixtures("sqlite_only")
def test_the_index_holds_exactly_what_is_stored(filled: Store) -> None:
    save(filled, write([entry(1, title="Rewritten"), entry(5)], at=NOW))
    with filled._database.write() as connection:
        connection.exec_driver_sql("INSERT INTO entry_fts(entry_fts, rank) VALUES('integrity-check', 1)")


@pytest.mark.usefixtures("sqlite_only")
def test_the_index_is_joined_when_asked_and_holds_the_same(empty: Store) -> None:
    def segments() -> int:
        with empty._database.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(DISTINCT segid) FROM entry_fts_idx").scalar_one())

    empty.sources.sync(catalog(source()), NOW)
    for number in range(1, 30):
        save(empty, write([entry(number, text=f"common word{number}")]))
    before, found = segments(), [one.entry.id for one in empty.search("common", limit=50)]
    assert before == len(found) == 29
    steps = 0
    while empty.entries.join_index():
        steps += 1
    assert 1 <= steps < 20
    assert segments() < 4
    assert [one.entry.id for one in empty.search("common", limit=50)] == found
    assert [one.entry.title for one in empty.search("word7")] == ["Title 7 of news"]
    with empty._database.write() as connection:
        connection.exec_driver_sql("INSERT INTO entry_fts(entry_fts, rank) VALUES('integrity-check', 1)")


def test_an_index_that_is_whole_needs_nothing(empty: Store) -> None:
    assert not empty.entries.join_index()
