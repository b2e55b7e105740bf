from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.making import ALL, DAY, HOUR, NOW, catalog, entry, retitled, save, source, tags, titles, write

from ketfeed.errors import StorageFailed
from ketfeed.model import Entry, FeedQuery, Tagging, Validators
from ketfeed.store.db import Store
from ketfeed.store.engine import Database
from ketfeed.topics import stories
from ketfeed.topics.story_report import Report


def test_what_was_saved_comes_back_whole(store: Store) -> None:
    one = entry(1, language="en", rights="CC BY", comments_count=3)
    tagging = tags("ptsd", "pain", kind="research", facts=(("phase", "Phase 2"),), identifiers=("pmid:1",))
    save(store, write([one], [tagging]))
    [stored] = store.entries.select(ALL)
    assert stored.entry == one
    assert stored.tagging == stored.rule_tagging == tagging
    assert stored.first_seen == NOW
    assert stored.source.title == "News"
    assert (stored.visible, stored.primary, stored.story_id, stored.public_id) == (True, True, one.id, one.id)


def test_counts_say_what_became_of_a_document(store: Store) -> None:
    [first] = save(store, write([entry(1), entry(2)]))
    [again] = save(store, write([entry(1), entry(2)], at=NOW + HOUR))
    [mixed] = save(store, write([entry(1), retitled(entry(2), "Edited"), entry(3)], at=NOW + DAY))
    assert (first.new, first.updated, first.unchanged, first.known) == (2, 0, 0, False)
    assert (again.new, again.updated, again.unchanged, again.known) == (0, 0, 2, True)
    assert (mixed.new, mixed.updated, mixed.unchanged, mixed.known) == (1, 1, 1, True)
    state = store.sources.state("news")
    assert state is not None
    assert (state.entries, state.last_new, state.last_updated, state.last_unchanged) == (3, 1, 1, 1)
    assert [(poll.new, poll.updated) for poll in store.sources.polls("news")] == [(1, 1), (0, 0), (2, 0)]


def test_an_unchanged_document_changes_no_feed(store: Store) -> None:
    save(store, write([entry(1)]))
    before = store.version()
    save(store, write([entry(1)], at=NOW + HOUR))
    assert store.version() == before


def test_an_edited_entry_changes_in_place(store: Store) -> None:
    save(store, write([entry(1)], [tags("ptsd")]))
    edited = replace(entry(1), title="Corrected", content="<p>new</p>", text="new")
    save(store, write([edited], [tags("pain")], at=NOW + DAY))
    [stored] = store.entries.select(ALL)
    assert stored.entry == edited
    assert (stored.first_seen, stored.changed_at) == (NOW, NOW + DAY)
    assert titles(store, FeedQuery(topics=("pain",))) == ["Corrected"]
    assert titles(store, FeedQuery(topics=("ptsd",))) == []
    assert [one.entry.title for one in store.search("corrected")] == ["Corrected"]
    assert store.search('"Title 1"') == []


def test_absence_never_deletes(store: Store) -> None:
    save(store, write([entry(1), entry(2)]))
    save(store, write([], at=NOW + HOUR))
    save(store, write([entry(3)], at=NOW + DAY))
    assert len(titles(store)) == 3


def test_a_later_date_does_not_move_an_entry_up(store: Store) -> None:
    save(store, write([entry(1), entry(2), entry(48)]))
    save(store, write([replace(entry(48), published=NOW + 9 * DAY)], at=NOW + 10 * DAY))
    assert titles(store)[-1] == "Title 48 of news"


def test_a_future_date_sorts_as_first_seen(store: Store) -> None:
    save(store, write([entry(1), replace(entry(2), published=NOW + 400 * DAY)]))
    save(store, write([entry(-2)], at=NOW + 3 * HOUR))
    assert titles(store)[0] == "Title minus2 of news"
    assert store.entries.select(ALL)[1].sort_at == NOW


def test_a_missing_date_is_the_first_seen_and_stays_it(store: Store) -> None:
    save(store, write([replace(entry(1), published=None)]))
    save(store, write([replace(entry(1), published=None, title="Edited")], at=NOW + DAY))
    [stored] = store.entries.select(ALL)
    assert (stored.entry.published, stored.sort_at) == (None, NOW)


def test_without_publication_the_update_is_the_date(store: Store) -> None:
    save(store, write([replace(entry(1), published=None, updated=NOW - 5 * HOUR), entry(2)]))
    assert titles(store) == ["Title 2 of news", "Title 1 of news"]
    save(store, write([replace(entry(1), published=None, updated=NOW + HOUR)], at=NOW + 2 * HOUR))
    assert titles(store) == ["Title 2 of news", "Title 1 of news"]


