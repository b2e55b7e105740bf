from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from tests.store.making import ALL, DAY, HOUR, NOW, catalog, entry, save, source, tags, titles, write

from ketfeed.errors import StoreError, UsageError
from ketfeed.model import Auth, FeedQuery, HealthSpell, PageRule, SourceState, Validators
from ketfeed.store.codec import source_from, source_text, state_columns, state_from
from ketfeed.store.db import Store

FULL = SourceState(
    source_id="news", url="https://news.example/feed", validators=Validators("u", 'W/"1"', "odd date"), body_hash="b",
    entries_hash="e", next_poll_at=NOW, next_poll_reason="why", last_poll_at=NOW, last_ok_at=NOW, last_full_at=NOW,
    last_outcome="http_error", last_http_status=500, last_error="sentence", last_bytes=10**10, last_seconds=1.5,
    last_new=1, last_updated=2, last_unchanged=3, failures=4, entries=5, newest_at=NOW, gap=86400, ttl=60,
    skip_hours=(1, 2), skip_days=(0,), health="quiet", health_since=NOW, moved_to="https://x.example/", moved_since=NOW,
    moved_days=3, searched_at=NOW, alternative="https://y.example/", alternative_how="named",
    spells=(HealthSpell("failing", NOW, "no answer"), HealthSpell("healthy", NOW, None)),
)  # fmt: skip


def state(store: Store, name: str = "news") -> SourceState:
    found = store.sources.state(name)
    assert found is not None
    return found


def test_a_state_comes_back_as_it_was_field_by_field() -> None:
    row = state_columns(FULL)
    assert state_from(row, "news", True) == FULL
    unset = {one.name for one in fields(SourceState) if getattr(FULL, one.name) == one.default}
    assert unset == {"active", "paused", "gone"}, "a field was added: give it a value above"


def test_a_source_comes_back_as_it_was() -> None:
    one = source(
        "page", type="page", topics=("ptsd",), headers=(("Accept", "x"),), auth=Auth("basic", "SECRET"),
        page=PageRule(items="article"), every=3600, priority=-3, language="de",
    )  # fmt: skip
    assert source_from(source_text(one)) == one


def test_a_new_source_is_due_at_once(store: Store) -> None:
    assert [one.source_id for one in store.sources.due(NOW, 10)] == ["news", "paper", "wide"]
    assert state(store).health == "new"


def test_syncing_the_same_catalog_again_changes_nothing(store: Store) -> None:
    same = catalog(source("news"), source("paper", kind="journal"), source("wide", relevance="filter"))
    before = store.version()
    assert store.sources.sync(same, NOW + DAY) is False
    assert store.version() == before
    assert store.sources.sync(replace(same, sources=same.sources[:1]), NOW + DAY) is True


def test_due_sources_that_are_left_out_still_count_for_the_limit(store: Store) -> None:
    assert [one.source_id for one in store.sources.due(NOW, 10, but={"paper"})] == ["news", "wide"]
    assert [one.source_id for one in store.sources.due(NOW, 2, but={"paper"})] == ["news"]
    assert store.sources.due(NOW, 10) == store.sources.states()


def test_due_sources_come_longest_due_first_and_only_when_due(store: Store) -> None:
    save(
        store,
        write(None, at=NOW, next_poll_at=NOW + 2 * HOUR),
        write(None, of=source("paper"), at=NOW, next_poll_at=NOW + HOUR),
        write(None, of=source("wide"), at=NOW, next_poll_at=NOW + DAY),
    )
    assert store.sources.due(NOW, 10) == []
    assert store.sources.next_due() == NOW + HOUR
    assert [one.source_id for one in store.sources.due(NOW + 3 * HOUR, 10)] == ["paper", "news"]
    assert [one.source_id for one in store.sources.due(NOW + 3 * HOUR, 1)] == ["paper"]


