from __future__ import annotations

from dataclasses import replace

import pytest
from tests.store.making import ALL, DAY, HOUR, NOW, entry, retitled, save, source, tags, titles, write

from ketfeed.model import FeedQuery, Tagging
from ketfeed.store.db import Store
from ketfeed.store.records import Mark, TagChange
from ketfeed.store.retagging import all_retagged, differing, retagged

PTSD = FeedQuery(topics=("ptsd",))
PAIN = FeedQuery(topics=("pain",))


@pytest.fixture
def filled(store: Store) -> Store:
    wide = source("wide", relevance="filter")
    save(
        store,
        write([entry(number) for number in range(1, 8)], [tags("ptsd") for _ in range(7)]),
        write([entry(9, of="wide")], [tags(relevant=False)], of=wide),
    )
    return store


def retag(store: Store, tagging: Tagging, size: int = 3) -> list[TagChange]:
    changes: list[TagChange] = []
    for batch in store.tags.batches(size):
        mark = Mark(digest="new", after=batch[-1].number)
        changes += store.tags.apply(all_retagged((one, tagging) for one in batch), NOW + DAY, mark)
    return changes


def test_batches_hand_out_every_entry_once(filled: Store) -> None:
    batches = list(filled.tags.batches(3))
    assert [len(batch) for batch in batches] == [3, 3, 2]
    assert [one.number for batch in batches for one in batch] == list(range(1, 9))
    assert batches[0][0].entry == entry(1)
    assert batches[0][0].tagging == tags("ptsd")
    assert batches[2][1].source == source("wide", relevance="filter")


def test_a_range_of_numbers_can_be_read_alone(filled: Store) -> None:
    """What tags many entries in several processes gives each a range; the large raw fields stay behind."""
    assert filled.tags.last() == 8
    assert [one.number for one in filled.tags.between(2, 5)] == [3, 4, 5]
    assert filled.tags.between(8, 20) == []
    [whole] = filled.tags.batches(100)
    bare = [replace(one.entry, raw_title=None, raw_summary=None, raw_content=None) for one in whole]
    assert filled.tags.between(0, 8) == [replace(one, entry=entry) for one, entry in zip(whole, bare, strict=True)]


def test_only_what_differs_is_handed_on(filled: Store) -> None:
    """The tagging that is stored changes nothing; another one gives rows for the tables, or both taggings to show."""
    [one] = filled.tags.between(0, 1)
    assert retagged(one, tags("ptsd")) is None
    assert differing(one, tags("ptsd")) is None
    made, shown = retagged(one, tags("pain")), differing(one, tags("pain"))
    assert made is not None
    assert [topic for topic, *_ in made.after.matches] == ["pain"]
    assert [topic for topic, *_ in made.before.matches] == ["ptsd"]
    assert shown is not None
    assert (shown.entry.id, shown.before, shown.after) == (one.entry.id, tags("ptsd"), tags("pain"))


def test_new_tags_move_entries_between_feeds_and_say_what_changed(filled: Store) -> None:
    changes = retag(filled, tags("pain", kind="review"))
    assert titles(filled, PTSD) == []
    assert len(titles(filled, PAIN)) == 8
    assert changes[0] == TagChange(
        id=entry(1).id, title="Title 1 of news", link="https://news.example/1", source_id="news",
        added=("pain",), removed=("ptsd",), kind=("news", "review"),
    )  # fmt: skip
    assert changes[-1].relevant is True


def test_retagging_twice_changes_nothing(filled: Store) -> None:
    retag(filled, tags("pain"))
    version = filled.version()
    assert retag(filled, tags("pain")) == []
    assert filled.version() == version


def test_the_mark_moves_with_the_tags(filled: Store) -> None:
    assert filled.tags.marker() is None
    batches = filled.tags.batches(3)
    first = next(batches)
    mark = Mark(digest="new", after=first[-1].number)
    filled.tags.apply(all_retagged((one, tags("pain")) for one in first), NOW, mark)
    assert filled.tags.marker() == Mark(digest="new", after=3)
    assert filled.tags.count(after=3) == 5
    rest = [one.number for batch in filled.tags.batches(3, after=3) for one in batch]
    assert rest == [4, 5, 6, 7, 8]
    filled.tags.set_marker(Mark(digest="new", after=8, done=True))
    assert filled.tags.marker() == Mark(digest="new", after=8, done=True)


def test_an_entry_polled_meanwhile_is_left_to_the_poller(filled: Store) -> None:
    [batch] = filled.tags.batches(100)
    save(filled, write([retitled(entry(1), "Newer")], [tags("anxiety")], at=NOW + HOUR))
    filled.tags.apply(all_retagged((one, tags("pain")) for one in batch), NOW + DAY)
    assert titles(filled, FeedQuery(topics=("anxiety",))) == ["Newer"]
    assert len(titles(filled, PAIN)) == 7


def test_an_entry_that_becomes_relevant_finds_its_story(filled: Store) -> None:
    same = {"canonical_link": "page.example/one", "title": "Spravato approved alone for depression"}
    save(filled, write([entry(20, **same)], [tags("depression")], at=NOW + HOUR))
    wide = source("wide", relevance="filter")
    save(filled, write([entry(21, of="wide", **same)], [tags(relevant=False)], of=wide, at=NOW + HOUR))
    assert len(filled.entries.story(entry(20).id)) == 1
    for batch in filled.tags.batches():
        pairs = [(one, tags("depression")) for one in batch if one.entry.id == entry(21, of="wide").id]
        filled.tags.apply(all_retagged(pairs), NOW + DAY)
    assert len(filled.entries.story(entry(20).id)) == 2


def test_new_rules_never_announce_what_the_backfill_left_out(store: Store) -> None:
    wide = source("wide", relevance="filter")
    entries = [entry(number, of="wide") for number in range(1, 101)]
    save(store, write(entries, [tags(relevant=False) for _ in entries], of=wide))
    for batch in store.tags.batches():
        store.tags.apply(all_retagged((one, tags("ptsd")) for one in batch), NOW + DAY)
    assert titles(store, FeedQuery(limit=200), max_per_source=None) == [f"Title {n} of wide" for n in range(1, 21)]


def test_rewritten_entries_keep_identity_and_tags(filled: Store) -> None:
    [batch] = filled.tags.batches(100)
    better = [(one, replace(one.entry, summary="<p>Better</p>"), None) for one in batch if one.number == 1]
    before = filled.entries.get(entry(1).id)
    assert filled.tags.rewrite(better, NOW + DAY) == 1
    after = filled.entries.get(entry(1).id)
    assert after.entry == replace(before.entry, summary="<p>Better</p>")
    assert (after.tagging, after.sort_at, after.story_id) == (before.tagging, before.sort_at, before.story_id)
    assert [one.entry.id for one in filled.search("better")] == [entry(1).id]
    assert filled.tags.rewrite(better, NOW + DAY) == 0
    assert len(filled.entries.select(ALL)) == 7
