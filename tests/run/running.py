"""Running the real service as its user would: processes, environment, signals, HTTP."""

from __future__ import annotations

import gzip
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 60.0  # seconds; a busy machine is slow, not broken


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Settings of a test: everything below ``folder``, loopback permitted, no pause between requests to a host."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("KETFEED_")},
        "KETFEED_CONFIG": str(folder / "config"),
        "KETFEED_DATA": str(folder / "data"),
        "KETFEED_ALLOW_NETWORKS": "127.0.0.0/8",
        "KETFEED_HOST_INTERVAL": "0",
        "KETFEED_PORT": "0",
        "KETFEED_LOG_FORMAT": "json",
        **more,
    }


def ketfeed(*arguments: str, env: Mapping[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    command = [sys.executable, "-m", "ketfeed", *arguments]
    return subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=timeout, check=False)


@dataclass
class Service:
    """``ketfeed serve`` (or one half of it) between ``with`` and the end of the block."""

    env: Mapping[str, str]
    command: str = "serve"
    lines: list[dict[str, Any]] = field(default_factory=list)
    base: str = ""
    _fresh: queue.Queue[dict[str, Any] | None] = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "ketfeed", self.command]
        self.process = subprocess.Popen(command, env=dict(self.env), stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self.command != "poller":
            self.base = self.wait_for(lambda line: line["event"] == "listening")["url"].rstrip("/")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": "text", "text": text}
            self.lines.append(line)
            self._fresh.put(line)
        self._fresh.put(None)
        self.process.stderr.close()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next log line that is ``wanted``; fails when the service ends first."""
        while True:
            line = self._fresh.get(timeout=PATIENCE)
            assert line is not None, f"the service ended: {self.lines}"
            if wanted(line):
                return line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        return code

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path of the web half; any status is a reply."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection(self.base.removeprefix("http://"), timeout=PATIENCE)) as connection:
            connection.request("GET", path, headers=named)
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers.items()), response.read())


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers.items()}.get(name)

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw) if self.header("content-encoding") == "gzip" else self.raw
