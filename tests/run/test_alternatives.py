"""A dead or silent source: another feed of its site is looked for politely, proved, remembered, never taken up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.run.site import RSS, Answer, conditional, feed
from tests.run.test_poll import NOW, House, always
from tests.run.test_poll import play as play  # a fixture
from tests.run.test_poll import sandbox as sandbox  # a fixture

from ketfeed.ingest.discover import Candidate, Found
from ketfeed.ingest.survey import Kind
from ketfeed.model import Catalog, Outcome, Source, SourceState
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.operations import document
from ketfeed.run.alternatives import AGAIN_DEAD, FRESH, QUIET_FOR, Known, choose, is_wanted, starts
from ketfeed.run.visit import Seen

HTML = (("Content-Type", "text/html"),)
SOURCE = Source(id="a", url="https://news.example/feed", homepage="https://news.example/blog/")
FAILED_TWICE = SourceState(source_id="a", url=SOURCE.url, failures=2, newest_at=NOW - timedelta(days=9))
SILENT = replace(FAILED_TWICE, failures=0, gap=86_400, health="quiet", health_since=NOW - QUIET_FOR)


def page(*links: str) -> Answer:
    tags = "".join(f'<link rel="alternate" type="application/rss+xml" href="{link}">' for link in links)
    return Answer(f"<!doctype html><title>Site</title>{tags}<p>Words.</p>".encode(), headers=HTML)


# ---------------------------------------------------------------- deciding


@pytest.mark.parametrize(
    ("outcome", "state", "wanted"),
    [
        ("http_error", FAILED_TWICE, True),
        ("dns", FAILED_TWICE, True),
        ("not_a_feed", FAILED_TWICE, True),
        ("gone", replace(FAILED_TWICE, failures=0, searched_at=NOW), True),  # no poll follows a 410
        ("http_error", replace(FAILED_TWICE, failures=1), False),  # weather
        ("rate_limited", FAILED_TWICE, False),
        ("auth_required", FAILED_TWICE, False),
        ("blocked_address", FAILED_TWICE, False),
        ("storage", FAILED_TWICE, False),
        ("http_error", replace(FAILED_TWICE, searched_at=NOW - AGAIN_DEAD + timedelta(minutes=1)), False),
        ("http_error", replace(FAILED_TWICE, searched_at=NOW - AGAIN_DEAD), True),
        ("not_modified", SILENT, True),  # for nine of its usual gaps, and a week of our visits
        ("not_modified", replace(SILENT, gap=86_400 * 8), False),
        ("not_modified", replace(SILENT, searched_at=NOW - timedelta(days=13)), False),
        ("not_modified", replace(SILENT, health_since=NOW - QUIET_FOR + timedelta(minutes=1)), False),
        ("not_modified", replace(SILENT, health="healthy"), False),
    ],
)
def test_a_search_is_made_for_the_dead_and_the_silent_once_in_some_days(
    outcome: Outcome, state: SourceState, wanted: bool
) -> None:
    assert is_wanted(SOURCE, state, Seen(now=NOW, outcome=outcome)) is wanted


def test_nothing_is_looked_for_while_the_host_wants_peace_or_when_there_is_no_feed_to_replace() -> None:
    held = Seen(now=NOW, outcome="rate_limited", held_until=NOW + timedelta(hours=1))
    assert not is_wanted(SOURCE, FAILED_TWICE, held)
    assert not is_wanted(replace(SOURCE, type="page"), FAILED_TWICE, Seen(now=NOW, outcome="http_error"))


def test_the_homepage_is_looked_at_first_then_the_root_of_the_site() -> None:
    assert starts(SOURCE) == ["https://news.example/blog/", "https://news.example/"]
    assert starts(replace(SOURCE, homepage=None)) == ["https://news.example/"]


def candidate(name: str, *marks: str, days: float = 1, kind: Kind = "feed", entries: int = 3) -> Candidate:
    found: Found = "named by the page"
    return Candidate(
        url=f"https://news.example/{name}", kind=kind, found=found, title=name, entries=entries,
        newest=NOW - timedelta(days=days), marks=frozenset(marks),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate("new", days=2), candidate("same", "id 1", days=3)], "same"),  # entries we know speak loudest
        ([candidate("new", days=2)], "new"),
        ([candidate("old", days=20)], None),  # older than what we have
        ([candidate("feed", "id 1")], None),  # the dead one itself
        ([candidate("other/rss", "id 1")], None),  # followed already, as a source of its own
        ([candidate("empty", "id 1", entries=0)], None),
        ([candidate("list", "id 1", kind="page")], None),
        ([], None),
    ],
)
def test_only_a_feed_that_goes_on_where_the_source_ended_is_proposed(
    candidates: list[Candidate], chosen: str | None
) -> None:
    known = Known(frozenset({"id 1", "title x"}), ["http://www.news.example/other/rss/"])
    found = choose(candidates, "https://news.example/", SOURCE, FAILED_TWICE, known, NOW)
    assert found.url == (f"https://news.example/{chosen}" if chosen else None)
    assert not chosen or "named by the page https://news.example/" in found.how


def test_a_feed_that_nobody_writes_any_more_is_no_alternative() -> None:
    state = replace(FAILED_TWICE, newest_at=None)
    known = Known(frozenset(), [])
    old = candidate("old", days=FRESH.days + 1)
    assert choose([old], "s", SOURCE, state, known, NOW).url is None
    assert choose([candidate("young", days=FRESH.days - 1)], "s", SOURCE, state, known, NOW).url


# ---------------------------------------------------------------- polling


def test_a_dead_feed_leads_to_the_one_its_homepage_names(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", "one", "two"), '"1"')
        source = at.source(homepage=at.site.url("/home"))
        await at.poll(source)
        at.site.scripts["/feed"] = always(Answer(status=404))
        at.site.scripts["/home"] = always(page("/comments", "/fresh"))
        at.site.scripts["/comments"] = always(Answer(feed("Comments on F", "x"), headers=RSS))
        at.site.scripts["/fresh"] = always(Answer(feed("F", "one", "two", "three"), headers=RSS))
        for _ in range(2):
            at.now += timedelta(days=1)
            await at.poll(source)
        assert set(at.site.paths()) == {"/feed"}  # nobody looks after two failures
        at.now += timedelta(days=1)
        await at.poll(source)
        state = at.state()
        assert (state.health, state.alternative) == ("failing", at.site.url("/fresh"))
        assert state.searched_at == at.now
        assert "named by the page" in state.alternative_how
        assert "has entries we know" in state.alternative_how
        assert state.url == source.url  # proposed, not taken up
        asked = len(at.site.asked)
        at.now += timedelta(days=1)
        await at.poll(source)
        assert at.site.paths()[asked:] == ["/feed"]  # not again for some days
        assert at.state().alternative == at.site.url("/fresh")
        told = document(Publisher(at.store, Catalog(sources=(source,)), "https://k.example"), at.store.sources.states())
        assert at.site.url("/fresh") in (told.items[0].content or "")
        lately = feed("F", "one", "four").replace(b"02 Jun 2026", b"04 Jul 2026")
        at.site.scripts["/feed"] = always(Answer(lately, headers=RSS))
        at.now += timedelta(days=1)
        await at.poll(source)
        assert at.state().alternative is None  # well again: nothing to propose

    play(scenario)


def test_a_feed_that_is_gone_is_searched_for_at_once_and_an_edit_forgets_the_proposal(
    play: Callable[..., None],
) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(status=410))
        at.site.scripts["/"] = always(page())
        at.site.scripts["/atom.xml"] = always(Answer(feed("G", "one"), headers=RSS))
        await at.poll(at.source())
        state = at.state()
        assert (state.health, state.alternative) == ("gone", at.site.url("/atom.xml"))
        assert "at a usual place" in state.alternative_how
        assert max(at.site.most_busy.values()) == 1  # one request at a time, like any poll
        await at.poll(at.source("/atom.xml"))
        state = at.state()
        assert (state.last_outcome, state.alternative, state.searched_at) == ("ok", None, None)

    play(scenario)


def test_a_site_without_another_feed_is_left_alone_for_days(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(status=410))
        at.site.scripts["/"] = always(page("/feed", "/elsewhere"))
        at.site.scripts["/elsewhere"] = always(Answer(b"<html><p>No feed.</p></html>", headers=HTML))
        await at.poll(at.source())
        assert (at.state().alternative, at.state().searched_at) == (None, NOW)
        assert len(at.site.asked) <= 20

    play(scenario)


def test_a_search_ends_when_the_host_asks_for_peace(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = always(Answer(status=410))
        at.site.scripts["/"] = always(page("/one", "/two", "/three"))
        for path in ("/one", "/two", "/three"):
            at.site.scripts[path] = always(Answer(status=429, headers=(("Retry-After", "3600"),)))
        await at.poll(at.source())
        assert at.site.paths() == ["/feed", "/", "/one"]
        assert at.store.sources.holds() == {"127.0.0.1": NOW + timedelta(hours=1)}

    play(scenario)


def test_a_silent_feed_leads_to_one_that_goes_on(play: Callable[..., None]) -> None:
    async def scenario(at: House) -> None:
        at.site.scripts["/feed"] = conditional(feed("F", *map(str, range(5))), '"1"')
        at.site.scripts["/"] = always(page("/feed", "/new"))
        at.site.scripts["/new"] = always(Answer(feed("F", *map(str, range(25))), headers=RSS))
        await at.poll(at.source())
        assert at.state().health == "quiet"
        assert at.site.paths() == ["/feed"]
        at.now += timedelta(days=6)  # its pace is known now, but a feed may have been old when it was added
        await at.poll(at.source())
        assert at.site.paths() == ["/feed", "/feed"]
        at.now += timedelta(days=1)
        await at.poll(at.source())
        assert at.state().alternative == at.site.url("/new")

    play(scenario)
