"""The operator's outgoing proxy: a tunnel to an address that we looked up and judged ourselves.

CONNECT is used for http and https alike. Asking the proxy for a URL instead would leave the lookup to it, and with it
the judgement; so the proxy must permit CONNECT to ports 80 and 443.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ketfeed.errors import AuthRequired, ConnectionFailed, UsageError

MAX_REPLY = 16 * 1024  # bytes of the proxy's answer


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; ``credentials`` is the ready Proxy-Authorization value or None."""

    host: str
    port: int
    credentials: str | None

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read ``http://user:password@host:port``; the guard does not judge a proxy. Raises UsageError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme != "http" or not host or parts.path not in ("", "/"):
            raise UsageError("KETFEED_PROXY: write http://host:port, with user:password@ before the host if it asks")
        credentials = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        return cls(host, port or 3128, credentials)

    async def tunnel(self, address: str, port: int) -> socket.socket:
        """A socket whose other end is ``address``. Raises OSError, ConnectionFailed or AuthRequired."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, place = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, place)
            await loop.sock_sendall(sock, self._request(address, port))
            await self._read_reply(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _request(self, address: str, port: int) -> bytes:
        authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        login = f"Proxy-Authorization: {self.credentials}\r\n" if self.credentials else ""
        return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n".encode("ascii")

    async def _read_reply(self, sock: socket.socket) -> None:
        """Read up to the empty line and not one byte further: what follows belongs to the tunnel."""
        loop = asyncio.get_running_loop()
        reply = b""
        while not reply.endswith(b"\r\n\r\n"):
            byte = await loop.sock_recv(sock, 1)
            if not byte or len(reply) > MAX_REPLY:
                raise ConnectionFailed("the proxy closed the connection or did not answer in HTTP")
            reply += byte
        status = reply.split(b" ", 2)[1:2]
        if status == [b"407"]:
            raise AuthRequired("the proxy asks for a user name and password; put them into KETFEED_PROXY")
        if len(status) != 1 or not status[0].startswith(b"2"):
            raise ConnectionFailed(
                f"the proxy refused the connection (status {status[0][:3]!r})"
                if status
                else "the proxy did not answer in HTTP"
            )
