"""One bounded request, redirects included.

    get ─▶ judge the URL ─▶ send ─┬ 301 302 303 307 308 ─▶ Location ─▶ judge again, at most ``max_redirects`` times
                                  ├ 200 203 ─▶ read, decode, cap ─▶ FetchResult with a body
                                  └ any other status ─▶ FetchResult without a body, which is not even read

One deadline covers lookup, redirects, headers and body. Nothing is remembered between two calls: no cookies, no
connections, no permanent redirects. Credentials, a source's own headers and validators go to the origin they belong to.
Politeness towards a host (one at a time, a pause between, Retry-After) is the caller's.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from urllib.parse import urljoin

import certifi

from ketfeed.errors import (
    AuthRequired,
    BadUrl,
    Gone,
    HttpFailed,
    InternalFault,
    PollError,
    PollTimeout,
    RateLimited,
    RedirectFailed,
    TooManyRedirects,
)
from ketfeed.model import Auth, FetchResult, Redirect, Validators
from ketfeed.net.decode import ACCEPT_ENCODING, Decoder
from ketfeed.net.guard import Target, judge_url, networks, printable
from ketfeed.net.limit import Alarm, TimeLimit
from ketfeed.net.proxy import Proxy
from ketfeed.net.request import HARMLESS, Headers, conditions, lines, own_headers, raw, write_request
from ketfeed.net.resolve import Resolver, SystemResolver
from ketfeed.net.transport import Exchange, GuardedTransport, Limits
from ketfeed.settings import Settings

FEED_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.5, */*;q=0.3"
)
PAGE_ACCEPT = "text/html, application/xhtml+xml, application/xml;q=0.8, */*;q=0.3"

REDIRECTS = frozenset({301, 302, 303, 307, 308})
WITH_BODY = frozenset({200, 203})
"""Statuses whose body is a whole document; a part (206), a delta (226) and nothing (204, 205) are no feed."""

LARGE = 256 * 1024  # bytes of a decoded body from which it needs one of the few places for large ones
LARGE_AT_A_TIME = 2
"""Fifty bodies of 10 MiB at once would be half a gigabyte: a large one waits, unread, until another has ended."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Turn = Callable[[str], AbstractAsyncContextManager[None]]
"""Politeness from outside: entered with the host before a request to it, left when its reply has been read."""
Place = Callable[[], Awaitable[object]]
"""A place for one large body, waited for when a body turns out to be large; given back by whoever handed it in."""


