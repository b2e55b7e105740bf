"""Whatever happens in whatever order, places in feeds are what working them out anew gives."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.store.making import DAY, HOUR, NOW, catalog, entry, save, source, tags, write

from ketfeed.model import Edit, FeedQuery
from ketfeed.store.db import Store
from ketfeed.store.decisions import ACTIONS
from ketfeed.store.placing import relist
from ketfeed.store.retagging import all_retagged
from ketfeed.store.schema import ENTRY, FEED_VERSION, LISTING

TOPICS = ["ptsd", "pain", "ocd"]
NAMES = ["news", "paper", "wide"]


def act(store: Store, rng: random.Random, turn: int) -> None:
    """One thing that happens to a store."""
    at = NOW + turn * HOUR
    what = rng.choice(["poll", "poll", "poll", "edit", "edit", "tag", "sync"])
    if what == "poll":
        name = rng.choice(NAMES)
        numbers = rng.sample(range(12), rng.randint(1, 6))
        entries = [
            entry(n, of=name, canonical_link=f"page.example/{n % 5}", title=f"{rng.choice(['Trial', 'Study'])} {n % 5}")
            for n in numbers
        ]
        said = [
            tags(
                *rng.sample(TOPICS, rng.randint(0, 2)),
                relevant=rng.random() < 0.7,
                kind=rng.choice(["news", "research"]),
            )
            for _ in entries
        ]
        save(store, write(entries, said, of=source(name), at=at))
    elif what == "edit":
        stored = [one.entry.id for batch in store.tags.batches() for one in batch]
        if len(stored) > 1:
            one, other = rng.sample(stored, 2)
            action = rng.choice(ACTIONS)
            value = {"join": other, "set-kind": "review"}.get(action, rng.choice(TOPICS))
            store.edits.add(Edit(entry_id=one, action=action, value=value, by="Ada", at=at, why="why"))
    elif what == "tag":
        for batch in store.tags.batches(5):
            pairs = [
                (one, tags(*rng.sample(TOPICS, 1), relevant=rng.random() < 0.8)) for one in batch if rng.random() < 0.5
            ]
            store.tags.apply(all_retagged(pairs), at)
    else:
        kept = rng.sample(NAMES, rng.randint(1, 3))
        sources = [source(name, relevance=rng.choice(["all", "filter"]), priority=rng.randint(0, 2)) for name in kept]
        store.sources.sync(catalog(*sources, backfill=3), at)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_places_follow_from_what_is_stored(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # a game, no secret
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{Path(folder) / 'k.db'}") as store:
        store.sources.sync(catalog(*(source(name) for name in NAMES), backfill=3), NOW)
        for turn in range(14):
            act(store, rng, turn)
        with store._database.write() as connection:
            stories = set(connection.execute(select(ENTRY.c.story)).scalars())
            assert not relist(connection, stories, 10**6), "a place was wrong"
            counted: dict[str, int] = dict(
                connection.execute(select(LISTING.c.feed, func.count()).group_by(LISTING.c.feed)).all()
            )
            kept: dict[str, int] = dict(connection.execute(select(FEED_VERSION.c.feed, FEED_VERSION.c.places)).all())
            assert {feed: number for feed, number in kept.items() if number} == counted
            lost = select(LISTING.c.story).where(LISTING.c.story.not_in(select(ENTRY.c.story)))
            assert connection.execute(lost).all() == []
            once = select(LISTING.c.feed).group_by(LISTING.c.feed, LISTING.c.story).having(func.count() > 1)
            assert connection.execute(once).all() == [], "a story stands once in a feed"
            connection.exec_driver_sql("INSERT INTO entry_fts(entry_fts, rank) VALUES('integrity-check', 1)")
        shown = store.entries.select(FeedQuery(limit=200), max_per_source=None)
        assert len({one.public_id for one in shown}) == len(shown)
        assert all(one.visible and one.primary for one in shown)
        assert [one.sort_at for one in shown if not one.also] == sorted(
            (one.sort_at for one in shown if not one.also), reverse=True
        )


def test_the_order_of_polls_does_not_change_what_is_public(tmp_path: Path) -> None:
    polls = [
        write([entry(number, of=name, title=f"Finding {number} of many", canonical_link=f"page.example/{number}")
               for number in range(8)], [tags("ptsd")] * 8, of=source(name), at=NOW + at * HOUR)
        for at, name in enumerate(NAMES)
    ]  # fmt: skip
    seen: list[list[str]] = []
    for order in (polls, polls[::-1]):
        with Store.open(f"sqlite:///{tmp_path / str(len(seen))}.db") as store:
            store.sources.sync(catalog(*(source(name, priority=len(name)) for name in NAMES)), NOW)
            for poll in order:
                save(store, poll)
            seen.append([one.entry.id for one in store.entries.select(FeedQuery(limit=200), since=NOW - 30 * DAY)])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 8
