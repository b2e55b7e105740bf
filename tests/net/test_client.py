"""One bounded request: what is sent, what comes back, and where secrets go."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from tests.net.site import Request, Site, reply

from ketfeed.errors import (
    AuthRequired,
    BadUrl,
    BlockedAddress,
    ConnectionFailed,
    DnsFailed,
    InternalFault,
    PollError,
    PollTimeout,
    RateLimited,
    TooLarge,
    TooManyRedirects,
    UsageError,
)
from ketfeed.model import Auth, FetchResult, Validators
from ketfeed.net.client import LARGE, LARGE_AT_A_TIME, Client, outcome_error
from ketfeed.net.proxy import Proxy
from ketfeed.net.resolve import SystemResolver
from ketfeed.settings import Settings, load_settings

pytestmark = pytest.mark.usefixtures("only_loopback")

AGENT = "ketfeed/0 (+https://feeds.example.org; 14 topic feeds)"
FEED = b"<rss>ketamine</rss>"


class Names:
    """Answers from a table; a name that is not in it never gets an answer."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        if host.split(".")[0] not in self.answers:
            await asyncio.Event().wait()
        return self.answers[host.split(".")[0]]


def settings(**given: object) -> Settings:
    return load_settings(allow_networks="127.0.0.0/8,::1/128", **given)


def client(names: Names | None = None, context: ssl.SSLContext | None = None, **given: object) -> Client:
    return Client(settings(**given), user_agent=AGENT, resolver=names, context=context)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


# ---------------------------------------------------------------- what is sent


def test_a_request_says_who_asks_and_asks_for_gzip_only() -> None:
    async def work() -> None:
        async with Site({"/feed?a=%20b": reply(FEED, "200 OK", 'ETag: W/"x"', "X-Two: 1", "X-Two: 2")}) as site:
            result = await client().get(site.url("/feed?a= b#part"))
        request = site.asked[0]
        assert request.line == "GET /feed?a=%20b HTTP/1.1"
        assert [key.lower() for key, _ in request.headers] == [
            "host", "user-agent", "accept", "accept-encoding", "connection"]  # fmt: skip
        assert request.header("host") == f"127.0.0.1:{site.port}"
        assert request.header("user-agent") == AGENT
        assert request.header("accept-encoding") == "gzip"
        assert request.header("connection") == "close"
        assert (result.status, result.body, result.conditional) == (200, FEED, False)
        assert result.url.endswith("#part")
        assert result.final_url == site.url("/feed?a=%20b")
        assert result.header("etag") == 'W/"x"'
        assert result.header("x-two") == "1, 2"
        assert result.wire_bytes == len(reply(FEED, "200 OK", 'ETag: W/"x"', "X-Two: 1", "X-Two: 2"))

    run(work())


def test_the_same_under_uvloop() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            assert (await client().get(site.url())).body == FEED
            with pytest.raises(ConnectionFailed):
                await client().get("http://127.0.0.1:1025/feed")

    uvloop.run(work())


def test_validators_go_back_byte_for_byte_to_the_address_they_came_from() -> None:
    async def work() -> None:
        not_modified = b"HTTP/1.1 304 Not Modified\r\n\r\n"
        async with Site({"/feed": not_modified, "/other": not_modified}) as site:
            etag, date = 'W/"caf\xe9" odd', "yesterday"
            known = Validators(url=site.url(), etag=etag, last_modified=date)
            result = await client().get(site.url(), validators=known)
            assert (result.status, result.body, result.conditional) == (304, b"", True)
            assert site.asked[0].header("if-none-match") == etag
            assert site.asked[0].header("if-modified-since") == date
            elsewhere = await client().get(site.url("/other"), validators=known)
            assert elsewhere.conditional is False
            assert site.asked[1].header("if-none-match") is None
            other_spelling = Validators(url=site.url("/feed#x"), etag=etag)
            assert (await client().get(site.url(), validators=other_spelling)).conditional is True

    run(work())


