"""Log lines: one per outcome, for people or machines, never forged by a feed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from ketfeed.model import Poll
from ketfeed.run import logs
from ketfeed.run.logs import configure_logs, log_poll

POLL = Poll(
    source_id="a",
    url="http://feed.example/",
    started_at=datetime(2026, 3, 4, tzinfo=UTC),
    outcome="http_error",
    http_status=500,
    error="the server answered\n2026-03-04 [error] forged \x1b[31m",
    seconds=0.25,
)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A logger keeps its first configuration: each test has one of its own, and leaves none behind."""
    monkeypatch.setattr(logs, "log", structlog.get_logger())
    yield
    structlog.reset_defaults()


def test_json_lines_have_the_outcome_and_its_fields() -> None:
    out = io.StringIO()
    configure_logs("json", out)
    log_poll(POLL)
    (line,) = out.getvalue().splitlines()
    found = json.loads(line)
    assert (found["event"], found["source"], found["status"], found["seconds"]) == ("http_error", "a", 500, 0.25)
    assert found["level"] == "info"
    assert found["error"] == "the server answered\\n2026-03-04 [error] forged \\x1b[31m"


def test_console_lines_are_one_per_outcome_and_cannot_be_forged() -> None:
    out = io.StringIO()
    configure_logs("console", out)
    log_poll(POLL)
    (line,) = out.getvalue().splitlines()
    assert "\x1b" not in line
    assert "http_error" in line
