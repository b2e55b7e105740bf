"""From rows that are due to polls under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.run.site import RSS, Answer, Site, feed

from ketfeed.model import Catalog, RuleSet, Source
from ketfeed.run import due as room
from ketfeed.run.due import START_AT_ONCE, START_SPREAD, DuePolls
from ketfeed.run.service import polling
from ketfeed.settings import load_settings
from ketfeed.store.db import Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def due_polls(folder: Path, *urls: str, **settings: object) -> AsyncIterator[tuple[DuePolls, Clock]]:
    """The sources, all due, over a poller that has not started: what is queued stays queued."""
    sources = tuple(Source(id=f"s{number}", url=url, every=3600) for number, url in enumerate(urls))
    catalog = Catalog(sources=sources, rules=RuleSet())
    made = load_settings(data=folder, parse_processes=1, **settings)
    clock = Clock()
    with Store.open(made.database) as store:
        store.sources.sync(catalog, NOW)
        async with polling(made, catalog, store, clock=clock) as kit:
            yield DuePolls(kit.poller, store, {source.id: source for source in sources}, clock), clock


def urls(count: int) -> list[str]:
    return [f"http://h{number}.example/feed" for number in range(count)]


def test_two_thousand_due_sources_do_not_storm_at_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with due_polls(tmp_path, *urls(2000)) as (due, clock):
            queued = []
            for second in range(int(START_SPREAD)):
                clock.now = NOW + timedelta(seconds=second)
                await due.tick()
                queued.append(len(due.poller))
            steps = [later - earlier for earlier, later in zip([0, *queued], queued, strict=False)]
            assert max(steps) == 2000 // int(START_SPREAD) + 1
            assert queued[-1] == 2000

    asyncio.run(scenario())


def test_few_sources_start_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with due_polls(tmp_path, *urls(START_AT_ONCE)) as (due, _):
            await due.tick()
            assert len(due.poller) == START_AT_ONCE

    asyncio.run(scenario())


def test_after_the_start_everything_due_is_queued_but_never_more_than_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with due_polls(tmp_path, *urls(60)) as (due, clock):
            due.started = NOW - timedelta(hours=1)
            clock.now = NOW
            monkeypatch.setattr(room, "QUEUE", 50)
            for _ in range(2):
                await due.tick()
                assert len(due.poller) == 50

    asyncio.run(scenario())


def test_the_longest_due_are_taken_and_polled_in_the_order_of_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with due_polls(tmp_path, *urls(4)) as (due, clock):
            for hours, name in enumerate(("s3", "s0", "s2", "s1")):
                due.store.sources.mark_due([name], NOW - timedelta(hours=9 - hours))
            clock.now = NOW
            monkeypatch.setattr(room, "QUEUE", 3)
            await due.tick()
            assert list(due.poller.under_way) == ["s0", "s2", "s3"]

    asyncio.run(scenario())


def test_draining_polls_every_due_source_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site() as site:
            names = [f"/{number}" for number in range(30)]
            for name in names:
                site.scripts[name] = lambda asked: Answer(feed(asked.path, "one"), headers=RSS)
            addresses = [site.url(name) for name in names]
            made = due_polls(tmp_path, *addresses, allow_networks="127.0.0.0/8", host_interval=0)
            async with made as (due, _), asyncio.timeout(60):
                due.poller.start()
                await due.drain()
                assert sorted(site.paths()) == sorted(names)
                assert {state.last_outcome for state in due.store.sources.states()} == {"ok"}
                await due.drain()
                assert len(site.asked) == 30

    asyncio.run(scenario())
