"""One lookup of a host name, outside the event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

from ketfeed.errors import DnsFailed

LOOKUPS = 64
"""Lookups at a time. One can hang for as long as the system's resolver waits (often 10 to 30 s)."""


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every address of ``host``, best first, in the spelling of ``ipaddress``. Raises DnsFailed."""
        ...


class SystemResolver:
    """The system's resolver, one daemon thread for each lookup.

    Not the loop's executor: uvloop shares four threads among all lookups, so four dead name servers would stop every
    poll; and the threads of an executor are joined at exit, so a hanging lookup would hold up a shutdown.
    """

    def __init__(self, lookups: int = LOOKUPS) -> None:
        self._waiting = asyncio.Semaphore(lookups)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def settle(addresses: list[str], error: Exception | None) -> None:
            self._waiting.release()
            if answer.done():
                return
            if error is None:
                answer.set_result(addresses)
            else:
                answer.set_exception(error)

        def look_up() -> None:
            addresses: list[str] = []
            error: Exception | None = None
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
            except (OSError, UnicodeError) as failure:
                error = DnsFailed(f"{host} has no address ({_reason(failure)})")
            try:
                loop.call_soon_threadsafe(settle, addresses, error)
            except RuntimeError:
                return  # the loop has ended before the name server answered

        await self._waiting.acquire()
        try:
            threading.Thread(target=look_up, name=f"lookup {host}", daemon=True).start()
        except RuntimeError as failure:
            self._waiting.release()
            raise DnsFailed(f"{host} could not be looked up: {failure}") from failure
        return await answer


def _reason(failure: Exception) -> str:
    return (failure.strerror or "no reason given") if isinstance(failure, OSError) else "not a host name"
