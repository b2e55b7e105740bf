"""Feeds over HTTP: a bare ASGI route in front of the framework (docs/design.md, decision 23).

A request is answered from bytes prepared once per change. At most every ``CHECK_EVERY`` seconds one request asks the
store whether the feed changed; while a changed feed is rendered, the others get what there is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from ketfeed.errors import StoreError
from ketfeed.publish.document import FORMATS, Format
from ketfeed.publish.feeds import NoSuchFeed, Rendered
from ketfeed.publish.opml import feeds_opml, sources_opml
from ketfeed.publish.select import Feed, QueryError
from ketfeed.web.desk import Desk
from ketfeed.web.http import Prepared, Reply, answer, prepare
from ketfeed.web.pages import compressed, tag_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CHECK_EVERY = 0.25  # seconds between two looks at the store for one feed
PATIENCE = 0.2  # seconds the asking request waits for a changed feed before it gets the one before
KEPT = 400  # addresses; what falls out is prepared again from the publisher
MAX_AGE = 300  # seconds a cache may answer for us
STALE = 3_600  # seconds more while it asks again
STALE_IF_ERROR = 86_400  # seconds more while we are away

CACHE_CONTROL = f"public, max-age={MAX_AGE}, stale-while-revalidate={STALE}, stale-if-error={STALE_IF_ERROR}"
CORS = (("access-control-allow-origin", "*"), ("access-control-expose-headers", "ETag, Link"))
FEED_HEADERS = (
    ("cache-control", CACHE_CONTROL),
    *CORS,
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'"),
)
OPML_TYPE = "text/x-opml; charset=utf-8"
PREFLIGHT: tuple[tuple[str, str], ...] = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("access-control-allow-headers", "If-None-Match, If-Modified-Since"),
    ("access-control-max-age", "86400"),
    ("allow", "GET, HEAD, OPTIONS"),
    ("content-length", "0"),
)


@dataclass(slots=True)
class _Slot:
    prepared: Prepared
    checked: float  # loop time


@dataclass(frozen=True, slots=True)
class _Moved:
    """The canonical address of a query written in another way."""

    location: str


class FeedRoute:
    """ASGI application for ``/feeds/….rss|atom|json``; everything else goes on to ``pages``."""

    def __init__(self, desk: Desk, pages: App) -> None:
        self._desk = desk
        self._pages = pages
        self._slots: OrderedDict[tuple[str, bytes], _Slot] = OrderedDict()
        self._running: dict[tuple[str, bytes], asyncio.Task[Prepared | _Moved]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_feed(scope["path"]):
            await self._pages(scope, receive, send)
            return
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, Reply(204, _pairs(PREFLIGHT), b""))
            return
        if method not in ("GET", "HEAD"):
            await self._pages(scope, receive, send)  # 405
            return
        try:
            prepared = await self._prepared((scope["path"], scope["query_string"]))
        except (NoSuchFeed, QueryError, StoreError):
            await self._pages(scope, receive, send)  # a page that says what is wrong and what there is
            return
        if isinstance(prepared, _Moved):
            headers = (
                ("location", prepared.location),
                ("cache-control", CACHE_CONTROL),
                ("content-length", "0"),
                *CORS,
            )
            await _send(send, Reply(308, _pairs(headers), b""))
            return
        await _send(send, answer(method, dict(scope["headers"]), prepared))

    async def _prepared(self, address: tuple[str, bytes]) -> Prepared | _Moved:
        slot = self._slots.get(address)
        loop = asyncio.get_running_loop()
        if slot is not None and loop.time() - slot.checked < CHECK_EVERY:
            return slot.prepared
        task = self._running.get(address)
        if task is None:
            task = loop.create_task(self._refresh(address))
            self._running[address] = task
            task.add_done_callback(lambda done: self._ended(address, done))
            if slot is not None:
                done, _ = await asyncio.wait({task}, timeout=PATIENCE)
                if not done:
                    return slot.prepared
        elif slot is not None:
            return slot.prepared
        return await asyncio.shield(task)

    def _ended(self, address: tuple[str, bytes], task: asyncio.Task[Prepared | _Moved]) -> None:
        self._running.pop(address, None)
        if not task.cancelled():
            task.exception()  # looked at, also when nobody waited for it

    async def _refresh(self, address: tuple[str, bytes]) -> Prepared | _Moved:
        before = self._slots.get(address)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            prepared = await asyncio.to_thread(self._look_up, address, before.prepared if before else None)
        except (NoSuchFeed, QueryError, StoreError):
            self._slots.pop(address, None)
            raise
        if isinstance(prepared, Prepared):
            self._slots[address] = _Slot(prepared, max(started, loop.time() - CHECK_EVERY / 2))
            self._slots.move_to_end(address)
            while len(self._slots) > KEPT:
                self._slots.popitem(last=False)
        return prepared

    def _look_up(self, address: tuple[str, bytes], before: Prepared | None) -> Prepared | _Moved:
        path, query = address
        if path in OPML_PATHS:
            return _opml(self._desk, path, before)
        feed, form = locate(self._desk, path, query.decode("latin-1"))
        canonical = feed.path(form)
        if feed.base.startswith("q?") or feed.key != path.removeprefix("/feeds/").rpartition(".")[0]:
            asked = f"{path}?{query.decode('latin-1')}" if query else path
            if asked != canonical:
                return _Moved(canonical)
        rendered = self._desk.render(feed, form)
        tag = rendered.etag.strip('"')
        if before is not None and before.tag == tag and before.last_modified == rendered.last_modified:
            return before
        return prepare_feed(rendered)


OPML_PATHS = ("/opml", "/feeds.opml")


def is_feed(path: str) -> bool:
    """Whether this route answers for a path."""
    if path in OPML_PATHS:
        return True
    if path.startswith("/feeds/operations."):  # for editors, with a token: not prepared, not cached
        return False
    return path.startswith("/feeds/") and path.rpartition(".")[2] in FORMATS


def locate(desk: Desk, path: str, query: str) -> tuple[Feed, Format]:
    """The feed and format of a path. Raises NoSuchFeed, QueryError."""
    key, _, ending = path.removeprefix("/feeds/").rpartition(".")
    feed = desk.find(key, query) or desk.find(key.lower(), query)
    if feed is None:
        raise NoSuchFeed("There is no feed at this address.")
    return feed, next(form for form in FORMATS if form == ending)


def prepare_feed(rendered: Rendered) -> Prepared:
    """A rendered feed with the headers it is sent with."""
    links = [f'<{rendered.self_url}>; rel="self"', *(f'<{hub}>; rel="hub"' for hub in rendered.hubs)]
    return prepare(
        {"": rendered.body, "gzip": rendered.gzip, "br": rendered.brotli},
        f"{rendered.media_type}; charset=utf-8",
        rendered.etag.strip('"'),
        rendered.last_modified,
        [*FEED_HEADERS, ("link", ", ".join(links))],
        browser_type="application/xml; charset=utf-8" if rendered.media_type.endswith("+xml") else None,
    )


def _opml(desk: Desk, path: str, before: Prepared | None) -> Prepared:
    catalog = desk.catalog
    if path == "/opml":
        body = sources_opml(catalog.site.title, catalog.sources)
    else:
        body = feeds_opml(catalog.site.title, desk.publisher.base_url, desk.feeds())
    tag = tag_of(body)
    if before is not None and before.tag == tag:
        return before
    return prepare(compressed(body), OPML_TYPE, tag, None, FEED_HEADERS)


def _pairs(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


async def _send(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
