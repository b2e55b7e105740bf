"""Two processes, watched over: what is left of ``ketfeed serve`` once everything has been checked.

    serve ─┬─▶ ketfeed poller
           └─▶ ketfeed web

One that ends unasked is started again, after a growing pause; one that cannot even start ends the service, because it
has said why itself. SIGTERM and Ctrl-C end both within ten seconds.

A program of its own (``python -m ketfeed.run.keep console``), because it lives as long as the service and needs nothing
of what the checks needed: 17 MiB of its own instead of 69. So it imports nothing that does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ketfeed.run.logs import configure_logs

log = structlog.get_logger()

SUPERVISED = "KETFEED_SUPERVISED"  # set for children of ``serve``; not a setting
STOP_AFTER = 7.0  # seconds a child gets to end before it is killed; the whole stop stays under 10 s
RESTART_MIN, RESTART_MAX = 1.0, 60.0  # seconds before an ended child is started again
FIRST_START = 10.0  # a child that fails sooner than this at the first start ends the service


@dataclass(slots=True)
class Child:
    """One process under supervision."""

    role: str
    command: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    pause: float = RESTART_MIN
    ended: int | None = None  # exit code that ends the whole service


def keep() -> int:
    """Run poller and web process until SIGTERM or Ctrl-C; returns the exit code of the service.

    They take their settings from the environment.
    """
    return asyncio.run(_keep_all())


async def _keep_all() -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    children = [Child(role, [sys.executable, "-m", "ketfeed", role]) for role in ("poller", "web")]
    keepers = [asyncio.create_task(_keep(child, stop)) for child in children]
    await stop.wait()
    for child in children:
        if child.process is not None and child.process.returncode is None:
            with suppress(ProcessLookupError):
                child.process.terminate()
    _, late = await asyncio.wait(keepers, timeout=STOP_AFTER)
    for child in children:
        if late and child.process is not None and child.process.returncode is None:
            log.warning("killed", process=child.role, after=f"{STOP_AFTER:g} s")
            child.process.kill()
    await asyncio.gather(*keepers)
    return max((child.ended or 0 for child in children), default=0)


async def _keep(child: Child, stop: asyncio.Event) -> None:
    """Keep one process running until ``stop``; one that cannot even start ends the service."""
    loop = asyncio.get_running_loop()
    first = True
    while not stop.is_set():
        child.started = loop.time()
        child.process = await asyncio.create_subprocess_exec(
            *child.command, stdin=asyncio.subprocess.PIPE, env={**os.environ, SUPERVISED: "1"}
        )
        log.info("started", process=child.role, pid=child.process.pid)
        code = await child.process.wait()
        if stop.is_set():
            return
        lived = loop.time() - child.started
        log.error("ended unasked", process=child.role, exit_code=code, lived=round(lived, 1))
        if first and code > 0 and lived < FIRST_START:
            child.ended = code
            stop.set()
            return
        first = False
        child.pause = RESTART_MIN if lived > RESTART_MAX else min(child.pause * 2, RESTART_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(child.pause):
                await stop.wait()


def end_with_supervisor() -> None:
    """A supervised child ends when its supervisor does, however that ended: its standard input is a pipe."""
    if os.environ.get(SUPERVISED) != "1":
        return

    def wait_for_end() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock, held by this thread, would stop the interpreter's own end
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="supervisor", daemon=True).start()


if __name__ == "__main__":
    configure_logs("json" if sys.argv[1] == "json" else "console")
    raise SystemExit(keep())
