"""The hostile web: one server at every address there is, whose behaviour depends on the address that was called.

    python -m tests.hostile.web FOLDER     prints its ports as JSON, plays until standard input ends,
                                           then prints what it saw as JSON

A connection to an address that no row has, or to any of the canary ports, is an attack that worked.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.hostile.row import NOBODY, Row
from tests.hostile.table import PLACES
from tests.isolation import every_address_is_ours, is_isolated, nobody_is_at

CANARY_PORTS = (22, 25, 53, 80, 443, 3128, 6379, 8080, 9200, 11211)
HANG = 60.0  # seconds; longer than any deadline


class Gone(Exception):
    """The other side has closed the connection."""


class Connection:
    """One connection: a ``row.Visit``."""

    def __init__(self, web: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._web = web
        self._reader = reader
        self._writer = writer
        self.host = host
        self.port = web.port
        self.tls_port = web.tls_port
        self.nth = 0
        self.head = ""
        self.path = ""

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def read_request(self) -> bool:
        """Read one request; False when the client left without one."""
        try:
            raw = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            return False
        self.head = raw.decode("latin-1").removesuffix("\r\n\r\n")
        self.path = self.head.split(" ", 2)[1]
        requests = self._web.requests.setdefault(self.host, [])
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        headers = {key.lower(): value.strip() for key, _, value in lines}
        requests.append({"at": time.monotonic(), "path": self.path, "headers": headers})
        self.nth = len(requests)
        return True

    async def send(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise Gone
        self._writer.write(data)
        try:
            await self._writer.drain()
            await asyncio.sleep(0)  # drain alone may never let the others run
        except OSError as error:
            raise Gone from error
        self._web.sent[self.host] = self._web.sent.get(self.host, 0) + len(data)

    async def drip(self, data: bytes, pause: float, size: int = 1) -> None:
        for at in range(0, len(data), size):
            await self.send(data[at : at + size])
            await asyncio.sleep(pause)

    async def flood(self, data: bytes, limit: int) -> None:
        for _ in range(0, limit, len(data)):
            await self.send(data)

    async def reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def hang(self) -> None:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(HANG):
                await self._reader.read()


class Web:
    """Sockets, behaviours, and the record of what happened."""

    def __init__(self, certificates: Path) -> None:
        self.port = 0
        self.tls_port = 0
        self.dead_port = 0
        self.full_port = 0
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.sent: dict[str, int] = {}
        self.canary: list[str] = []
        self.faults: list[str] = []
        self.open = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._contexts = {path.stem: _context(path) for path in certificates.glob("*.pem") if path.stem != "ca"}
        self._kept: list[socket.socket] = []

    async def start(self) -> dict[str, int]:
        every_address_is_ours()
        nobody_is_at(NOBODY)
        self.port = await self._listen(0, self._arrive_plain)
        self.tls_port = await self._listen(0, self._arrive_tls)
        for port in CANARY_PORTS:
            with suppress(OSError):  # another web of the same run has it
                await self._listen(port, self._arrive_canary)
        with socket.create_server(("127.16.255.254", 0)) as unused:
            self.dead_port = unused.getsockname()[1]
        self.full_port = self._fill_a_queue()
        return {"port": self.port, "tls_port": self.tls_port, "dead_port": self.dead_port, "full_port": self.full_port}

    async def _listen(
        self, port: int, arrive: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> int:
        sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        server = await asyncio.start_server(arrive, sock=sock, limit=1024 * 1024)
        return int(server.sockets[0].getsockname()[1])

    def _fill_a_queue(self) -> int:
        """A listener that accepts nobody and whose queue is full: connecting to it hangs."""
        sock = socket.create_server(("0.0.0.0", 0), backlog=0)
        port = int(sock.getsockname()[1])
        self._kept.append(sock)
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(("127.16.255.254", port))
            self._kept.append(client)
        return port

    async def _arrive_canary(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canary.append("{} {}".format(*writer.get_extra_info("sockname")))
        writer.close()

    async def _arrive_plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._arrive(reader, writer, tls=False)

    async def _arrive_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._arrive(reader, writer, tls=True)

    async def _arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls: bool) -> None:
        address, port = writer.get_extra_info("sockname")[:2]
        host = str(address).removeprefix("::ffff:")
        row = PLACES.get(host)
        if row is None or row.play is None:
            self.canary.append(f"{host} {port}")
            writer.close()
            return
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.open += 1
        try:
            await self._play(row, Connection(self, reader, writer, host), writer, tls=tls)
        except (Gone, OSError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001  # a fault of the table, reported at the end
            self.faults.append(f"{row.name}: {error!r}")
        finally:
            self.open -= 1
            writer.close()
            with suppress(Exception, asyncio.CancelledError):
                await writer.wait_closed()
            if task is not None:
                self._tasks.discard(task)

    async def _play(self, row: Row, visit: Connection, writer: asyncio.StreamWriter, *, tls: bool) -> None:
        assert row.play is not None
        if tls and row.tls is not None:
            await writer.start_tls(self._contexts[row.tls])
        if not row.early and not await visit.read_request():
            return
        await row.play(visit)

    def report(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "sent": self.sent,
            "canary": self.canary,
            "faults": self.faults,
            "open": self.open,
        }


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if path.stem == "old":
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(path)
    return context


async def main(certificates: Path) -> None:
    """Serve until standard input ends; a line asks for the number of open connections."""
    web = Web(certificates)
    _say(await web.start())
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        _say(web.report())


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if not is_isolated():
        sys.exit("refused: this must run in a network of its own (see tests/isolation.py)")
    import warnings

    warnings.simplefilter("ignore")  # TLS 1.0 is deprecated, which is the point of the row that uses it
    asyncio.run(main(Path(sys.argv[1])))
