"""A small web on loopback: paths with scripted answers, and a record of everything asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it."""

    host: str
    path: str
    headers: dict[str, str]
    at: float  # monotonic seconds
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0


Script = Callable[[Asked], Answer]


@dataclass(slots=True)
class Site:
    """Answers ``scripts[path]``; unknown paths are 404. ``also_at`` makes it several hosts."""

    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    most_busy: dict[str, int] = field(default_factory=dict)
    port: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._servers.append(await asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._servers[0].sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):  # answers that are still delayed
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            server.close()
            await server.wait_closed()

    async def also_at(self, address: str) -> None:
        """Listen at another loopback address, too, on the same port."""
        self._servers.append(await asyncio.start_server(self._serve, address, self.port))

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            asked = Asked(
                headers.get("host", "").rpartition(":")[0],
                head[0].split(" ")[1],
                headers,
                time.monotonic(),
                head[0].split(" ")[0],
                body,
            )
            self.asked.append(asked)
            self.busy[asked.host] = self.busy.get(asked.host, 0) + 1
            self.most_busy[asked.host] = max(self.most_busy.get(asked.host, 0), self.busy[asked.host])
            script = self.scripts.get(asked.path)
            answer = script(asked) if script else Answer(status=404)
            if answer.delay:
                await asyncio.sleep(answer.delay)
            self.busy[asked.host] -= 1
            lines = [f"HTTP/1.1 {answer.status} x", f"Content-Length: {len(answer.body)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in answer.headers]
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body)
            await writer.drain()


def feed(title: str = "A feed", *items: str, extra: str = "") -> bytes:
    """RSS 2.0 with one item per title, dated a day apart."""
    entries = "".join(
        f"<item><title>{item}</title><link>https://news.example/{number}</link><guid>{title}-{item}</guid>"
        f"<description>Ketamine for depression: {item}.</description>"
        f"<pubDate>Mon, {number + 1:02} Jun 2026 10:00:00 GMT</pubDate></item>"
        for number, item in enumerate(items)
    )
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{title}</title>'
        f"<link>https://news.example/</link><description>d</description>{extra}{entries}</channel></rss>"
    )
    return text.encode()


RSS = (("Content-Type", "application/rss+xml"),)


def conditional(body: bytes, etag: str) -> Script:
    """A well-behaved feed: 304 to its own ETag."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == etag:
            return Answer(status=304, headers=(("ETag", etag),))
        return Answer(body, headers=(*RSS, ("ETag", etag)))

    return answer


@contextmanager
def site_in_thread() -> Iterator[Site]:
    """A Site for tests that wait for other processes; its scripts run in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    site = Site()
    asyncio.run_coroutine_threadsafe(site.__aenter__(), loop).result(10)
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(site.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
