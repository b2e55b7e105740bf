"""The web process: ``ketfeed web``, from the store to whoever asks. It loads nothing of polling."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from ketfeed.errors import UsageError
from ketfeed.run.keep import end_with_supervisor
from ketfeed.run.live import FILES, LiveCatalog
from ketfeed.settings import Settings
from ketfeed.store.db import Store

if TYPE_CHECKING:
    import uvicorn

log = structlog.get_logger()


def web(settings: Settings, create_app: Callable[..., Any]) -> None:
    """The web process: until SIGTERM or Ctrl-C. Raises CatalogError, StoreError, UsageError.

    ``create_app(store, catalog_provider, settings, complaints=…)`` makes the ASGI application; it is handed in because
    run/ may not import web/.
    """
    import uvicorn  # not for supervise.py, which only asks for a sentence

    live = LiveCatalog(settings.config)
    store = Store.open(settings.database)
    try:
        lock = store.lock("web")
        try:
            stop = threading.Event()
            watcher = threading.Thread(target=_watch, args=(live, stop), name="changed files", daemon=True)
            watcher.start()
            end_with_supervisor()
            app = create_app(store, live.provide, settings, complaints=live.provide_complaints)
            config = uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # no address of a client is used
                ws="none",
                timeout_graceful_shutdown=5,
                timeout_keep_alive=15,
            )
            _serve_http(config)
            stop.set()
        finally:
            lock.release()
    finally:
        store.close()


def _serve_http(config: uvicorn.Config) -> None:
    import uvicorn

    try:
        listener = config.bind_socket()
    except SystemExit as error:  # uvicorn's own way to say it
        raise UsageError(cannot_listen(config.host, config.port)) from error
    with listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        # uvicorn stops on these and then raises them again: the second time they must not end us before we closed
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])


def cannot_listen(host: str, port: int) -> str:
    return (
        f"Nothing can listen on {host} port {port}: it is in use or not ours. "
        f"Choose another with --port or KETFEED_PORT"
    )


def _watch(live: LiveCatalog, stop: threading.Event) -> None:
    while not stop.wait(FILES):
        try:
            live.refresh()
        except Exception:  # the last good catalog stays in force
            log.exception("config not read")