def test_new_ids_for_old_links_and_titles_are_the_old_entries(store: Store) -> None:
    save(store, write([entry(number) for number in range(1, 51)], at=NOW))
    before = {one.entry.link: one.entry.id for one in store.entries.select(FeedQuery(limit=50))}
    again = [entry(number, raw_id=f"https://news.example/?p={number}") for number in range(1, 51)]
    [counts] = save(store, write(again, at=NOW + HOUR))
    assert (counts.new, counts.updated, counts.unchanged) == (0, 0, 50)
    assert {one.entry.link: one.entry.id for one in store.entries.select(FeedQuery(limit=50))} == before
    [third] = save(store, write(again, at=NOW + DAY))
    assert third.unchanged == 50


def test_entries_that_share_a_link_stay_apart_under_new_ids(store: Store) -> None:
    home = {"link": "https://news.example/live", "canonical_link": "news.example/live", "title": "Live notes"}
    save(store, write([entry(1, **home), entry(2, **home)]))
    [counts] = save(store, write([entry(3, **home), entry(4, **home)], at=NOW + HOUR))
    assert counts.new == 2


def test_a_weekly_title_on_one_page_is_a_new_entry_each_week(store: Store) -> None:
    page = {"link": "https://news.example/week", "canonical_link": "news.example/week", "title": "This week"}
    save(store, write([entry(1, **page)]))
    [counts] = save(store, write([replace(entry(2, **page), published=NOW + 7 * DAY)], at=NOW + 7 * DAY))
    assert counts.new == 1


def test_a_raw_id_twice_in_a_document_is_one_entry(store: Store) -> None:
    [counts] = save(store, write([entry(1), retitled(entry(1), "Again")]))
    assert counts.new == 1
    assert titles(store) == ["Title 1 of news"]


def test_the_same_raw_id_in_two_sources_is_two_entries(store: Store) -> None:
    save(store, write([entry(1, raw_id="1")]), write([entry(1, of="paper", raw_id="1")], of=source("paper")))
    assert store.entries.count() == 2


def test_only_the_newest_of_a_first_document_are_announced(empty: Store) -> None:
    empty.sources.sync(catalog(source(), backfill=5), NOW)
    save(empty, write([entry(number) for number in range(1, 31)]))
    assert titles(empty) == [f"Title {number} of news" for number in range(1, 6)]
    assert empty.entries.count() == 30
    save(empty, write([entry(number) for number in range(-20, 31)], at=NOW + DAY))
    assert len(titles(empty, max_per_source=None)) == 26


def test_backfill_counts_what_may_be_public(empty: Store) -> None:
    wide = source("wide", relevance="filter")
    empty.sources.sync(catalog(wide, backfill=5), NOW)
    entries = [entry(number, of="wide") for number in range(1, 101)]
    said = [tags(relevant=number % 20 == 0) for number in range(1, 101)]
    save(empty, write(entries, said, of=wide))
    assert titles(empty) == [f"Title {number} of wide" for number in (20, 40, 60, 80, 100)]


def test_irrelevant_entries_of_a_filter_source_are_stored_and_not_published(store: Store) -> None:
    wide = source("wide", relevance="filter")
    save(
        store, write([entry(1, of="wide"), entry(2, of="wide")], [tags("ptsd", relevant=False), tags("ptsd")], of=wide)
    )
    assert titles(store, FeedQuery(topics=("ptsd",))) == ["Title 2 of wide"]
    assert titles(store) == ["Title 2 of wide"]
    assert {one.entry.title for one in store.search("title")} == {"Title 1 of wide", "Title 2 of wide"}
    assert [one.entry.title for one in store.search("title", public=True)] == ["Title 2 of wide"]


def test_a_poll_without_document_writes_state_and_record_only(store: Store) -> None:
    save(store, write([entry(1)]))
    version = store.version()
    [counts] = save(store, write(None, at=NOW + HOUR, outcome="not_modified", validators=Validators("u", '"2"')))
    assert (counts.new, counts.updated, counts.unchanged) == (0, 0, 0)
    state = store.sources.state("news")
    assert state is not None
    assert state.validators == Validators("u", '"2"')
    assert state.entries == 1
    assert store.version() == version


