"""What is rare goes through httpx: posts to hubs and webhooks, on the same guarded connections as polls.

Loaded with the first post, because a poller that never makes one has better use for 8 MiB.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from ketfeed.net.guard import Networks, judge_url
from ketfeed.net.request import lines, write_request
from ketfeed.net.transport import Exchange, GuardedTransport

RawHeaders = list[tuple[bytes, bytes]]


async def post(
    transport: GuardedTransport, allow: Networks, url: str, headers: RawHeaders, body: bytes
) -> httpx.Response:
    """Send a body; the reply has status and headers, its body is not read. Raises PollError."""
    request = httpx.Request("POST", judge_url(url, allow).url, headers=headers, content=body)
    response = await Guarded(transport, allow).handle_async_request(request)
    await response.aclose()
    return response


class Guarded(httpx.AsyncBaseTransport):
    """A GuardedTransport as httpx knows transports; judges the URL, too."""

    def __init__(self, transport: GuardedTransport, allow: Networks) -> None:
        self._transport = transport
        self._allow = allow

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = judge_url(str(request.url), self._allow)
        body = await request.aread()
        pairs = [(name.lower(), value) for name, value in request.headers.raw]
        headers = lines(pair for pair in pairs if pair[0] not in (b"host", b"connection"))  # write_request has its own
        exchange = await self._transport.open(target, write_request(request.method, target, headers, body))
        return httpx.Response(exchange.status, headers=exchange.headers, stream=_Body(exchange), request=request)


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.pieces()

    async def aclose(self) -> None:
        self._exchange.close()