class Client:
    """Fetches one address at a time for any number of callers.

    ``user_agent`` says who we are and where to complain. ``resolver`` and ``context`` are the edges: name lookup and
    trusted certificates. Close it with ``aclose``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        user_agent: str,
        resolver: Resolver | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._user_agent = user_agent
        self._allow = networks(settings.allow_networks)
        self._alarm = Alarm()
        self._large = asyncio.Semaphore(LARGE_AT_A_TIME)
        self._ready: dict[str, bytes] = {}  # by Accept: headers that are the same for nearly every source
        self._transport = GuardedTransport(
            resolver or SystemResolver(),
            Limits(connect=settings.connect_timeout, headers=settings.max_headers, wire=settings.max_wire),
            context=context or default_context(),  # shared: building one costs more than a request
            allow=self._allow,
            alarm=self._alarm,
            proxy=Proxy.parse(settings.proxy) if settings.proxy else None,
        )

    async def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        headers: Headers = (),
        auth: Auth | None = None,
        accept: str = FEED_ACCEPT,
        deadline: float | None = None,
        turn: Turn | None = None,
        large: Place | None = None,
    ) -> FetchResult:
        """Ask for a document, following redirects.

        ``validators`` are sent to the address they came from (``Validators.url``, the final one), as they are.
        ``headers`` and ``auth`` are the source's own. ``deadline`` in seconds replaces the setting. ``turn`` is entered
        around every hop with its host, ``large`` awaited when a body passes LARGE (None: a place of our own, given back
        on return); waiting there counts neither for the deadline nor in ``seconds``. Any HTTP reply is a result, also
        304, 410 or 503 (see ``outcome_error``); everything else raises a PollError.
        """
        with _Bounded(self._alarm, deadline or self._settings.deadline) as bound:
            own = own_headers(headers, auth)
            return await self._follow(url, accept, own, validators, turn, large, bound)

    async def post(
        self, url: str, *, body: bytes, content_type: str, headers: Headers = (), deadline: float | None = None
    ) -> FetchResult:
        """Send a body to a hub or webhook. A redirect is a result like any other; the reply's body is not read."""
        from ketfeed.net.post import post  # loads httpx

        with _Bounded(self._alarm, deadline or self._settings.deadline) as bound:
            sent = [("user-agent", self._user_agent), ("accept-encoding", ACCEPT_ENCODING)]
            sent += [("content-type", content_type), *own_headers(headers, None)]
            response = await post(self._transport, self._allow, url, raw(sent), body)
            return FetchResult(
                url=url,
                final_url=str(response.request.url),
                status=response.status_code,
                headers=_text(response.headers.raw),
                body=b"",
                wire_bytes=0,
                seconds=bound.spent(),
            )

    async def aclose(self) -> None:
        """Nothing is kept between calls; here so that callers need not know."""

    async def _follow(
        self,
        url: str,
        accept: str,
        own: Headers,
        validators: Validators | None,
        turn: Turn | None,
        large: Place | None,
        bound: _Bounded,
    ) -> FetchResult:
        target = first = judge_url(url, self._allow)
        hops: list[Redirect] = []
        wire = 0
        while True:
            request, conditional = self._request_for(target, first, accept, own, validators)
            if turn is None:
                exchange, body = await self._visit(target, request, large, bound)
            else:
                bound.stop()
                async with turn(target.host):
                    bound.go_on()
                    exchange, body = await self._visit(target, request, large, bound)
            wire += exchange.received
            if exchange.status not in REDIRECTS:
                return FetchResult(
                    url=url,
                    final_url=target.url,
                    status=exchange.status,
                    headers=_text(exchange.headers),
                    body=body,
                    wire_bytes=wire,
                    seconds=bound.spent(),
                    redirects=tuple(hops),
                    conditional=conditional,
                )
            hops.append(Redirect(target.url, exchange.status, _location(exchange, target)))
            target = self._judge_hop(hops)

    def _judge_hop(self, hops: Sequence[Redirect]) -> Target:
        """May the last redirect be followed?"""
        last = hops[-1]
        if len(hops) > self._settings.max_redirects:
            raise TooManyRedirects(f"more than {self._settings.max_redirects} redirects")
        try:
            target = judge_url(last.target, self._allow)
        except BadUrl as error:
            raise RedirectFailed(f"status {last.status} points to an unusable address: {error}") from None
        except PollError as error:
            raise type(error)(f"redirected: {error}") from None
        if any(target.url == hop.url for hop in hops):
            raise TooManyRedirects(f"redirects go round in a circle at {printable(target.url)}")
        return target

    def _request_for(
        self, target: Target, first: Target, accept: str, own: Headers, validators: Validators | None
    ) -> tuple[bytes, bool]:
        """The request of one hop, and whether it is conditional."""
        at_home = target.origin == first.origin
        chosen = {name: value for name, value in own if at_home or name in HARMLESS}
        headers = self._common(accept) if not chosen else self._with_own(accept, chosen)
        asked = conditions(validators) if validators is not None and self._is_at(validators.url, target) else []
        return write_request("GET", target, headers + lines(raw(asked))), bool(asked)

    def _common(self, accept: str) -> bytes:
        """The headers of a source that has none of its own."""
        ready = self._ready.get(accept)
        if ready is None:
            ready = self._ready[accept] = self._with_own(accept, {})
        return ready

    def _with_own(self, accept: str, chosen: dict[str, str]) -> bytes:
        sent = [("user-agent", chosen.pop("user-agent", self._user_agent)), ("accept", chosen.pop("accept", accept))]
        return lines(raw([*sent, ("accept-encoding", ACCEPT_ENCODING), *chosen.items()]))

    def _is_at(self, url: str, target: Target) -> bool:
        """Whether a remembered address is the target in another or the same spelling."""
        if url == target.url:
            return True
        try:
            return judge_url(url, self._allow).url == target.url
        except PollError:
            return False

    async def _visit(
        self, target: Target, request: bytes, large: Place | None, bound: _Bounded
    ) -> tuple[Exchange, bytes]:
        """One request and its reply; the body only where it can be a document. The exchange is closed."""
        exchange = await self._transport.open(target, request)
        try:
            return exchange, await self._read(exchange, large, bound) if exchange.status in WITH_BODY else b""
        finally:
            exchange.close()

    async def _read(self, exchange: Exchange, large: Place | None, bound: _Bounded) -> bytes:
        codings = [value.decode("latin-1") for name, value in exchange.headers if name == b"content-encoding"]
        decoder = Decoder(", ".join(codings), self._settings.max_decoded)
        small, ours = True, False
        try:
            async for piece in exchange.pieces():
                if small and decoder.size + len(piece) > LARGE:
                    small = False
                    bound.stop()
                    await (large or self._large.acquire)()
                    ours = large is None
                    bound.go_on()
                decoder.feed(piece)
            return decoder.finish()
        finally:
            if ours:
                self._large.release()


