"""The clock of the poller: a few interval jobs, whatever the number of sources (docs/design.md, decision 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger()
logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a late run is no news, a failed one is told below


class Schedule:
    """Calls jobs again and again in the running event loop; a job that fails is logged and called again."""

    def __init__(self) -> None:
        # a run that is late is still wanted, once; two runs of a job never overlap
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def every(self, seconds: float, job: Callable[[], Awaitable[None]], name: str) -> None:
        """Call ``job`` every ``seconds``, the first time after one interval."""

        async def guarded() -> None:
            try:
                await job()
            except asyncio.CancelledError:  # the service stops; its scheduler would call that a failure of the job
                return
            except Exception:  # the next run may succeed; the service goes on
                log.exception("job failed", job=name)

        self._scheduler.add_job(guarded, "interval", seconds=seconds, name=name, id=name)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """No job starts after this; one that runs is left to its owner."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
