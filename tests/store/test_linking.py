from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update
from tests.store.making import DAY, HOUR, NOW, entry, save, source, tags, write

from ketfeed.store import linking
from ketfeed.store.db import Store
from ketfeed.store.keys import SPAN, WINDOW, asked_keys, clue, hash48, own_keys, pack, span, unpack
from ketfeed.store.linking import CANDIDATES, HOLDERS, Candidates, find_holders, rank_holders
from ketfeed.store.schema import ENTRY, STORY_KEY, STORY_REPORT
from ketfeed.store.statements import insert_rows
from ketfeed.store.times import from_us, to_us
from ketfeed.topics.story_report import Report, report

TIMES = st.integers(-(10**15), 4 * 10**15)
NEAR = (hash48("a"), hash48("b"))


@given(TIMES, st.integers(-WINDOW, WINDOW))
def test_two_entries_within_the_window_find_each_other(moment: int, apart: int) -> None:
    assert set(own_keys((), NEAR, moment)) <= set(asked_keys((), NEAR, moment + apart))


@given(TIMES, TIMES)
def test_near_keys_of_far_times_never_meet(one: int, other: int) -> None:
    if abs(span(one) - span(other)) > 1:
        assert not set(own_keys((), NEAR, one)) & set(asked_keys((), NEAR, other))


@given(TIMES, TIMES)
def test_exact_keys_meet_at_any_time(one: int, other: int) -> None:
    exact = (hash48("doi:10.1/x"),)
    assert own_keys(exact, (), one) == asked_keys(exact, (), other)


@given(TIMES)
def test_keys_fit_a_signed_number_of_64_bits(moment: int) -> None:
    assert all(0 <= key < 2**63 for key in own_keys((), NEAR, moment) + asked_keys((), NEAR, moment))
    assert SPAN == 2 * WINDOW


def test_rare_and_exact_keys_count_most() -> None:
    near, rare, exact = 1 << 48 | 1, 1 << 48 | 2, 3
    holders = {near: [1, 2, 3, 4], rare: [2], exact: [1]}
    assert rank_holders(9, [near, rare, exact], holders) == [1, 2, 4, 3]


def test_one_common_key_is_chance() -> None:
    common, other = 1 << 48 | 1, 1 << 48 | 2
    holders = {common: list(range(1, HOLDERS + 1)), other: [5, 6]}
    assert rank_holders(99, [common], holders) == []
    assert rank_holders(99, [common, other], holders) == [6, 5]
    assert len(rank_holders(99, [other], {other: list(range(1, 11))})) <= CANDIDATES


def test_only_the_newest_holders_of_a_key_are_taken(empty: Store) -> None:
    with empty._database.write() as connection:
        insert_rows(connection, STORY_KEY, ("key", "entry"), [(7, n) for n in range(1, 40)])
        insert_rows(connection, STORY_KEY, ("key", "entry"), [(7, 1)], known=True)
        found = find_holders(connection, [7, 8])
    assert set(found) == {7}
    assert max(found[7]) == 39
    if empty._database.sqlite:
        assert sorted(found[7]) == list(range(40 - HOLDERS, 40))


def test_a_report_comes_back_from_its_plain_values() -> None:
    one = entry(1, title="FDA approves Spravato - The Daily News", excerpt="The FDA approved it for 120 patients.")
    made = report(one, tags("depression", identifiers=("doi:10.1/x",)), NOW)
    again = unpack(pack(made), 0)
    assert all(getattr(again, name) == getattr(made, name) for name in made.__slots__)


def test_kept_reports_share_their_words_and_their_empty_sets() -> None:
    one, other = entry(1, title="Spravato for veterans"), entry(2, title="Veterans ask for Spravato")
    first, second = (unpack(pack(report(made, tags(), NOW)), 0) for made in (one, other))
    words = {word: id(word) for word in first.sketch.lead}
    shared = [word for word in second.sketch.lead if words.get(word) == id(word)]
    assert shared == [word for word in second.sketch.lead if word in words]
    assert {"esketamine", "veteran"} <= set(shared)
    assert first.marks.phases is first.marks.roles is first.identifiers


def test_a_report_without_a_date_of_its_own_is_dated_by_where_it_is_sorted() -> None:
    packed = clue(entry(1, published=None), tags(), to_us(NOW)).report
    assert unpack(packed, to_us(NOW)).earliest == NOW
    earlier = unpack(packed, to_us(NOW - DAY))
    assert (earlier.earliest, earlier.latest, earlier.dated) == (NOW - DAY, NOW - DAY, False)
    dated = clue(entry(1), tags(), to_us(NOW)).report
    assert unpack(dated, 0).earliest == entry(1).published != from_us(0)


def test_an_edit_that_brings_the_identifier_joins_the_story(store: Store) -> None:
    page = {"canonical_link": "doi.org/10.1/x", "title": "Esketamine in depression: a randomised trial"}
    save(store, write([entry(1, of="paper", **page)], of=source("paper")))
    save(store, write([entry(2)], [tags("pain")], at=NOW + HOUR))
    assert len(store.entries.story(entry(2).id)) == 1
    save(store, write([entry(2, **page)], [tags("pain")], at=NOW + DAY))
    assert {one.entry.id for one in store.entries.story(entry(2).id)} == {entry(1, of="paper").id, entry(2).id}


def _reports_made(store: Store, monkeypatch: pytest.MonkeyPatch, numbers: list[int]) -> tuple[int, dict[int, Report]]:
    """How many reports a candidate search has to work out, and what it finds; nothing is in memory."""
    made: list[Report] = []

    def noted(*given: Any) -> Report:  # noqa: ANN401  # whatever a report is made of
        made.append(report(*given))
        return made[-1]

    monkeypatch.setattr(linking, "report", noted)
    with store._database.write() as connection:
        found = Candidates().load(connection, numbers)
    return len(made), {number: told.report for number, told in found.items()}


def _same(one: Report, other: Report) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in one.__slots__)


def test_what_a_stored_entry_reports_is_worked_out_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, write([entry(1, title="FDA approves Spravato"), entry(2, published=None)]))
    kept = _reports_made(store, monkeypatch, [1, 2])
    assert kept[0] == 0
    with store._database.write() as connection:
        connection.execute(delete(STORY_REPORT))
    anew, again = (_reports_made(store, monkeypatch, [1, 2]) for _ in range(2))
    assert anew[0] == 2
    assert again[0] == 0
    assert all(_same(kept[1][number], one[number]) for one in (anew[1], again[1]) for number in (1, 2))


def test_a_kept_report_is_of_the_entry_as_it_is_and_of_this_ketfeed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, write([entry(1, title="FDA approves Spravato")]))
    save(store, write([entry(1, title="FDA rejects Spravato")], at=NOW + HOUR))
    assert "reject" in _reports_made(store, monkeypatch, [1])[1][1].sketch.title
    with store._database.write() as connection:  # the very same moment
        connection.execute(update(ENTRY).values(title="Clinic opens", content_hash=b"other"))
    count, found = _reports_made(store, monkeypatch, [1])
    assert (count, "clinic" in found[1].sketch.title) == (1, True)
    with store._database.write() as connection:
        connection.execute(update(STORY_REPORT).values(form="of before"))
    assert _reports_made(store, monkeypatch, [1])[0] == 1
    assert _reports_made(store, monkeypatch, [1])[0] == 0
