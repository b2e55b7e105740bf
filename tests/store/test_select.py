from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.making import ALL, DAY, HOUR, NOW, catalog, entry, save, source, tags, titles, write

from ketfeed.model import FeedQuery
from ketfeed.store.db import Store
from ketfeed.store.selecting import newest, plan, speaks


def numbered(store: Store, query: FeedQuery = ALL, **more: int | None) -> list[int]:
    return [int(title.split()[1]) for title in titles(store, query, **more)]


@pytest.fixture
def filled(store: Store) -> Store:
    """news 1-20: ptsd on even numbers, pain on every third; paper 21-30: pain, research, German."""
    topics = [[name for name, step in (("ptsd", 2), ("pain", 3)) if number % step == 0] for number in range(1, 21)]
    save(
        store,
        write([entry(number, language="en-GB") for number in range(1, 21)], [tags(*one) for one in topics]),
        write(
            [entry(number, of="paper", language="de") for number in range(21, 31)],
            [tags("pain", kind="research") for _ in range(10)],
            of=source("paper"),
        ),
    )
    return store


def test_a_feed_is_newest_first_and_as_long_as_asked(filled: Store) -> None:
    assert numbered(filled, FeedQuery(limit=7)) == [1, 2, 3, 4, 5, 6, 7]


def test_one_source_never_fills_a_feed(filled: Store) -> None:
    assert numbered(filled, FeedQuery(limit=10), max_per_source=4) == [1, 2, 3, 4, 21, 22, 23, 24]
    assert len(numbered(filled, FeedQuery(sources=("news",)), max_per_source=4)) == 20


def test_topics_any_or_all(filled: Store) -> None:
    assert numbered(filled, FeedQuery(topics=("ptsd", "pain"), match="all")) == [6, 12, 18]
    either = [number for number in range(1, 21) if number % 2 == 0 or number % 3 == 0] + list(range(21, 31))
    assert numbered(filled, FeedQuery(topics=("pain", "ptsd")), max_per_source=None) == either


def test_a_kind_or_a_source_is_a_feed_of_its_own(filled: Store) -> None:
    assert numbered(filled, FeedQuery(kinds=("research",))) == list(range(21, 31))
    assert numbered(filled, FeedQuery(sources=("paper",))) == list(range(21, 31))
    assert numbered(filled, FeedQuery(sources=("unknown",))) == []


def test_conditions_narrow_a_feed(filled: Store) -> None:
    assert numbered(filled, FeedQuery(topics=("pain",), kinds=("research",), limit=3)) == [21, 22, 23]
    assert numbered(filled, FeedQuery(topics=("pain",), sources=("news",))) == [3, 6, 9, 12, 15, 18]
    assert numbered(filled, FeedQuery(topics=("pain",), not_sources=("news", "unknown"), limit=2)) == [21, 22]
    assert numbered(filled, FeedQuery(languages=("de",), limit=2)) == [21, 22]
    assert numbered(filled, FeedQuery(languages=("en",), limit=2)) == [1, 2]


def test_words_narrow_a_feed(filled: Store) -> None:
    assert numbered(filled, FeedQuery(topics=("pain",), words='"content 12"')) == [12]
    assert numbered(filled, FeedQuery(words="content paper", limit=3)) == [21, 22, 23]
    assert numbered(filled, FeedQuery(words="  -- ", limit=3)) == [1, 2, 3]


def test_untagged_are_those_without_topic(filled: Store) -> None:
    assert numbered(filled, FeedQuery(untagged=True)) == [1, 5, 7, 11, 13, 17, 19]


def test_dates_bound_a_feed(filled: Store) -> None:
    found = filled.entries.select(ALL, since=NOW - 4 * HOUR, until=NOW - 2 * HOUR)
    assert [one.entry.title for one in found] == ["Title 3 of news", "Title 4 of news"]


def test_steps_of_reading_do_not_show(store: Store) -> None:
    store.sources.sync(catalog(source("news"), backfill=1000), NOW)
    save(store, write([entry(number) for number in range(1, 451)], [tags("ptsd") for _ in range(450)]))
    same_time = [entry(number, published=NOW - 500 * HOUR) for number in range(1000, 1450)]
    save(store, write(same_time, [tags("pain") for _ in same_time], at=NOW + DAY))
    assert numbered(store, FeedQuery(topics=("ptsd",), limit=450), max_per_source=None) == list(range(1, 451))
    found = numbered(store, FeedQuery(topics=("pain",), limit=450), max_per_source=None)
    assert sorted(found) == list(range(1000, 1450))


