from __future__ import annotations

from tests.store.making import DAY, HOUR, NOW, entry, save, source, tags, write

from ketfeed.store.db import Store

SAME = {"canonical_link": "page.example/one", "title": "Ketamine helps veterans in a large trial"}


def fill(store: Store) -> None:
    wide = source("wide", relevance="filter")
    save(store, write([entry(1), entry(2, **SAME), entry(24 * 10)], [tags("ptsd"), tags("ptsd", "pain"), tags()]))
    save(
        store, write([entry(3, of="paper", **SAME)], [tags("pain", kind="research")], of=source("paper"), at=NOW + HOUR)
    )
    save(store, write([entry(5, of="wide")], [tags("ptsd", relevant=False)], of=wide, at=NOW + HOUR))


def test_entries_per_week_by_source(store: Store) -> None:
    fill(store)
    assert store.statistics.weekly(NOW + HOUR, weeks=3) == {"news": (0, 1, 2), "paper": (0, 0, 1), "wide": (0, 0, 1)}


def test_what_a_source_brought(store: Store) -> None:
    fill(store)
    news = store.statistics.source("news", NOW + HOUR, days=7)
    assert news is not None
    assert (news.entries, news.relevant, news.public, news.first, news.shared) == (2, 2, 2, 1, 1)
    assert news.topics == {"ptsd": 2, "pain": 1}
    assert [one.entry.title for one in news.newest][:2] == ["Title 1 of news", SAME["title"]]
    wide = store.statistics.source("wide", NOW + HOUR)
    assert wide is not None
    assert (wide.entries, wide.relevant, wide.public) == (1, 0, 0)
    assert store.statistics.source("ghost", NOW) is None


def test_an_overview_of_a_time(store: Store) -> None:
    fill(store)
    seen = store.statistics.overview(NOW - 14 * DAY, NOW + DAY)
    assert seen.sources == {"news": (3, 3), "paper": (1, 1), "wide": (1, 0)}
    assert seen.topics == {"ptsd": 2, "pain": 1}
    assert seen.topics_by_week["ptsd"] == (0, 2, 0)
    assert seen.overlap == {("news", "paper"): 1}
    [(story, tellers)] = seen.stories
    assert (story.entry.source_id, tellers) == ("paper", 2)
    assert sum(seen.hours) == sum(seen.weekdays) == 5
    assert seen.weekdays[(NOW - HOUR).weekday()] == 4
    assert seen.hours[11] == 1


def test_gaps_between_entries(store: Store) -> None:
    save(store, write([entry(1), entry(3), entry(10)]))
    assert store.statistics.gaps("news") == [2 * 3600.0, 7 * 3600.0]
    assert store.statistics.gaps("ghost") == []


def test_an_empty_store_has_empty_statistics(store: Store) -> None:
    seen = store.statistics.overview(NOW - DAY, NOW)
    assert (seen.sources, seen.topics, seen.stories) == ({}, {}, ())
    assert store.statistics.weekly(NOW) == {}