def test_validators_meet_the_final_address_of_a_redirect() -> None:
    async def work() -> None:
        moved = reply(b"", "301 Moved", "Location: /new")
        async with Site({"/feed": moved, "/new": b"HTTP/1.1 304 Not Modified\r\n\r\n"}) as site:
            known = Validators(url=site.url("/new"), etag='"n"')
            result = await client().get(site.url(), validators=known)
            assert result.conditional is True
            assert [request.header("if-none-match") for request in site.asked] == [None, '"n"']
            assert [(hop.url, hop.status, hop.target) for hop in result.redirects] == [
                (site.url(), 301, site.url("/new"))
            ]

    run(work())


def test_a_validator_that_would_break_the_request_is_not_sent() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            known = Validators(url=site.url(), etag='"a"\r\nX-Evil: 1')
            result = await client().get(site.url(), validators=known)
            assert result.conditional is False
            assert site.asked[0].header("x-evil") is None

    run(work())


def test_credentials_come_from_the_environment_and_stay_with_the_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_LOGIN", "editor:päss")
    monkeypatch.setenv("FEED_TOKEN", "t0ken")

    async def work() -> None:
        async with Site({"/away": reply(FEED)}) as other:
            home = {"/feed": reply(b"", "302 Found", "Location: /same"),
                    "/same": reply(b"", "302 Found", f"Location: {other.url('/away')}")}  # fmt: skip
            async with Site(dict(home)) as site:
                own = (("X-Api-Key", "key"), ("Accept-Language", "de"), ("User-Agent", "mine"))
                await client().get(site.url(), auth=Auth("basic", "FEED_LOGIN"), headers=own)
                await client().get(site.url(), auth=Auth("bearer", "FEED_TOKEN"))
        basic = "Basic " + base64.b64encode("editor:päss".encode()).decode()
        assert [request.header("authorization") for request in site.asked] == [basic, basic, *2 * ["Bearer t0ken"]]
        assert [request.header("x-api-key") for request in site.asked[:2]] == ["key", "key"]
        away = other.asked[0]
        assert away.header("authorization") is None
        assert away.header("x-api-key") is None
        assert (away.header("accept-language"), away.header("user-agent")) == ("de", "mine")

    run(work())


@pytest.mark.parametrize("value", [None, "", "a\r\nX: b"])
def test_missing_or_broken_credentials_stop_before_a_packet(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("FEED_LOGIN", value)

    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            with pytest.raises(AuthRequired, match="FEED_LOGIN"):
                await client().get(site.url(), auth=Auth("basic", "FEED_LOGIN"))
            assert site.asked == []

    run(work())


def test_a_source_may_not_set_headers_of_framing_and_caching() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            own = [("Host", "evil.example.org"), ("Content-Length", "5"), ("Accept-Encoding", "br"), ("TE", "x"),
                   ("If-None-Match", '"x"'), ("Range", "bytes=0-1"), ("X-Fine", "  yes ")]  # fmt: skip
            await client().get(site.url(), headers=own)
        request = site.asked[0]
        assert request.header("host") == f"127.0.0.1:{site.port}"
        assert request.header("accept-encoding") == "gzip"
        assert request.header("x-fine") == "yes"
        assert {"content-length", "te", "if-none-match", "range"}.isdisjoint(key.lower() for key, _ in request.headers)

    run(work())


@pytest.mark.parametrize("pair", [("X\r\nY", "1"), ("X Y", "1"), ("", "1"), ("X", "a\nb"), ("X", "a\0b")])
def test_a_header_that_would_split_the_request_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(BadUrl):
        run(_get_nothing(headers=[pair]))


async def _get_nothing(headers: Sequence[tuple[str, str]]) -> None:
    await client().get("http://127.0.0.1:1025/", headers=headers)


# ---------------------------------------------------------------- bounds


def test_limits_are_exact() -> None:
    async def work() -> None:
        body = b"x" * 4096
        async with Site({"/fits": reply(body), "/over": reply(body + b"x")}) as site:
            bounded = client(max_wire=4096, max_headers=1024)
            assert len((await bounded.get(site.url("/fits"))).body) == 4096
            with pytest.raises(TooLarge):
                await bounded.get(site.url("/over"))
            with pytest.raises(TooLarge):
                await client(max_decoded=4096).get(site.url("/over"))
            assert len((await client(max_decoded=4096).get(site.url("/fits"))).body) == 4096

    run(work())


def test_no_redirect_is_followed_where_none_is_permitted() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(b"", "302 Found", "Location: /x"), "/x": reply(FEED)}) as site:
            with pytest.raises(TooManyRedirects):
                await client(max_redirects=0).get(site.url())
            assert len(site.asked) == 1

    run(work())


