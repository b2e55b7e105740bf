"""Feeds over HTTP, from a real server."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import brotli
import pytest
from tests.publish.judge import complaints_about
from tests.publish.world import NOW, SOURCES, about, catalog, entry, open_store, poll
from tests.web.server import Site, serving

from ketfeed.errors import StoreError
from ketfeed.model import Complaint, Poll, SourceState
from ketfeed.publish.document import FORMATS
from ketfeed.publish.feeds import Entries
from ketfeed.store.db import Store
from ketfeed.store.lock import Role
from ketfeed.store.records import PollWrite
from ketfeed.web.desk import SourceStates

ALPHA, BETA, _ = SOURCES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    poll(made, ALPHA, [(entry(f"{n}"), about("ptsd", "depression")) for n in range(5)])
    yield made
    made.close()


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[Site]:
    with serving(store, tmp_path, lambda: catalog(hubs=("https://hub.example/",))) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/feeds/ptsd.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/ptsd.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/ptsd.json", "application/feed+json; charset=utf-8"),
        ("/feeds/all.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/kind/news.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/source/alpha.json", "application/feed+json; charset=utf-8"),
        ("/feeds/ptsd/weekly.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/ptsd/archive/1.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/q.atom?match=all&topic=depression&topic=ptsd", "application/atom+xml; charset=utf-8"),
        ("/opml", "text/x-opml; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
    ],
)
def test_a_second_visit_costs_no_body(site: Site, path: str, media_type: str) -> None:
    first = site.get(path)
    assert first.status == 200
    assert first.headers["content-type"] == media_type
    assert first.headers["access-control-allow-origin"] == "*"
    assert "stale-while-revalidate" in first.headers["cache-control"]
    form = path.partition("?")[0].rpartition(".")[2]
    if form in ("rss", "atom", "json"):
        assert complaints_about(first.body, form) == []
        again = site.get(path, If_Modified_Since=first.headers["last-modified"])
        assert (again.status, again.body) == (304, b"")
    again = site.get(path, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    head = site.get(path, "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == str(len(first.body))


def test_every_coding_carries_the_same_feed(site: Site) -> None:
    plain = site.get("/feeds/ptsd.atom").body
    assert gzip.decompress(site.get("/feeds/ptsd.atom", Accept_Encoding="gzip").body) == plain
    assert brotli.decompress(site.get("/feeds/ptsd.atom", Accept_Encoding="gzip, br").body) == plain


def test_headers_point_to_the_feed_itself_and_its_hub(site: Site) -> None:
    link = site.get("/feeds/ptsd.rss").headers["link"]
    assert f'<{site.url}/feeds/ptsd.rss>; rel="self"' in link
    assert '<https://hub.example/>; rel="hub"' in link


def test_what_was_stored_is_soon_served(site: Site, store: Store) -> None:
    before = site.get("/feeds/ptsd.json")
    poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW + timedelta(minutes=1))
    end = time.monotonic() + 15  # a second where the machine is not busy
    while (after := site.get("/feeds/ptsd.json")).body == before.body and time.monotonic() < end:
        pass
    assert len(json.loads(after.body)["items"]) == 6
    assert after.headers["last-modified"] != before.headers["last-modified"]


def test_another_spelling_of_a_query_is_sent_to_the_canonical_one(site: Site) -> None:
    moved = site.get("/feeds/q.rss?topic=ptsd&topic=depression&match=all&limit=50")
    assert moved.status == 308
    assert moved.headers["location"] == "/feeds/q.rss?match=all&topic=depression&topic=ptsd"
    assert site.get(moved.headers["location"]).status == 200
    assert site.get("/feeds/q.rss").headers["location"] == "/feeds/all.rss"
    assert site.get("/feeds/ptsd.rss?utm_source=x").status == 200, "what is no query of ours is ignored"
    assert site.get("/feeds/PTSD.rss").headers["location"] == "/feeds/ptsd.rss"


@pytest.mark.parametrize("path", ["/feeds/nothing.rss", "/feeds/ptsd/archive/99.atom", "/feeds/source/nobody.atom",
                                  "/feeds/ptsd.xml", "/topics/nothing", "/entries/nothing", "/nothing"])  # fmt: skip
def test_an_unknown_address_gets_a_page_that_helps(site: Site, path: str) -> None:
    reply = site.get(path)
    assert reply.status == 404
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/feeds/ptsd.rss"' in reply.text


def test_a_wrong_query_says_which_parameter(site: Site) -> None:
    reply = site.get("/feeds/q.atom?limit=1000")
    assert reply.status == 400
    assert "limit: is a whole number from 1 to 200" in reply.text
    problem = json.loads(site.get("/feeds/q.json?topic=nothing").body)
    assert problem["parameter"] == "topic"
    assert site.get("/feeds/q?colour=red").status == 400


def test_only_reading_is_allowed(site: Site) -> None:
    assert site.get("/feeds/ptsd.rss", "POST").status == 405
    assert site.get("/", "DELETE").status == 405
    preflight = site.get("/feeds/ptsd.json", "OPTIONS")
    assert preflight.status == 204
    assert "GET" in preflight.headers["access-control-allow-methods"]


class Locked:
    """A store that can be read until it cannot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.locked = False

    def _look(self) -> Store:
        if self.locked:
            raise StoreError("The database is locked.")
        return self._store

    @property
    def entries(self) -> Entries:
        return self._look().entries

    def version(self) -> int:
        return self._look().version()

    @property
    def sources(self) -> SourceStates:
        return self._look().sources

    def lock_holder(self, role: Role) -> str | None:
        return self._look().lock_holder(role)


