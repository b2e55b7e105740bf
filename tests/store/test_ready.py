from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.making import ALL, HOUR, NOW, entry, save, source, tags, write

from ketfeed.model import Entry, FeedInfo, NormalisedFeed, Tagging
from ketfeed.store.db import Store
from ketfeed.store.ready import ROW, ReadyFeed, clue_of, prepare, ready
from ketfeed.store.schema import ENTRY
from ketfeed.store.times import to_us

INFO = FeedInfo(format="rss2.0")


def feed(*entries: Entry, taggings: tuple[Tagging, ...] = ()) -> NormalisedFeed:
    return NormalisedFeed(info=INFO, entries=entries, taggings=taggings)


def digest(*entries: Entry) -> str:
    return prepare(feed(*entries), source(), NOW).entries_hash


def test_a_ready_feed_is_the_same_in_another_process() -> None:
    said = feed(entry(1), entry(2), taggings=(tags("ptsd", "pain"), tags(relevant=False)))
    for of in (source(), source(type="page")):
        made = prepare(said, of, NOW)
        again = pickle.loads(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))  # noqa: S301  # our own
        assert again == made
        assert type(again) is ReadyFeed
        assert [one.raw_id for one in again.entries] == [entry(1).raw_id, entry(2).raw_id]


def test_a_ready_feed_knows_what_it_takes_in_memory() -> None:
    said = [entry(number, text=f"word {number} " * 500, content=f"<p>Wört {number}</p>" * 300) for number in range(30)]
    made = pickle.dumps(prepare(feed(*said, taggings=(tags(),) * 30), source(), NOW), pickle.HIGHEST_PROTOCOL)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        again = pickle.loads(made)  # noqa: S301  # our own
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.7 < again.weight / taken < 1.3


def test_children_can_prepare_without_the_database_libraries() -> None:
    """A child would have them in memory, and would load them under its limit of address space."""
    program = "import sys, ketfeed.store.ready; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ketfeed" in loaded
    assert not loaded & {"sqlalchemy", "sqlmodel", "alembic", "pydantic", "structlog"}


def test_what_is_ready_are_columns_of_the_table() -> None:
    assert set(ROW) < {column.name for column in ENTRY.c}


@pytest.mark.parametrize(
    "change", [{"title": "Other"}, {"published": NOW}, {"link": "https://news.example/other"}, {"content": "<p>x</p>"}]
)
def test_the_hash_over_the_entries_tells_any_edit(change: dict[str, object]) -> None:
    assert digest(entry(1), entry(2)) == digest(entry(1), entry(2))
    assert digest(entry(1), entry(2)) != digest(replace(entry(1), **change), entry(2))  # type: ignore[arg-type]


def test_the_hash_over_the_entries_tells_other_ids_and_another_order() -> None:
    hashes = {digest(entry(1), entry(2)), digest(entry(2), entry(1)), digest(entry(1)), digest()}
    hashes.add(digest(replace(entry(1), raw_id="other"), entry(2)))
    assert len(hashes) == 5
    assert all(hashes)


def test_comments_and_repairs_are_no_other_document() -> None:
    assert digest(replace(entry(1), comments_count=9, notes=("date: missing",))) == digest(entry(1))


def test_an_entry_is_sorted_by_its_own_date_but_never_after_the_visit() -> None:
    at = to_us(NOW)
    assert ready(entry(1), None, at).sort_at == to_us(NOW - HOUR)
    assert ready(entry(1, published=None, updated=NOW - 2 * HOUR), None, at).sort_at == to_us(NOW - 2 * HOUR)
    assert ready(entry(1, published=None), None, at).sort_at == at
    assert ready(entry(1, published=NOW + timedelta(days=9)), None, at).sort_at == at


def test_a_clue_worked_out_from_the_columns_is_the_one_of_the_entry() -> None:
    one = entry(1, identifiers=("doi:10.1/x",), link_is_redirect=True)
    tagging = tags("ptsd", relevant=False, identifiers=("doi:10.1/x",), kind="research")
    without, made = ready(one, tagging, to_us(NOW)), ready(one, tagging, to_us(NOW), with_clue=True)
    assert without.clue is None
    assert made.clue == clue_of(made, "news") == clue_of(without, "news")


def test_clues_are_left_for_later_where_entries_are_stored_already(store: Store) -> None:
    said = feed(entry(1), entry(2), taggings=(tags("ptsd"), tags(relevant=False)))
    assert [one.clue is None for one in prepare(said, source(relevance="filter"), NOW).entries] == [False, True]
    assert [one.clue is None for one in prepare(said, source(relevance="filter"), NOW, first=False).entries] == [
        True
    ] * 2
    page = {"canonical_link": "page.example/one"}
    save(store, write([entry(1, of="paper", **page)], of=source("paper")))
    again = write([entry(2, **page)], at=NOW + HOUR)
    assert again.feed is not None
    later = prepare(feed(entry(2, **page), taggings=(tags(),)), source(), NOW + HOUR, first=False)
    save(store, replace(again, feed=later))
    assert len(store.entries.story(entry(1, of="paper").id)) == 2


def test_a_source_that_has_come_to_show_everything_finds_stories_of_entries_read_before(store: Store) -> None:
    """The poll began while the source was filtered: no clue was made for what is not relevant."""
    page = {"canonical_link": "page.example/one"}
    save(store, write([entry(1, of="paper", **page)], of=source("paper")))
    late = write([entry(2, **page)], [tags(relevant=False)], of=source("news", relevance="filter"), at=NOW + HOUR)
    assert late.feed is not None
    assert late.feed.entries[0].clue is None
    save(store, late)
    assert len(store.entries.story(entry(1, of="paper").id)) == 2
    assert len(store.entries.select(ALL)) == 1