def test_the_deadline_covers_the_lookup() -> None:
    async def work() -> None:
        with pytest.raises(PollTimeout):
            await client(Names()).get("http://feeds.example.org/feed", deadline=0.05)

    run(work())


def test_the_deadline_covers_all_hops_together() -> None:
    async def slowly(_request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.06)
        writer.write(reply(b"", "302 Found", f"Location: {_request.path}x"))

    async def work() -> None:
        async with Site({"/" + "x" * count: slowly for count in range(9)}) as site:
            with pytest.raises(PollTimeout):
                await client(max_redirects=9).get(site.url("/"), deadline=0.15)
            assert 2 <= len(site.asked) <= 3

    run(work())


def test_a_reply_without_a_feed_is_not_read_to_its_end() -> None:
    async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def work() -> None:
        async with Site({"/feed": endless}) as site:
            result = await client().get(site.url())
            assert (result.status, result.body) == (500, b"")

    run(work())


def test_large_bodies_take_turns_and_small_ones_pass_them() -> None:
    half = LARGE + 100_000
    go_on = asyncio.Event()

    async def large(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {2 * half}\r\n\r\n".encode() + b"x" * half)
        await writer.drain()
        await go_on.wait()
        writer.write(b"x" * half)
        await writer.drain()

    async def work() -> None:
        async with Site({"/large": large, "/small": reply(FEED)}) as site:
            one = client(deadline=20)
            fetches = [asyncio.create_task(one.get(site.url("/large"))) for _ in range(5)]
            for _ in range(50):  # small ones pass all the time, also when both places are taken
                assert (await one.get(site.url("/small"))).body == FEED
            assert one._large.locked()
            assert not any(fetch.done() for fetch in fetches)
            go_on.set()
            assert [len((await fetch).body) for fetch in fetches] == [2 * half] * 5
            assert one._large._value == LARGE_AT_A_TIME

    run(work())


def test_every_hop_waits_for_its_turn_and_the_clock_stands_still() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def turn(host: str) -> AsyncIterator[None]:
        await asyncio.sleep(0.2)
        log.append(f"enter {host}")
        yield
        log.append(f"leave {host}")

    async def work() -> None:
        async with Site({"/new": reply(FEED)}, host="127.0.0.2") as new, Site({}) as old:
            old.answers["/feed"] = reply(b"", "302 Found", f"Location: {new.url('/new')}")
            result = await client().get(old.url(), turn=turn, deadline=0.15)
        assert result.body == FEED
        assert result.seconds < 0.15
        assert log == ["enter 127.0.0.1", "leave 127.0.0.1", "enter 127.0.0.2", "leave 127.0.0.2"]

    run(work())


def test_a_turn_that_is_refused_ends_the_fetch_before_a_packet() -> None:
    @asynccontextmanager
    async def turn(host: str) -> AsyncIterator[None]:
        if host:
            raise RateLimited(f"{host} wants to be left alone")
        yield

    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            with pytest.raises(RateLimited, match="left alone"):
                await client().get(site.url(), turn=turn)
            assert site.asked == []

    run(work())


def test_nothing_stays_open_after_fetches_that_succeed_fail_and_are_cancelled() -> None:
    async def stalls(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        await asyncio.Event().wait()

    async def work() -> None:
        one = client()
        before = _open_files()
        async with Site({"/feed": reply(FEED), "/stalls": stalls}) as site:
            for _ in range(20):
                await one.get(site.url())
                with pytest.raises(PollTimeout):
                    await one.get(site.url("/stalls"), deadline=0.01)
                task = asyncio.create_task(one.get(site.url("/stalls")))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await one.get(site.url())  # the server has met everyone before
        assert _open_files() <= before
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(work())


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ---------------------------------------------------------------- names, certificates, proxies


def test_a_name_is_looked_up_once_and_every_answer_is_judged() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            names = Names(good=["127.0.0.1"], mixed=["127.0.0.1", "10.0.0.1"], none=[])
            one = client(names)
            assert (await one.get(site.url(host="good.example.org"))).body == FEED
            assert site.asked[0].header("host") == f"good.example.org:{site.port}"
            with pytest.raises(BlockedAddress, match=r"mixed\.example\.org"):
                await one.get(site.url(host="mixed.example.org"))
            with pytest.raises(DnsFailed):
                await one.get(site.url(host="none.example.org"))
            assert names.asked == ["good.example.org", "mixed.example.org", "none.example.org"]
            assert len(site.asked) == 1

    run(work())


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}, host="127.0.0.9") as site:
            names = Names(two=["127.0.0.8", "::1", "127.0.0.9"])
            assert (await client(names).get(site.url(host="two.example.org"))).body == FEED

    run(work())