def test_counts_are_of_stories_in_feeds(filled: Store) -> None:
    counts = filled.entries.counts()
    assert counts["all"] == {"": 30}
    assert counts["topic"] == {"pain": 16, "ptsd": 10}
    assert counts["source"] == {"news": 20, "paper": 10}
    assert counts["kind"] == {"news": 20, "research": 10}


def test_only_feeds_that_changed_get_a_new_version(filled: Store) -> None:
    before = filled.entries.feed_versions()
    save(filled, write([entry(40)], [tags("pain")], at=NOW + HOUR))
    after = filled.entries.feed_versions()
    changed = {feed for feed in after if after[feed] != before.get(feed)}
    assert changed == {"all", "t:pain", "k:news", "s:1"}
    version = filled.entries.feed_version(FeedQuery(topics=("pain",)))
    assert version is not None
    assert (version.version, version.changed_at) == (filled.version(), NOW + HOUR)
    assert filled.entries.feed_version(FeedQuery(topics=("pain", "ptsd"))) is None


def test_the_time_of_a_feeds_change_never_moves_back(filled: Store) -> None:
    save(filled, write([entry(40)], at=NOW + DAY))
    save(filled, write([entry(41)], at=NOW + HOUR))
    version = filled.entries.feed_version(ALL)
    assert version is not None
    assert (version.version, version.changed_at) == (filled.version(), NOW + DAY)


@pytest.mark.usefixtures("sqlite_only")
@pytest.mark.parametrize("feed", ["all", "t:ptsd"])
def test_a_feed_is_read_from_one_index_without_sorting(store: Store, feed: str) -> None:
    with store._database.read() as connection:
        question = newest(feed, 50, (1, 1)).compile(connection, compile_kwargs={"literal_binds": True})
        plan_rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}").all()
    said = " | ".join(str(row[-1]) for row in plan_rows)
    assert "USING PRIMARY KEY (feed=? AND sort_at<?" in said or "SEARCH listing USING" in said, said
    assert "SCAN" not in said
    assert "TEMP B-TREE" not in said


@pytest.mark.usefixtures("sqlite_only")
def test_due_sources_are_found_by_index(store: Store) -> None:
    with store._database.read() as connection:
        rows = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT source FROM source_state WHERE next_poll_at <= 1 ORDER BY next_poll_at LIMIT 9"
        ).all()
    said = " | ".join(str(row[-1]) for row in rows)
    assert "source_state_due" in said
    assert "SCAN" not in said


@given(
    st.builds(
        FeedQuery,
        topics=st.lists(st.sampled_from(["ptsd", "pain", "ocd"]), unique=True).map(tuple),
        match=st.sampled_from(["any", "all"]),
        kinds=st.lists(st.sampled_from(["news", "research"]), unique=True).map(tuple),
        sources=st.lists(st.sampled_from(["news", "paper", "ghost"]), unique=True).map(tuple),
        not_sources=st.lists(st.sampled_from(["news", "ghost"]), unique=True).map(tuple),
        languages=st.lists(st.sampled_from(["en", "de"]), unique=True).map(tuple),
        pinned=st.sampled_from([None, True]),
        untagged=st.booleans(),
    )
)
def test_every_query_has_a_plan_that_checks_what_it_does_not_walk(query: FeedQuery) -> None:
    how = plan(query, {"news": 1, "paper": 2})
    asked = {f"t:{topic}" for topic in query.topics}
    assert how.walk
    if query.match == "all" and asked:
        assert asked <= {*how.walk, *how.also}
    if query.kinds and how.walk != tuple(f"k:{kind}" for kind in query.kinds):
        assert how.kinds == set(query.kinds)
    if query.sources and not how.walk[0].startswith("s:"):
        assert how.sources


@pytest.mark.parametrize(
    ("language", "wanted", "fits"),
    [("en", ("en",), True), ("en-GB", ("en",), True), ("eng", ("en",), False), (None, ("en",), False),
     ("DE-at", ("de",), True), ("en", ("en-gb",), False)],
)  # fmt: skip
def test_languages_match_by_prefix(language: str | None, wanted: tuple[str, ...], fits: bool) -> None:
    assert speaks(language, wanted) is fits