def test_what_a_wrong_clock_wrote_is_due_at_once(store: Store) -> None:
    """A machine that started in the wrong year must not leave its sources alone until then."""
    save(
        store,
        write(None, at=NOW, next_poll_at=NOW + 400 * DAY),
        write(None, of=source("paper"), at=NOW, next_poll_at=NOW + 7 * DAY),
        write(None, of=source("wide"), at=NOW, next_poll_at=None),
    )
    store.sources.hold("far.example", NOW + 400 * DAY)
    store.sources.hold("near.example", NOW + 7 * DAY)
    assert store.sources.recall(NOW, NOW + 8 * DAY) == 1
    assert [one.source_id for one in store.sources.due(NOW, 10)] == ["news"]
    assert "wrong clock" in state(store).next_poll_reason
    assert set(store.sources.holds()) == {"near.example"}


def test_poll_now_is_a_date_in_a_row(store: Store) -> None:
    save(store, *(write(None, of=source(name), next_poll_at=NOW + DAY) for name in ("news", "paper", "wide")))
    assert store.sources.mark_due(["news", "ghost"], NOW) == ["news"]
    assert [one.source_id for one in store.sources.due(NOW, 10)] == ["news"]


def test_a_gone_source_waits_for_an_editor(store: Store) -> None:
    save(store, write(None, gone=True, next_poll_at=None, outcome="gone"))
    assert store.sources.mark_due(["news"], NOW) == []
    assert "news" not in [one.source_id for one in store.sources.due(NOW + 99 * DAY, 10)]
    store.sources.resume("news", NOW + DAY)
    assert "news" in [one.source_id for one in store.sources.due(NOW + DAY, 10)]


def test_a_paused_source_is_not_due_until_resumed_in_the_file(empty: Store) -> None:
    empty.sources.sync(catalog(source(paused=True)), NOW)
    assert empty.sources.due(NOW, 10) == []
    assert state(empty).paused
    empty.sources.sync(catalog(source()), NOW + HOUR)
    assert [one.source_id for one in empty.sources.due(NOW + HOUR, 10)] == ["news"]
    empty.sources.sync(catalog(source(paused=True)), NOW + DAY)
    assert state(empty).next_poll_at is None


def test_a_source_that_leaves_the_file_is_not_published_and_not_erased(store: Store) -> None:
    save(store, write([entry(1)], [tags("ptsd")]), write([entry(1, of="paper")], of=source("paper")))
    store.sources.sync(catalog(source("paper", kind="journal")), NOW + HOUR)
    assert titles(store) == ["Title 1 of paper"]
    assert titles(store, FeedQuery(topics=("ptsd",))) == titles(store, FeedQuery(sources=("news",))) == []
    assert store.entries.get(entry(1).id).entry == entry(1)
    assert [one.source_id for one in store.sources.states()] == ["paper"]
    assert [one.source_id for one in store.sources.states(active_only=False)] == ["paper", "news", "wide"]
    assert "news" not in [one.source_id for one in store.sources.due(NOW + DAY, 10)]
    store.sources.sync(catalog(source("news"), source("paper", kind="journal")), NOW + DAY)
    assert titles(store, FeedQuery(topics=("ptsd",))) == ["Title 1 of news"]
    [again] = save(store, write([entry(1)], [tags("ptsd")], at=NOW + DAY))
    assert (again.new, again.unchanged) == (0, 1)


def test_a_changed_relevance_policy_shows_and_hides_entries(store: Store) -> None:
    save(store, write([entry(1), entry(2)], [tags(relevant=False), tags()]))
    assert len(titles(store)) == 2
    store.sources.sync(catalog(source("news", relevance="filter")), NOW)
    assert titles(store) == ["Title 2 of news"]


def test_a_changed_priority_changes_the_primary(store: Store) -> None:
    same = {"canonical_link": "page.example/one", "title": "Ketamine helps veterans in a large trial"}
    save(store, write([entry(1, **same)]), write([entry(2, of="paper", **same)], of=source("paper")))
    [before] = store.entries.select(ALL)
    other = "paper" if before.source.id == "news" else "news"
    store.sources.sync(catalog(*(source(name, priority=int(name == other)) for name in ("news", "paper"))), NOW)
    [after] = store.entries.select(ALL)
    assert after.source.id == other
    assert after.public_id == before.public_id


