"""A real web process's application on a loopback port, and the plainest possible client."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from tests.publish.world import NOW, catalog

from ketfeed.model import Catalog, Complaint
from ketfeed.settings import Settings
from ketfeed.web.app import create_app
from ketfeed.web.desk import ServedStore
from ketfeed.web.feeds import App, Receive, Scope, Send


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """A running site."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request; header names with underscores for hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


def recording(app: App, seen: list[tuple[str, int]]) -> App:
    """The application, with every reply noted."""

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.append((scope["path"], message["status"]))
            await send(message)

        await app(scope, receive, note)

    return noted


class Announcing(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextmanager
def serving(
    store: ServedStore,
    data: Path,
    made: Callable[[], Catalog] = catalog,
    *,
    clock: Callable[[], datetime] = lambda: NOW,
    complaints: Callable[[], Sequence[Complaint]] = tuple,
    base_url: str | None = None,
    seen: list[tuple[str, int]] | None = None,
    admin_token: str | None = None,
) -> Iterator[Site]:
    """The application under uvicorn on a port the system chose; ``base_url`` None: the address it listens on.

    ``seen`` collects path and status of every reply.
    """
    fixed = made()
    ready = threading.Event()
    listener = uvicorn.Config(app="", host="127.0.0.1", port=0, log_config=None).bind_socket()
    port = listener.getsockname()[1]
    settings = Settings(data=data, base_url=base_url or f"http://127.0.0.1:{port}", admin_token=admin_token)
    app = create_app(store, lambda: fixed, settings, complaints=complaints, clock=clock)
    if seen is not None:
        app = recording(app, seen)
    server = Announcing(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"), ready)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    try:
        assert ready.wait(20)
        yield Site(port)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