def test_one_poll_that_cannot_be_stored_leaves_the_others_alone(store: Store) -> None:
    save(store, write([entry(1, of="paper")], of=source("paper")))
    bad = write([entry(3, of="paper"), entry(2, of="paper")], of=source("paper"), at=NOW + HOUR, entries_hash="new")
    assert bad.feed is not None
    first, second = bad.feed.entries
    surprise = second._replace(data=object())  # type: ignore[arg-type]  # stands for any
    good, failed, other = save(
        store,
        write([entry(1)], at=NOW + HOUR),
        replace(bad, feed=replace(bad.feed, entries=(first, surprise))),
        write([entry(1, of="wide")], of=source("wide"), at=NOW + HOUR),
    )
    assert (good.error, other.error) == (None, None)
    assert failed.error is not None
    assert (good.new, failed.new, other.new) == (1, 0, 1)
    state = store.sources.state("paper")
    assert state is not None
    assert state.last_outcome == "storage"
    assert (state.failures, state.entries, state.entries_hash) == (1, 1, None)
    assert state.validators == Validators("https://paper.example/feed", f'"{NOW.isoformat()}"')
    assert store.sources.polls("paper")[0].outcome == "storage"
    assert sorted(titles(store)) == ["Title 1 of news", "Title 1 of paper", "Title 1 of wide"]


def test_a_bug_met_by_one_document_is_told_and_costs_no_other_poll(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = stories.best_story

    def stumble(one: Report, others: Mapping[int, Sequence[Report]]) -> object:
        if one.source == "paper":
            raise KeyError("a bug")
        return decide(one, others)

    monkeypatch.setattr(stories, "best_story", stumble)
    same = {"canonical_link": "page.example/one"}
    counts = save(
        store,
        write([entry(1, **same)]),
        write([entry(2, of="paper", **same)], of=source("paper")),
        write([entry(3, of="wide", **same)], of=source("wide")),
    )
    assert [(one.new, one.outcome) for one in counts] == [(1, None), (0, "internal"), (1, None)]
    state = store.sources.state("paper")
    assert state is not None
    assert state.last_outcome == "internal"


def test_a_poll_of_a_source_the_store_does_not_know_says_so(store: Store) -> None:
    [counts] = save(store, write([entry(1, of="ghost")], of=source("ghost")))
    assert counts.error == "'ghost' is not in the store: it left the file"


@pytest.mark.usefixtures("sqlite_only")
def test_a_database_that_refuses_is_a_storage_failure_and_stores_nothing(store: Store) -> None:
    database = Database(str(store._database.url))
    with database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER broken BEFORE INSERT ON poll BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    database.close()
    with pytest.raises(StorageFailed, match="full"):
        save(store, write([entry(1)]))
    assert titles(store) == []
    state = store.sources.state("news")
    assert state is not None
    assert state.validators is None


@pytest.mark.usefixtures("sqlite_only")
def test_a_full_disk_is_a_storage_failure_and_the_next_poll_works(store: Store) -> None:
    save(store, write([entry(1)]))
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = [entry(number, text=f"word{number} " * 20_000) for number in range(2, 6)]
    with pytest.raises(StorageFailed, match=r"disk of .* is full"):
        save(store, write(None, of=source("paper")), write(big, at=NOW + HOUR))
    assert store.entries.count() == 1
    assert store.sources.polls("paper") == []
    with store._database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    [counts] = save(store, write(big, at=NOW + HOUR))
    assert counts.new == 4


@pytest.mark.parametrize("title", ["half a pair \ud83d here", "zero \0 byte", "‮right to left", "é̂", ""])
def test_any_text_can_be_stored(store: Store, title: str) -> None:
    [counts] = save(store, write([replace(entry(1), title=title, text=title * 3, summary=f"<p>{title}</p>")]))
    assert counts.error is None
    [stored] = store.entries.select(ALL)
    assert stored.entry.title == title.replace("\ud83d", "�").replace("\0", "�")
    [again] = save(
        store, write([replace(entry(1), title=title, text=title * 3, summary=f"<p>{title}</p>")], at=NOW + HOUR)
    )
    assert again.unchanged == 1


def test_more_comments_are_no_edit(store: Store) -> None:
    save(store, write([replace(entry(1), comments_count=1)]))
    [counts] = save(store, write([replace(entry(1), comments_count=9)], at=NOW + HOUR))
    assert (counts.updated, counts.unchanged) == (0, 1)


def test_entries_without_taggings_are_stored_untagged_and_keep_tags_they_have(store: Store) -> None:
    save(store, write([entry(1)], [tags("ptsd")]))
    plain: list[Tagging] = []
    save(store, write([retitled(entry(1), "Edited"), entry(2)], plain, at=NOW + HOUR))
    assert titles(store, FeedQuery(topics=("ptsd",))) == ["Edited"]
    assert titles(store, FeedQuery(untagged=True)) == ["Title 2 of news"]


def test_polling_twice_in_one_batch_keeps_the_later(store: Store) -> None:
    first, second = save(store, write([entry(1)]), write([retitled(entry(1), "Later")], at=NOW + timedelta(seconds=1)))
    assert (first.new, second.updated) == (1, 1)
    assert titles(store) == ["Later"]


def test_no_batch_is_no_work(store: Store) -> None:
    assert save(store) == []
    assert isinstance(entry(1), Entry)
