"""What a row of the hostile table is, and the words its behaviours are written in."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ketfeed.model import Outcome

MIB = 1024 * 1024
DEADLINE = 8.0  # seconds: KETFEED_DEADLINE of the run; long enough for a good answer on a busy machine
LIVE_EVERY = 2  # seconds between polls of one source in the service phase of the run
NETWORK = "127.16.0.0/16"  # the only addresses the run may reach; every other one is a canary
NOBODY = "127.16.255.253"  # connecting fails at once

Tls = Literal["good", "expired", "other-host", "unknown-issuer", "self-signed", "old"]


class Visit(Protocol):
    """One connection as a behaviour sees it."""

    nth: int  # from 1: requests this address has had
    head: str  # the request up to the empty line
    path: str
    host: str  # the row's own address
    port: int
    tls_port: int

    def header(self, name: str) -> str | None: ...
    async def send(self, data: bytes) -> None: ...
    async def drip(self, data: bytes, pause: float, size: int = 1) -> None: ...
    async def flood(self, data: bytes, limit: int) -> None: ...
    async def reset(self) -> None: ...
    async def hang(self) -> None: ...


Play = Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it."""

    at: float  # monotonic seconds
    path: str
    headers: dict[str, str]  # lower-case names


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One behaviour: what the server does, what the poll must make of it, and what it may cost."""

    name: str
    outcome: Outcome | tuple[Outcome, ...]  # several: each of them is harmless
    play: Play | None = None  # None: nobody answers at the row's address
    url: str = "http://{host}:{port}/feed"
    early: bool = False  # acts on the connection, before a request has been read
    tls: Tls | None = None
    then: tuple[Outcome | tuple[Outcome, ...], ...] = ()  # outcomes of the polls after the first
    entries: int | None = None  # stored in the end; None: as many as the outcome lets
    seconds: float = DEADLINE + 4  # longest poll
    sent: int = 2 * MIB  # most bytes the server could get rid of
    memory: int | None = None  # growth of the poller when this row is polled alone, bytes
    status: int | None = None
    auth: str | None = None  # value of the basic credentials
    headers: tuple[tuple[str, str], ...] = ()
    resolves: dict[str, Sequence[str]] | None = None  # names and their answers; "{host}" is the row's address
    check: Callable[[Sequence[Asked]], str] | None = None  # what is wrong with the requests, or ""


def entry(number: int, text: str = "Ketamine for depression") -> str:
    return (
        f"<item><title>{text} {number}</title><link>https://example.org/{number}</link>"
        f"<guid isPermaLink='false'>entry-{number}</guid>"
        f"<pubDate>0{number % 9 + 1} Jun 2026 10:00:00 GMT</pubDate>"
        f"<description>A trial of ketamine in patients with depression, number {number}.</description></item>"
    )


def rss(items: str, inside: str = "", before: str = "") -> bytes:
    head = '<?xml version="1.0" encoding="utf-8"?>'
    channel = f"<title>Hostile</title><link>https://example.org/</link><description>x</description>{inside}{items}"
    return f'{head}{before}<rss version="2.0"><channel>{channel}</channel></rss>'.encode()


FEED = rss(entry(1) + entry(2) + entry(3))
FEED_TYPE = "application/rss+xml; charset=utf-8"


def head(status: str = "200 OK", *lines: str, type_: str | None = FEED_TYPE) -> bytes:
    """A header block; ``status`` is the whole rest of the status line."""
    typed = [f"Content-Type: {type_}"] if type_ else []
    return "\r\n".join([f"HTTP/1.1 {status}", *typed, *lines, "", ""]).encode("latin-1")


def reply(body: bytes = FEED, *lines: str, status: str = "200 OK", type_: str | None = FEED_TYPE) -> bytes:
    """A complete reply with its length."""
    return head(status, *lines, f"Content-Length: {len(body)}", type_=type_) + body


def says(*parts: bytes) -> Play:
    """Send these bytes and close."""

    async def play(visit: Visit) -> None:
        for part in parts:
            await visit.send(part)

    return play


def answers(body: bytes = FEED, *lines: str, status: str = "200 OK", type_: str | None = FEED_TYPE) -> Play:
    """A complete, correct reply."""
    return says(reply(body, *lines, status=status, type_=type_))


def in_turn(*plays: Play) -> Play:
    """Another behaviour at each request; the last one stays."""

    async def play(visit: Visit) -> None:
        await plays[min(visit.nth, len(plays)) - 1](visit)

    return play


def by_path(**plays: Play) -> Play:
    """Another behaviour for each path: ``feed`` for ``/feed``."""

    async def play(visit: Visit) -> None:
        name = visit.path.strip("/").partition("?")[0]
        await plays.get(name, answers(b"", status="404 Not Found"))(visit)

    return play


def chunked(data: bytes, size: int = 1000, extension: bytes = b"") -> bytes:
    """The body in chunks, complete."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    lines = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces]
    return b"".join(lines) + b"0\r\n\r\n"


def gzipped(data: bytes = FEED) -> bytes:
    return gzip.compress(data, mtime=0)


def redirects(location: str | None, status: str = "302 Found", *lines: str) -> Play:
    """A redirect; ``{host}``, ``{port}`` and ``{tls_port}`` in it are the server's."""

    async def play(visit: Visit) -> None:
        place = (
            []
            if location is None
            else ["Location: " + location.format(host=visit.host, port=visit.port, tls_port=visit.tls_port)]
        )
        await visit.send(head(status, *place, *lines, "Content-Length: 0"))

    return play