class Slow(Locked):
    """A store that takes its time until it is told to go on."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.go_on = threading.Event()
        self.go_on.set()

    def _look(self) -> Store:
        assert self.go_on.wait(20)
        return self._store


def test_while_a_change_is_being_read_readers_get_what_there_was(store: Store, tmp_path: Path) -> None:
    slow = Slow(store)
    with serving(slow, tmp_path) as site:
        before = site.get("/feeds/ptsd.json")
        poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW + timedelta(minutes=1))
        slow.go_on.clear()
        end = time.monotonic() + 1
        while time.monotonic() < end:  # the one that asks the store, and those that do not wait for it
            assert site.get("/feeds/ptsd.json").body == before.body
        slow.go_on.set()
        end = time.monotonic() + 15
        while (after := site.get("/feeds/ptsd.json")).body == before.body and time.monotonic() < end:
            pass
        assert len(json.loads(after.body)["items"]) == 6


def test_a_locked_store_means_the_last_good_bytes_and_a_red_light(store: Store, tmp_path: Path) -> None:
    locked, poller = Locked(store), store.lock("poller")
    with serving(locked, tmp_path, base_url="http://same.example") as site:
        good = site.get("/feeds/ptsd.atom")
        page = site.get("/topics/ptsd/")
        assert site.get("/readyz").status == 200
        locked.locked = True
        for _ in range(3):
            assert site.get("/feeds/ptsd.atom").body == good.body
        assert "warning" not in site.get("/feeds/ptsd.atom").headers
        ready = site.get("/readyz")
        assert ready.status == 503
        assert "The database is locked." in ready.text
        assert site.get("/healthz").status == 200
        assert site.get("/feeds/pain.atom").status == 503
        assert site.get("/topics/ptsd/").body == page.body
        assert site.get("/").status == 503
    with serving(locked, tmp_path, base_url="http://same.example") as restarted:
        assert restarted.get("/feeds/ptsd.atom").body == good.body
    poller.release()


def test_a_site_without_poller_is_not_ready_and_says_so(site: Site, store: Store) -> None:
    ready = site.get("/readyz")
    assert ready.status == 503
    assert "No poller is running" in ready.text
    poller = store.lock("poller")
    assert json.loads(site.get("/readyz").body) == {"status": "ok", "problems": [], "allow_networks": []}
    poller.release()


def test_a_broken_configuration_turns_readiness_red_with_words(store: Store, tmp_path: Path) -> None:
    complaint = Complaint("config/feeds.yaml", 12, 3, "sources[3].every", "is no duration", "write 1h")
    with serving(store, tmp_path, complaints=lambda: [complaint]) as site:
        ready = site.get("/readyz")
        assert ready.status == 503
        assert "config/feeds.yaml:12:3: sources[3].every: is no duration: write 1h" in ready.text
        assert site.get("/feeds/ptsd.atom").status == 200


def test_the_operations_feed_is_for_whoever_has_the_token(store: Store, tmp_path: Path) -> None:
    state = SourceState(
        source_id="beta", url=BETA.url, health="failing", health_since=NOW, last_error="HTTP 500 <b>", failures=4
    )
    row = Poll(source_id="beta", url=BETA.url, started_at=NOW, outcome="http_error", http_status=500)
    store.entries.save_polls([PollWrite(poll=row, state=state, source=BETA)])
    with serving(store, tmp_path) as closed:
        assert closed.get("/feeds/operations.atom?token=").status == 404
    secret = "a secret of an operator"
    with serving(store, tmp_path, admin_token=secret) as site:
        assert site.get("/feeds/operations.atom").status == 401
        assert site.get("/feeds/operations.atom?token=guess").status == 401
        for form in FORMATS:
            reply = site.get(f"/feeds/operations.{form}", Authorization=f"Bearer {secret}")
            assert reply.status == 200
            assert complaints_about(reply.body, form) == []
            assert reply.headers["cache-control"].startswith("private")
            assert "Beta &amp; Sons: failing" in reply.text or "Beta & Sons: failing" in reply.text
        assert site.get("/feeds/operations.json?token=" + secret.replace(" ", "%20")).status == 200
        assert "operations" not in site.get("/feeds.opml").text
        assert "failing" not in site.get("/feeds/all.json").text
