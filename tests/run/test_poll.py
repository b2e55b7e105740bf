"""Polls against a real server on loopback, a real store and real parser processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from tests.run.site import RSS, Answer, Asked, Site, conditional, feed

from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import Catalog, PageRule, Poll, RuleSet, Source, SourceState
from ketfeed.net.client import Client
from ketfeed.run.poll import Poller
from ketfeed.run.service import StoreMemory
from ketfeed.settings import Settings, load_settings
from ketfeed.store.db import Store
from ketfeed.store.ready import ReadyFeed, prepare

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SETTINGS = load_settings(
    allow_networks=(ip_network("127.0.0.0/8"),),
    host_interval=0,
    deadline=10,
    parse_processes=1,
    base_url="https://k.example",
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox[ReadyFeed]]:
    """Parser processes for all tests of this file; starting one takes longer than a test."""
    made = Sandbox(SETTINGS, RuleSet(), prepare)
    yield made
    made.close()


@dataclass
class House:
    """A poller and everything around it, with a clock the test sets."""

    site: Site
    store: Store
    poller: Poller
    now: datetime

    async def poll(self, *sources: Source) -> list[Poll]:
        """Poll each source once, due or not."""
        self.store.sources.sync(Catalog(sources=sources), self.now)
        pairs = [(source, self.state(source.id)) for source in sources]
        async with asyncio.timeout(30):
            return await self.poller.poll(pairs)

    def state(self, name: str = "a") -> SourceState:
        state = self.store.sources.state(name)
        assert state is not None
        return state

    def source(self, path: str = "/feed", name: str = "a", **more: object) -> Source:
        return Source(id=name, url=self.site.url(path), every=3600, **more)  # type: ignore[arg-type]


Scenario = Callable[[House], Awaitable[None]]


@pytest.fixture
def play(sandbox: Sandbox[ReadyFeed], tmp_path: Path) -> Callable[..., None]:
    """Run a scenario in a house of its own."""

    def run(scenario: Scenario, settings: Settings = SETTINGS) -> None:
        asyncio.run(_play(scenario, sandbox, tmp_path / "k.db", settings))

    return run


async def _play(scenario: Scenario, sandbox: Sandbox[ReadyFeed], database: Path, settings: Settings) -> None:
    async with Site() as site:
        with Store.open(f"sqlite:///{database}") as store:
            async with house(site, store, sandbox, settings) as made:
                await scenario(made)


@asynccontextmanager
async def house(
    site: Site, store: Store, sandbox: Sandbox[ReadyFeed], settings: Settings, now: datetime = NOW
) -> AsyncIterator[House]:
    client = Client(settings, user_agent="ketfeed/test")
    made: House

    poller = Poller(
        settings=settings,
        client=client,
        reader=sandbox,
        save_polls=store.entries.save_polls,
        memory=StoreMemory(store),
        holds=store.sources.holds(),
        base_url=settings.base_url,
        clock=lambda: made.now,
        dice=lambda: 0.0,
    )
    made = House(site, store, poller, now)
    try:
        yield made
    finally:
        await poller.stop()
        await client.aclose()


def always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda _asked: answer


def test_a_first_poll_stores_entries_and_the_second_is_not_modified(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one", "two"), "W/\"odd 'etag")
        (first,) = await at.poll(at.source())
        assert (first.outcome, first.http_status, first.new, first.error) == ("ok", 200, 2, None)
        assert first.bytes > 0
        at.now += timedelta(hours=1)
        (second,) = await at.poll(at.source())
        assert (second.outcome, second.http_status, second.new) == ("not_modified", 304, 0)
        assert at.site.asked[1].headers["if-none-match"] == "W/\"odd 'etag"
        state = at.state()
        assert (state.entries, state.failures, state.last_outcome) == (2, 0, "not_modified")
        assert state.next_poll_at == at.now + timedelta(hours=1)
        assert state.next_poll_reason == "every: 1 h"
        assert [poll.outcome for poll in at.store.sources.polls("a")] == ["not_modified", "ok"]

    play(scenario)


def test_equal_bytes_are_not_read_again_and_edited_entries_are_updated(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(feed("F", "one"), headers=RSS))
        await at.poll(at.source())
        at.now += timedelta(hours=1)
        (second,) = await at.poll(at.source())
        assert (second.outcome, second.http_status) == ("not_modified", 200)
        at.now += timedelta(hours=1)
        at.site.scripts["/feed"] = always(Answer(feed("F", "one").replace(b"for depression", b"for pain"), headers=RSS))
        (third,) = await at.poll(at.source())
        assert (third.outcome, third.new, third.updated) == ("ok", 0, 1)

    play(scenario)


def test_a_304_to_an_unconditional_request_asks_once_more(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = lambda asked: (
            Answer(feed("F", "one"), headers=RSS)
            if asked.headers.get("cache-control") == "no-cache"
            else Answer(status=304)
        )
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, poll.new, len(at.site.asked)) == ("ok", 1, 2)
        at.site.scripts["/feed"] = always(Answer(status=304))
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, len(at.site.asked)) == ("http_error", 4)
        assert poll.error is not None
        assert "304" in poll.error

    play(scenario)


def test_once_a_week_the_whole_document_is_asked_for(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one"), '"1"')
        for days in (0, 1, 7, 8):
            at.now = NOW + timedelta(days=days)
            await at.poll(at.source())
        assert ["if-none-match" in asked.headers for asked in at.site.asked] == [False, True, False, True]

    play(scenario)


def test_validators_stay_with_their_address(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one"), '"1"')
        at.site.scripts["/other"] = conditional(feed("F", "one"), '"1"')
        await at.poll(at.source())
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(at.source("/other"))
        assert "if-none-match" not in at.site.asked[1].headers
        assert (poll.http_status, poll.new) == (200, 0)

    play(scenario)


def test_a_rule_for_reading_that_changed_reads_the_same_bytes_again(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one"), '"1"')
        await at.poll(at.source())
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(at.source(language="de"))
        assert poll.http_status == 200
        assert "if-none-match" not in at.site.asked[1].headers

    play(scenario)


def test_a_failure_keeps_entries_and_validators_and_backs_off(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        good = conditional(feed("F", "one"), '"1"')
        at.site.scripts["/feed"] = good
        await at.poll(at.source())
        known = at.state()
        for number, answer in enumerate(
            [Answer(status=500), Answer(b"<html>Down for maintenance</html>", headers=(("Content-Type", "text/html"),))]
        ):
            at.site.scripts["/feed"] = always(answer)
            at.now += timedelta(hours=1)
            (poll,) = await at.poll(at.source())
            assert poll.outcome == ("http_error", "not_a_feed")[number]
            state = at.state()
            assert (state.failures, state.entries) == (number + 1, 1)
            assert (state.validators, state.body_hash) == (known.validators, known.body_hash)
            assert state.next_poll_at == at.now + timedelta(hours=2 ** (number + 1))
        at.site.scripts["/feed"] = good
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, poll.http_status) == ("not_modified", 304)
        assert at.state().failures == 0

    play(scenario)


def test_410_pauses_the_source_and_nothing_is_lost(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(feed("F", "one"), headers=RSS))
        await at.poll(at.source())
        at.site.scripts["/feed"] = always(Answer(status=410))
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, poll.http_status) == ("gone", 410)
        state = at.state()
        assert (state.gone, state.next_poll_at, state.entries) == (True, None, 1)
        assert at.store.sources.due(at.now + timedelta(days=999), 10) == []

    play(scenario)


def test_retry_after_holds_the_whole_host_and_survives_a_restart(sandbox: Sandbox[ReadyFeed], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site() as site:
            site.scripts["/one"] = always(Answer(status=429, headers=(("Retry-After", "7200"),)))
            site.scripts["/two"] = always(Answer(feed("F", "one"), headers=RSS))
            with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store:
                async with house(site, store, sandbox, SETTINGS) as at:
                    one, two = at.source("/one", "one"), at.source("/two", "two")
                    polls = await at.poll(one, two)
                    assert [poll.outcome for poll in polls] == ["rate_limited", "rate_limited"]
                    assert at.site.paths() == ["/one"]
                    assert polls[1].error == "127.0.0.1 asked to be left alone until 2026-07-01 14:00:00 UTC"
                    state = at.state("two")
                    assert (state.failures, state.next_poll_at) == (0, NOW + timedelta(hours=2))
                    assert at.state("one").failures == 1
                async with house(site, store, sandbox, SETTINGS, now=NOW + timedelta(hours=1)) as at:
                    await at.poll(two)
                    assert at.site.paths() == ["/one"]
                    at.now = NOW + timedelta(hours=2)
                    (poll,) = await at.poll(two)
                    assert poll.outcome == "ok"

    asyncio.run(scenario())


def test_a_host_gets_one_request_at_a_time_with_a_pause_between(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        for number in range(4):
            at.site.scripts[f"/{number}"] = always(Answer(feed(f"F{number}", "x"), headers=RSS, delay=0.02))
        await at.poll(*(at.source(f"/{number}", f"s{number}") for number in range(4)))
        assert at.site.most_busy == {"127.0.0.1": 1}
        starts = [asked.at for asked in at.site.asked]
        assert all(later - earlier >= 0.1 for earlier, later in pairwise(starts))

    play(scenario, SETTINGS.model_copy(update={"host_interval": 0.08}))


def test_never_more_polls_at_a_time_than_the_setting(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        running = most = 0

        def count(asked: Asked) -> Answer:
            nonlocal running, most
            running = sum(at.site.busy.values())
            most = max(most, running)
            return Answer(feed(asked.path, "x"), headers=RSS, delay=0.02)

        sources = []
        for number in range(2, 12):
            await at.site.also_at(f"127.0.0.{number}")
            at.site.scripts[f"/{number}"] = count
            sources.append(Source(id=f"s{number}", url=at.site.url(f"/{number}", f"127.0.0.{number}")))
        polls = await at.poll(*sources)
        assert {poll.outcome for poll in polls} == {"ok"}
        assert most == 3

    play(scenario, SETTINGS.model_copy(update={"concurrency": 3}))


def test_a_redirect_is_followed_and_its_target_keeps_the_validators(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        await at.site.also_at("127.0.0.2")
        target = at.site.url("/new", "127.0.0.2")
        at.site.scripts["/feed"] = always(Answer(status=302, headers=(("Location", target),)))
        at.site.scripts["/new"] = conditional(feed("F", "one"), '"1"')
        await at.poll(at.source())
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, poll.http_status) == ("not_modified", 304)
        assert "if-none-match" not in at.site.asked[2].headers
        assert at.state().moved_to is None

    play(scenario)


def test_a_permanent_redirect_is_counted_by_days_and_only_while_it_is_the_same_feed(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(feed("F", "one"), headers=RSS))
        await at.poll(at.source())
        at.site.scripts["/new"] = conditional(feed("F", "one", "two"), '"1"')
        at.site.scripts["/feed"] = always(Answer(status=301, headers=(("Location", "/new"),)))
        for hours in (1, 2, 24, 48):
            at.now = NOW + timedelta(hours=hours)
            await at.poll(at.source())
        state = at.state()
        assert (state.moved_to, state.moved_days) == (at.site.url("/new"), 3)
        assert state.moved_since == NOW + timedelta(hours=1)
        at.site.scripts["/new"] = always(Answer(feed("Parked", "buy this domain"), headers=RSS))
        at.now = NOW + timedelta(hours=72)
        await at.poll(at.source())
        assert (at.state().moved_to, at.state().moved_days) == (None, 0)

    play(scenario)


@pytest.mark.parametrize("generator", ["ketfeed", "ketfeed/0.1.0", "Ketfeed 9"])
def test_our_own_output_is_not_merged_into_itself(play: Callable[..., None], generator: str) -> None:
    async def scenario(at: House) -> None:
        own = feed("F", "one", extra=f"<generator>{generator}</generator>")
        at.site.scripts["/feed"] = always(Answer(own, headers=RSS))
        (poll,) = await at.poll(at.source())
        assert (poll.outcome, at.state().entries) == ("self_loop", 0)
        (poll,) = await at.poll(Source(id="b", url="https://k.example/feeds/all.rss"))
        assert poll.outcome == "self_loop"

    play(scenario)


def test_a_source_that_fails_never_stops_the_others(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/good"] = always(Answer(feed("F", "one"), headers=RSS))
        sources = [
            at.source("/missing", "missing"),
            at.source("/good", "good"),
            Source(id="blocked", url="http://192.168.1.1/feed"),
            Source(id="scheme", url="gopher://news.example/"),
            Source(id="bad", url="http://[broken/"),
        ]
        polls = await at.poll(*sources)
        found = {poll.source_id: poll.outcome for poll in polls}
        assert found == {
            "missing": "http_error",
            "good": "ok",
            "blocked": "blocked_address",
            "scheme": "unsupported_scheme",
            "bad": "bad_url",
        }

    play(scenario)


def test_what_the_store_cannot_take_is_a_storage_failure_and_is_asked_for_again(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one"), '"1"')
        source = at.source()
        at.store.sources.sync(Catalog(sources=(source,)), at.now)
        state = at.state()
        with at.store._database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE entry RENAME TO hidden")
        (poll,) = await at.poller.poll([(source, state)])
        assert poll.outcome == "storage"
        assert poll.error
        assert at.poller.is_busy_with("a", at.now)
        assert not at.poller.is_busy_with("a", at.now + timedelta(minutes=5))
        with at.store._database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO entry")
        assert at.state().validators is None
        (poll,) = await at.poller.poll([(source, at.state())])
        assert (poll.outcome, poll.http_status, poll.new) == ("ok", 200, 1)

    play(scenario)


def test_stopping_in_the_middle_stores_what_was_read_and_loses_nothing(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        asked = asyncio.Event()

        def slow(_asked: Asked) -> Answer:
            asked.set()
            return Answer(feed("F", "one"), headers=RSS, delay=60)

        at.site.scripts["/feed"] = slow
        source = at.source()
        at.store.sources.sync(Catalog(sources=(source,)), at.now)
        at.poller.start()
        waiting = at.poller.submit(source, at.state())
        await asked.wait()
        async with asyncio.timeout(5):
            await at.poller.stop(grace=0.05)
        assert waiting.cancelled()
        assert at.state().last_poll_at is None
        assert [state.source_id for state in at.store.sources.due(at.now, 10)] == ["a"]

    play(scenario)


def test_a_source_on_its_way_is_not_queued_twice(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(feed("F", "one"), headers=RSS, delay=0.05))
        source = at.source()
        at.store.sources.sync(Catalog(sources=(source,)), at.now)
        await at.poller.poll([(source, at.state()), (source, at.state())])
        assert at.site.paths() == ["/feed"]

    play(scenario)


def test_a_feeds_own_new_address_is_counted_only_while_the_same_feed_is_there(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        new = at.site.url("/new")
        itunes = f'<itunes:new-feed-url xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">{new}</itunes:new-feed-url>'
        at.site.scripts["/feed"] = conditional(feed("F", "one", extra=itunes), '"1"')
        at.site.scripts["/new"] = conditional(feed("F", "one", "two"), '"2"')
        for hours in (0, 1, 24, 48):
            at.now = NOW + timedelta(hours=hours)
            await at.poll(at.source())
        assert (at.state().moved_to, at.state().moved_days) == (new, 3)
        assert at.site.paths().count("/new") == 1  # the unchanged document still says what it said
        at.site.scripts["/feed"] = conditional(feed("F", "one", "two", extra=itunes), '"3"')
        at.site.scripts["/new"] = always(Answer(status=404))
        at.now = NOW + timedelta(hours=72)
        await at.poll(at.source())
        assert at.state().moved_to is None

    play(scenario)


def test_one_poll_at_a_time_is_enough_to_look_at_a_new_address(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        new = at.site.url("/new")
        itunes = f'<itunes:new-feed-url xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">{new}</itunes:new-feed-url>'
        at.site.scripts["/feed"] = conditional(feed("F", "one", extra=itunes), '"1"')
        at.site.scripts["/new"] = conditional(feed("F", "one"), '"2"')
        await at.poll(at.source())
        assert at.state().moved_to == new

    play(scenario, SETTINGS.model_copy(update={"concurrency": 1}))


HTML = (("Content-Type", "text/html; charset=utf-8"),)


def listing(*names: str) -> bytes:
    items = "".join(f'<li><a href="/blog/{name}">{name.title()} and ketamine</a></li>' for name in names)
    return f"<html><head><title>Blog</title></head><body><ul>{items}</ul></body></html>".encode()


def article(day: int) -> bytes:
    return (
        "<html><head><title>t</title>"
        f'<meta property="article:published_time" content="2026-06-{day:02}T10:00:00Z">'
        '<meta name="description" content="What the trial of ketamine showed.">'
        "</head><body><article><p>Text.</p></article></body></html>"
    ).encode()


def test_article_pages_are_visited_once_each_and_a_listing_never_erases_their_dates(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        source = at.source("/blog", type="page", page=PageRule(items="li", link="a"))
        at.site.scripts["/blog"] = always(Answer(listing("one", "two"), headers=HTML))
        at.site.scripts["/blog/one"] = always(Answer(article(1), headers=HTML))
        at.site.scripts["/blog/two"] = always(Answer(status=404))
        (poll,) = await at.poll(source)
        assert (poll.outcome, poll.new) == ("ok", 2)
        stored = {one.entry.title: one.entry for one in at.store.search("ketamine")}
        assert stored["One and ketamine"].published == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
        assert "trial of ketamine" in stored["One and ketamine"].excerpt
        assert stored["Two and ketamine"].published is None
        at.site.scripts["/blog"] = always(Answer(listing("three", "one", "two"), headers=HTML))
        at.site.scripts["/blog/three"] = always(Answer(article(3), headers=HTML))
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(source)
        assert (poll.outcome, poll.new, poll.updated) == ("ok", 1, 0)
        visits = [path for path in at.site.paths() if path.startswith("/blog/")]
        assert sorted(visits) == ["/blog/one", "/blog/three", "/blog/two"]
        again = {one.entry.title: one.entry for one in at.store.search("ketamine")}
        assert again["One and ketamine"].published == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)

    play(scenario)


def test_the_newest_sitemaps_of_an_index_are_read_every_time(play: Callable[..., None]) -> None:
    def urlset(*names: str) -> bytes:
        rows = "".join(
            f"<url><loc>https://news.example/{name}</loc><lastmod>2026-06-01</lastmod></url>" for name in names
        )
        return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'.encode()

    async def scenario(at: House) -> None:
        parts = "".join(f"<sitemap><loc>{at.site.url(f'/part{number}')}</loc></sitemap>" for number in (1, 2, 3))
        index = f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{parts}</sitemapindex>'
        at.site.scripts["/map"] = conditional(index.encode(), '"1"')
        at.site.scripts["/part1"] = always(Answer(urlset("a", "b")))
        at.site.scripts["/part2"] = always(Answer(urlset("c")))
        source = at.source("/map", type="sitemap")
        (poll,) = await at.poll(source)
        assert (poll.outcome, poll.new) == ("ok", 3)
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(source)
        assert (poll.outcome, poll.new) == ("not_modified", 0)
        at.site.scripts["/part3"] = always(Answer(urlset("d")))
        at.now += timedelta(hours=1)
        (poll,) = await at.poll(source)
        assert (poll.outcome, poll.new) == ("ok", 1)

    play(scenario, SETTINGS.model_copy(update={"deadline": 2.0}))
