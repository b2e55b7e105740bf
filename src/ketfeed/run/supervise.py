"""``ketfeed serve``: is everything as two processes need it? Then they are kept running (keep.py)."""

from __future__ import annotations

import asyncio
import os
import sys

from ketfeed.errors import UsageError
from ketfeed.run.front import cannot_listen
from ketfeed.run.keep import keep
from ketfeed.run.live import LiveCatalog
from ketfeed.settings import Settings
from ketfeed.store.db import Store


def serve(settings: Settings, environment: dict[str, str]) -> int:
    """Run poller and web process until SIGTERM or Ctrl-C, in a program that takes the place of this one where it can;
    otherwise returns the exit code of the service.

    environment: KETFEED_* variables that carry this process's settings to its children.
    Raises CatalogError, StoreError (another service works on this store), before anything is started.
    """
    LiveCatalog(settings.config)
    with Store.open(settings.database) as store:
        lock = store.lock("service")
        store.lock("poller").release()
        store.lock("web").release()
        asyncio.run(_try_to_listen(settings.host, settings.port))
        os.environ.update(environment)
        if not lock.outlasts_the_program():
            return keep()
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, "-m", "ketfeed.run.keep", settings.log_format])  # noqa: S606  # ourselves


async def _try_to_listen(host: str, port: int) -> None:
    """Raise UsageError when the web process could not listen: better said before anything is started."""
    try:
        server = await asyncio.start_server(lambda *_: None, host, port)
    except OSError as error:
        raise UsageError(cannot_listen(host, port)) from error
    server.close()
    await server.wait_closed()
