"""A changed rule set over everything that is stored."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ketfeed.model import (
    Catalog,
    Entry,
    FeedInfo,
    NormalisedFeed,
    Poll,
    RuleSet,
    Source,
    SourceState,
    Tagging,
    Term,
    TopicRule,
    entry_id,
)
from ketfeed.run import tagging as room
from ketfeed.run.retag import begin, is_due, retag
from ketfeed.run.tagging import tag_stored
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import PollWrite, Tagged
from ketfeed.topics.match import Tagger

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SOURCE = Source(id="a", url="http://feed.example/")


def rules(digest: str, *topics: tuple[str, str]) -> RuleSet:
    return RuleSet(
        topics=tuple(TopicRule(id=topic, title=topic, terms=(Term(text=word),)) for topic, word in topics),
        relevance=TopicRule(id="relevance", title="Relevance", terms=(Term(text="ketamine"),)),
        digest=digest,
    )


OLD = rules("old", ("ptsd", "veterans"))
NEW = rules("new", ("ptsd", "flashbacks"), ("pain", "migraine"))
WORDS = ("veterans", "flashbacks", "migraine", "nothing")


def fill(store: Store, count: int) -> None:
    """``count`` entries tagged by the old rules."""
    entries = tuple(
        Entry(
            id=entry_id("a", str(number)),
            source_id="a",
            raw_id=str(number),
            title=f"Report {number}: ketamine and {WORDS[number % len(WORDS)]}",
            link=f"https://news.example/{number}",
            published=NOW - timedelta(days=number),
        )
        for number in range(count)
    )
    tagger = Tagger(OLD)
    feed = NormalisedFeed(
        info=FeedInfo(format="rss2.0"), entries=entries, taggings=tuple(tagger.tag(entry, SOURCE) for entry in entries)
    )
    store.sources.sync(Catalog(sources=(SOURCE,)), NOW)
    poll = Poll(source_id="a", url=SOURCE.url, started_at=NOW, outcome="ok")
    state = SourceState(source_id="a", url=SOURCE.url)
    (counts,) = store.entries.save_polls(
        [PollWrite(poll=poll, state=state, source=SOURCE, feed=prepare(feed, SOURCE, poll.started_at))]
    )
    assert counts.error is None


@pytest.mark.parametrize("workers", [1, 2])
def test_new_rules_reach_every_stored_entry_and_a_second_walk_changes_nothing(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SMALL", 0)  # processes even for few
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        fill(store, 40)
        assert is_due(store, NEW)
        summary = retag(store, NEW, now=NOW, workers=workers)
        assert (summary.entries, summary.changed, summary.finished) == (40, 30, True)
        assert summary.words() == {"pain": "+10 −0", "ptsd": "+10 −10"}
        assert not is_due(store, NEW)
        again = retag(store, replace(NEW, digest="newer"), now=NOW, workers=workers)
        assert (again.entries, again.changed) == (40, 0)


def test_a_halted_walk_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PIECE", 10)
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        fill(store, 40)
        stop = threading.Event()
        halted = retag(
            store, NEW, now=NOW, workers=1, stop=stop, on_progress=lambda done, _: stop.set() if done > 10 else None
        )
        assert (halted.entries, halted.finished) == (20, False)
        assert is_due(store, NEW)
        rest = retag(store, NEW, now=NOW, workers=1)
        assert (rest.entries, rest.finished) == (20, True)
        assert halted.changed + rest.changed == 30


def test_entries_stored_during_a_walk_are_tagged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk ends where the store ends, also when that has moved, and its progress ends with what there is."""
    monkeypatch.setattr(room, "PIECE", 10)
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        fill(store, 40)
        told: list[int] = []

        def more(done: int, total: int) -> None:
            if not told:
                fill(store, 50)  # the first 40 are known
            told.append(done)

        summary = retag(store, NEW, now=NOW, workers=1, on_progress=more)
        assert (summary.entries, summary.finished, told) == (50, True, [10, 20, 30, 40, 50])
        assert summary.words() == {"pain": "+12 −0", "ptsd": "+13 −13"}


def _number(one: Tagged, tagging: Tagging) -> tuple[int, list[str]]:
    return one.number, [match.topic for match in tagging.matches]


@pytest.mark.parametrize("workers", [1, 2])
def test_pieces_come_in_order_with_what_the_catalog_says_of_sources(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tags, the numbers rise and nothing is left out; a source of the caller wins over the stored one."""
    monkeypatch.setattr(room, "SMALL", 0)
    monkeypatch.setattr(room, "PIECE", 7)
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        fill(store, 40)
        sources = {"a": replace(SOURCE, topics=("pain",))}
        pieces = list(tag_stored(store, NEW, _number, after=3, workers=workers, sources=sources))
    assert [(piece.last, piece.entries) for piece in pieces] == [(10, 7), (17, 7), (24, 7), (31, 7), (38, 7), (40, 2)]
    assert [number for piece in pieces for number, _ in piece.found] == list(range(4, 41))
    assert all("pain" in topics for piece in pieces for _, topics in piece.found)


def test_a_child_that_was_killed_is_replaced_and_none_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take a process; the walk goes on. Closing it early leaves no process either."""
    monkeypatch.setattr(room, "SMALL", 0)
    monkeypatch.setattr(room, "PIECE", 5)
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        fill(store, 40)
        pieces = tag_stored(store, NEW, _number, workers=1 + 1)
        numbers = [number for number, _ in next(pieces).found]
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        numbers += [number for piece in pieces for number, _ in piece.found]
        assert numbers == list(range(1, 41))
        assert multiprocessing.active_children() == []
        halted = tag_stored(store, NEW, _number, workers=2)
        assert next(halted).last == 5
        assert len(multiprocessing.active_children()) == 2
        halted.close()
        assert multiprocessing.active_children() == []


def test_a_child_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """The pipe ends when the process at its other end does, however it ends."""
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
        here, there = multiprocessing.Pipe()
        task = room._Task(store.url, NEW, _number, {})
        child = multiprocessing.get_context("spawn").Process(target=room._work, args=(there, task))
        child.start()
        there.close()
        here.close()
        child.join(60)
        assert child.exitcode == 0


def test_what_is_polled_into_an_empty_store_is_not_tagged_twice(tmp_path: Path) -> None:
    """The rules of the first poll are noted; other rules later mean a walk."""
    rules, others = RuleSet(digest="first"), RuleSet(digest="second")
    store = Store.open(f"sqlite:///{tmp_path / 'ketfeed.db'}")
    try:
        assert is_due(store, rules)
        begin(store, rules)
        assert not is_due(store, rules)
        begin(store, others)
        assert is_due(store, others)
    finally:
        store.close()
