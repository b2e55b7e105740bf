"""Telling hubs and editors, without delaying a poll and without repeating oneself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from tests.run.site import Answer, Site

from ketfeed.errors import ConnectionFailed, UsageError
from ketfeed.model import Site as OurSite
from ketfeed.model import SourceState
from ketfeed.net.client import Client
from ketfeed.net.mail import MailServer, send_mail
from ketfeed.run.notify import HealthChange, Notifier, change_of, merged
from ketfeed.settings import Settings, load_settings

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
FAILED = HealthChange("a", "http://a/", "healthy", "failing", NOW, "the host name has no address", None)
FEEDS = ["https://k.example/feeds/all.rss", "https://k.example/feeds/ptsd.atom"]


def settings(**more: object) -> Settings:
    return load_settings(allow_networks="127.0.0.0/8", **more)


async def two_feeds() -> Sequence[str]:
    return FEEDS


def notifier(made: Settings, hubs: tuple[str, ...] = (), pauses: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Notifier:
    client = Client(made, user_agent="ketfeed/test")
    return Notifier(made, client, OurSite(title="K", hubs=hubs), two_feeds, hub_after=0, digest_after=0, pauses=pauses)


async def until(condition: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await condition.wait()


def test_many_changes_are_one_ping_that_names_every_changed_feed() -> None:
    async def scenario() -> None:
        async with Site() as site:
            pinged = asyncio.Event()

            def hub(_asked: object) -> Answer:
                pinged.set()
                return Answer(status=204)

            site.scripts["/hub"] = hub
            made = notifier(settings(), hubs=(site.url("/hub"),))
            for _ in range(5):
                made.feeds_changed()
            await until(pinged)
            await made.stop()
            (asked,) = site.asked
            assert asked.method == "POST"
            assert parse_qsl(asked.body.decode()) == [("hub.mode", "publish"), *(("hub.url", feed) for feed in FEEDS)]

    asyncio.run(scenario())


def test_a_hub_that_fails_is_asked_again_and_one_that_refuses_is_not() -> None:
    async def scenario() -> None:
        async with Site() as site:
            done = asyncio.Event()
            answers = iter([Answer(status=503), Answer(status=500), Answer(status=202)])

            def weak(_asked: object) -> Answer:
                answer = next(answers)
                if answer.status == 202:
                    done.set()
                return answer

            site.scripts["/weak"] = weak
            site.scripts["/refuses"] = lambda _: Answer(status=400)
            made = notifier(settings(), hubs=(site.url("/weak"), site.url("/refuses")))
            made.feeds_changed()
            await until(done)
            await made.stop()
            assert sorted(site.paths()) == ["/refuses", "/weak", "/weak", "/weak"]

    asyncio.run(scenario())


def test_stopping_tells_what_is_left_once() -> None:
    async def scenario() -> None:
        async with Site() as site:
            site.scripts["/hook"] = lambda _: Answer(status=500)
            made = notifier(settings(webhook=site.url("/hook")))
            made.health_changed(FAILED)
            await made.stop()
            assert site.paths() == ["/hook"]
            event = json.loads(site.asked[0].body)["events"][0]
            assert (event["source"], event["before"], event["after"]) == ("a", "healthy", "failing")
            assert json.loads(site.asked[0].body)["text"] == FAILED.sentence()

    asyncio.run(scenario())


def test_a_source_that_is_back_where_it_was_is_not_mentioned() -> None:
    back = replace(FAILED, before="failing", after="healthy")
    worse = replace(FAILED, before="failing", after="gone")
    assert merged(merged({}, FAILED), back) == {}
    assert merged(merged({}, FAILED), worse) == {"a": replace(FAILED, after="gone")}
    other = replace(FAILED, source_id="b")
    assert list(merged(merged({}, FAILED), other)) == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("new", "healthy", False),
        ("new", "failing", True),
        ("healthy", "healthy", False),
        ("healthy", "failing", True),
        ("failing", "healthy", True),
        ("healthy", "paused", False),
    ],
)
def test_a_first_good_poll_and_an_editors_pause_are_no_news(before: str, after: str, told: bool) -> None:
    old = SourceState(source_id="a", url="u", health=before)  # type: ignore[arg-type]
    assert (change_of(old, replace(old, health=after), NOW) is not None) is told  # type: ignore[arg-type]


class Postman(asyncio.Protocol):
    """An SMTP server for one conversation (RFC 5321), without TLS."""

    def __init__(self) -> None:
        self.received = b""
        self.done = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.in_data = False
        self.buffer = b""
        self.say(b"220 post.example")

    def say(self, line: bytes) -> None:
        self.transport.write(line + b"\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.in_data:
            if self.buffer.endswith(b"\r\n.\r\n"):
                self.received, self.buffer, self.in_data = self.buffer, b"", False
                self.say(b"250 taken")
                self.done.set()
            return
        while b"\r\n" in self.buffer:
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            if line.upper() == b"DATA":
                self.in_data = True
                self.say(b"354 go on")
            elif line.upper() == b"QUIT":
                self.say(b"221 bye")
                self.transport.close()
            else:
                self.say(b"250 post.example")


def test_the_digest_goes_out_by_mail() -> None:
    async def scenario() -> None:
        postman = Postman()
        server = await asyncio.get_running_loop().create_server(lambda: postman, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        made = notifier(settings(smtp=f"smtp://127.0.0.1:{port}", mail_to="ed@k.example, two@k.example"))
        made.health_changed(FAILED)
        await until(postman.done)
        await made.stop()
        text = postman.received.decode()
        assert "To: ed@k.example, two@k.example" in text
        assert "Subject: K: news of a" in text
        assert "a: healthy =E2=86=92 failing" in text or "failing since 2026-03-04" in text
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_a_password_is_never_sent_without_tls() -> None:
    async def scenario() -> None:
        server = await asyncio.get_running_loop().create_server(Postman, "127.0.0.1", 0)
        there = MailServer.parse(f"smtp://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ConnectionFailed, match="no TLS"):
            await asyncio.to_thread(send_mail, there, sender="a@b", recipients=["c@d"], subject="s", text="t")
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_a_wrong_mail_address_says_what_to_write_and_keeps_the_password() -> None:
    with pytest.raises(UsageError, match="smtp://host:port") as raised:
        MailServer.parse("mail://me:hunter2@host")
    assert "hunter2" not in str(raised.value)
    assert MailServer.parse("smtps://me:p%40ss@host") == MailServer("host", 465, True, "me", "p@ss")