def test_the_systems_resolver_answers_from_the_hosts_file_and_fails_with_a_class() -> None:
    async def work() -> None:
        resolver = SystemResolver()
        assert set(await resolver.resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
        with pytest.raises(DnsFailed):
            await resolver.resolve("nowhere.invalid", 80)
        with pytest.raises(DnsFailed):
            await resolver.resolve("a" * 70 + ".org", 80)

    run(work())


def test_lookups_that_hang_do_not_use_up_the_places_of_others() -> None:
    async def work() -> None:
        resolver = SystemResolver(lookups=1)
        tasks = [asyncio.create_task(resolver.resolve("localhost", 80)) for _ in range(5)]
        tasks[2].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, list) for answer in done] == [True, True, False, True, True]

    run(work())


def test_the_certificate_is_that_of_the_name_although_we_connect_to_a_number() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("secure.example.org").configure_cert(serving)
    names_seen: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: names_seen.append(name)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def work() -> None:
        async with Site({"/feed": reply(FEED)}, context=serving) as site:
            one = client(Names(secure=["127.0.0.1"], other=["127.0.0.1"]), trusting)
            assert (await one.get(site.url(host="secure.example.org"))).body == FEED
            with pytest.raises(PollError) as caught:
                await one.get(site.url(host="other.example.org"))
            assert caught.value.outcome == "tls"
            with pytest.raises(PollError) as caught:
                await client(Names(secure=["127.0.0.1"])).get(site.url(host="secure.example.org"))
            assert caught.value.outcome == "tls"
            assert len(site.asked) == 1
        assert names_seen == ["secure.example.org", "other.example.org", "secure.example.org"]

    run(work())


def test_ipv6_is_spoken() -> None:
    async def work() -> None:
        async with Site({"/feed": reply(FEED)}, host="::1") as site:
            assert (await client().get(site.url())).body == FEED
            assert site.asked[0].header("host") == f"[::1]:{site.port}"

    run(work())


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1025")

    async def work() -> None:
        async with Site({"/feed": reply(FEED)}) as site:
            assert (await client().get(site.url())).body == FEED

    run(work())


