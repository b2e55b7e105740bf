"""Log lines for people or for machines, on standard error: one line per outcome, ids and counts as fields."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from ketfeed.run.lines import one_line

if TYPE_CHECKING:
    from ketfeed.model import Poll

log = structlog.get_logger()

LINE_CHARACTERS = 2000


class _StandardError:
    """Standard error as it is when a line is written: loggers are kept for ever, the stream may be replaced."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(form: Literal["console", "json"], stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set up structlog for this process. ``stream`` None: standard error; colours only on a terminal."""
    out = stream or cast("TextIO", _StandardError())
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), pad_event_to=14)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time" if form == "json" else "timestamp"),
            structlog.processors.format_exc_info,
            _escape,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,  # made anew for each line it cost a fifteenth of a first poll
    )


def _escape(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Make every text one line without control characters: a feed must not be able to forge a log line."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = one_line(value, LINE_CHARACTERS)
    return event


def log_poll(poll: Poll) -> None:
    """The one line of a poll."""
    fields: dict[str, object] = {"source": poll.source_id, "status": poll.http_status, "bytes": poll.bytes}
    if poll.outcome == "ok":
        fields |= {"new": poll.new, "updated": poll.updated, "unchanged": poll.unchanged}
    elif poll.error is not None:
        fields |= {"url": poll.url, "error": poll.error}
    log.info(poll.outcome, **fields, seconds=round(poll.seconds, 3))