def test_a_new_address_drops_what_belonged_to_the_old_one(store: Store) -> None:
    save(store, write([entry(1)], moved_to="https://moved.example/", moved_days=4, failures=3))
    store.sources.sync(catalog(source("news", url="https://new.example/feed")), NOW + HOUR)
    now = state(store)
    assert now.url == "https://new.example/feed"
    assert (now.validators, now.body_hash, now.entries_hash, now.moved_to, now.failures) == (None, None, None, None, 0)
    assert now.next_poll_at == NOW + HOUR
    assert now.entries == 1


def test_a_new_page_rule_reads_the_same_bytes_again(empty: Store) -> None:
    empty.sources.sync(catalog(source(type="page")), NOW)
    save(empty, write([entry(1)], of=source(type="page")))
    empty.sources.sync(catalog(source(type="page", page=PageRule(items="article"))), NOW + HOUR)
    assert (state(empty).validators, state(empty).body_hash) == (None, None)


def test_a_renamed_source_keeps_entries_ids_polls_and_state(store: Store) -> None:
    save(store, write([entry(1)], failures=2))
    store.sources.rename("news", "daily", NOW + HOUR)
    assert store.sources.state("news") is None
    assert state(store, "daily").failures == 2
    stored = store.entries.get(entry(1).id)
    assert (stored.entry.id, stored.entry.source_id, stored.source.id) == (entry(1).id, "daily", "daily")
    assert len(store.sources.polls("daily")) == 1
    renamed = source("daily", url="https://news.example/feed")
    store.sources.sync(catalog(renamed), NOW + HOUR)
    [counts] = save(store, write([replace(entry(1), source_id="daily")], of=renamed, at=NOW + DAY))
    assert (counts.new, counts.unchanged) == (0, 1)
    assert titles(store, FeedQuery(sources=("daily",))) == ["Title 1 of news"]


def test_a_new_source_under_an_old_name_never_reuses_an_entry_id(store: Store) -> None:
    save(store, write([entry(1)]))
    store.sources.rename("news", "daily", NOW)
    store.sources.sync(catalog(source("daily"), source("news")), NOW)
    [counts] = save(
        store, write([entry(1, title="A new paper of that name", canonical_link="other.example/1")], at=NOW + HOUR)
    )
    assert (counts.new, counts.error) == (1, None)
    ids = {one.entry.id for one in store.entries.select(ALL)}
    assert len(ids) == 2
    assert entry(1).id in ids


def test_renaming_mends_a_file_that_was_changed_first(store: Store) -> None:
    save(store, write([entry(1)]))
    store.sources.sync(catalog(source("daily")), NOW)
    assert titles(store) == []
    store.sources.rename("news", "daily", NOW)
    assert titles(store) == ["Title 1 of news"]
    assert [one.source_id for one in store.sources.states()] == ["daily"]


def test_renaming_never_merges_two_histories(store: Store) -> None:
    save(store, write([entry(1)]), write([entry(1, of="paper")], of=source("paper")))
    with pytest.raises(UsageError, match="history of its own"):
        store.sources.rename("news", "paper", NOW)
    with pytest.raises(UsageError, match="no source here"):
        store.sources.rename("ghost", "paper", NOW)
    with pytest.raises(StoreError, match="no source here"):
        store.sources.resume("ghost", NOW)


def test_polls_are_kept_for_as_many_days_as_asked(store: Store) -> None:
    for day in range(10):
        save(store, write(None, at=NOW + day * DAY), write(None, of=source("paper"), at=NOW + day * DAY))
    assert store.sources.forget_polls(NOW + 9 * DAY, 3) == 12
    assert [poll.started_at for poll in store.sources.polls("news")] == [NOW + day * DAY for day in (9, 8, 7, 6)]
    assert [poll.started_at for poll in store.sources.polls("news", since=NOW + 9 * DAY)] == [NOW + 9 * DAY]


def test_a_host_is_held_until_the_latest_time_it_asked_for(store: Store) -> None:
    store.sources.hold("a.example", NOW + HOUR)
    store.sources.hold("a.example", NOW + timedelta(minutes=1))
    store.sources.hold("b.example", NOW + DAY)
    assert store.sources.holds() == {"a.example": NOW + HOUR, "b.example": NOW + DAY}
    store.sources.release(NOW + 2 * HOUR)
    assert store.sources.holds() == {"b.example": NOW + DAY}