async def _tunnel(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer CONNECT like a proxy, then play the target ourselves."""
    writer.write(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n" + reply(FEED))


def test_the_operators_proxy_gets_a_judged_number_and_never_a_name() -> None:
    async def work() -> None:
        async with Site({"127.0.0.7:8443": _tunnel}) as proxy:
            one = client(
                Names(good=["127.0.0.7"], bad=["10.0.0.1"]), proxy=f"http://me:s%40cret@127.0.0.1:{proxy.port}"
            )
            assert (await one.get("http://good.example.org:8443/feed")).body == FEED
            with pytest.raises(BlockedAddress):
                await one.get("http://bad.example.org/feed")
        assert [request.line for request in proxy.asked] == ["CONNECT 127.0.0.7:8443 HTTP/1.1"]
        assert proxy.asked[0].header("proxy-authorization") == "Basic " + base64.b64encode(b"me:s@cret").decode()

    run(work())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "auth_required"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "connection_error"),
        (b"SSH-2.0-x\r\n\r\n", "connection_error"),
        (b"", "connection_error"),
        (b"x" * 20_000, "connection_error"),
    ],
)
def test_a_proxy_that_refuses_is_named(answer: bytes, outcome: str) -> None:
    async def work() -> None:
        async with Site({"127.0.0.7:8443": answer}) as proxy:
            with pytest.raises(PollError) as caught:
                await client(proxy=f"http://127.0.0.1:{proxy.port}").get("http://127.0.0.7:8443/feed")
            assert caught.value.outcome == outcome

    run(work())


@pytest.mark.parametrize("url", ["https://proxy:1", "proxy:3128", "http://", "http://proxy:99999", "http://proxy/x"])
def test_an_unusable_proxy_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(UsageError, match="KETFEED_PROXY"):
        Proxy.parse(url)


# ---------------------------------------------------------------- posting


def test_a_post_carries_its_body_and_follows_nothing() -> None:
    async def work() -> None:
        async with Site(
            {"/hub": reply(b"", "307 Elsewhere", "Location: /x"), "/ok": reply(b"done", "202 Accepted")}
        ) as site:
            one = client()
            result = await one.post(site.url("/hub"), body=b"hub.mode=publish", content_type="text/plain")
            assert result.status == 307
            await one.post(site.url("/ok"), body=b"{}", content_type="application/json", headers=[("X-Sign", "abc")])
            assert [request.line for request in site.asked] == ["POST /hub HTTP/1.1", "POST /ok HTTP/1.1"]
            assert site.asked[0].body == b"hub.mode=publish"
            assert site.asked[1].header("x-sign") == "abc"
            assert site.asked[1].header("content-type") == "application/json"
            with pytest.raises(BlockedAddress):
                await one.post("http://10.0.0.1/hub", body=b"", content_type="text/plain")

    run(work())


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, (), None), (203, (), None), (304, (), None), (204, (), "http_error"), (206, (), "http_error"),
        (300, (), "http_error"), (400, (), "http_error"), (401, (), "auth_required"), (403, (), "auth_required"),
        (404, (), "http_error"), (407, (), "auth_required"), (410, (), "gone"), (429, (), "rate_limited"),
        (429, (("retry-after", "9"),), "rate_limited"), (500, (), "http_error"), (503, (), "http_error"),
        (503, (("retry-after", "\x1b9"),), "rate_limited"), (999, (), "http_error"),
    ],
)  # fmt: skip
def test_a_status_has_one_meaning(status: int, headers: tuple[tuple[str, str], ...], outcome: str | None) -> None:
    result = FetchResult(url="u", final_url="u", status=status, headers=headers, body=b"", wire_bytes=0, seconds=0)
    error = outcome_error(result)
    assert (error.outcome if error else None) == outcome
    assert error is None or str(error).isprintable()


def test_an_exception_nobody_foresaw_is_internal_and_keeps_its_cause() -> None:
    class Broken:
        async def resolve(self, host: str, port: int) -> Sequence[str]:
            raise ZeroDivisionError("oops")

    async def work() -> None:
        with pytest.raises(InternalFault) as caught:
            await Client(settings(), user_agent=AGENT, resolver=Broken()).get("http://feeds.example.org/")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    run(work())