class _Bounded(TimeLimit):
    """The deadline of a whole call, and the last place where an exception gets its class."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except TimeoutError:
            raise PollTimeout(f"no complete answer within {self.seconds:g} s") from None
        if isinstance(error, Exception) and not isinstance(error, PollError):
            raise InternalFault(f"{type(error).__name__} while fetching: {printable(str(error))}") from error


def outcome_error(result: FetchResult) -> PollError | None:
    """What a reply means for a poll: None for a document (200, 203) or "not modified" (304), else the error."""
    status = result.status
    if status in WITH_BODY or status == 304:
        return None
    if status in (401, 403, 407):
        return AuthRequired(f"the server answered {status}: it wants credentials or does not want us")
    if status == 410:
        return Gone("the server answered 410: the feed is gone for good")
    retry_after = result.header("retry-after")
    if status == 429 or (status == 503 and retry_after is not None):
        wait = f", Retry-After {printable(retry_after, 40)}" if retry_after else ""
        what = "too many requests" if status == 429 else "not available for now"
        return RateLimited(f"the server answered {status}: {what}{wait}")
    return HttpFailed(f"the server answered {status}, which carries no feed")


def default_context() -> ssl.SSLContext:
    """Certificates checked against certifi's roots and the system's; TLS 1.2 at least; HTTP/1.1 only."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _location(exchange: Exchange, target: Target) -> str:
    """Where a redirect points, absolute. Raises RedirectFailed."""
    values = {value.strip() for name, value in exchange.headers if name == b"location"}
    value = values.pop() if len(values) == 1 else b""
    if not value:
        raise RedirectFailed(f"status {exchange.status} without one Location")
    try:
        text = value.decode("utf-8")  # RFC 9110 wants ASCII; servers send what is in their database
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if _CONTROL.search(text):  # before urljoin, which leaves tabs out
        raise RedirectFailed(f"status {exchange.status} points to an address with a control character")
    if _SCHEME.match(text):
        return text  # not joined: urljoin reads ``http:///x`` as ``/x``
    try:
        return urljoin(target.url, text)
    except ValueError:
        raise RedirectFailed(f"status {exchange.status} points to an unusable address: {printable(text)}") from None


def _text(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
