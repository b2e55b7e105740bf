"""``ketfeed status`` on terminals of different width."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ketfeed.cli import status
from ketfeed.cli.common import console
from ketfeed.model import SourceState

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FAILING = SourceState(
    source_id="journal",
    url="https://journal.example/feed",
    last_outcome="too_many_redirects",
    last_error="more than 5 redirects",
    next_poll_reason="failure 3 in a row: 7 h 30 min",
    failures=3,
    health="failing",
    health_since=NOW,
)


@pytest.mark.parametrize(
    ("counts", "bars"), [((), ""), ((0, 0), "··"), ((0, 1, 4, 8), "·▁▄█"), ((3, 3), "██"), ((1, 1000), "▁█")]
)
def test_the_highest_week_is_full_height_and_an_empty_one_a_dot(counts: tuple[int, ...], bars: str) -> None:
    assert status.sparkline(counts) == bars


@pytest.mark.parametrize("width", [80, 200])
def test_no_word_of_a_failure_is_lost_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", width)
    with console.capture() as captured:
        console.print(status.table_of([FAILING], NOW, {"journal": (1, 2)}))
    said = captured.get()
    assert max(len(line.rstrip()) for line in said.splitlines()) <= width
    for words in ("journal", "failing", "too_many_redirects", "more than 5 redirects", "7 h 30 min"):
        assert words in said
    assert said.count("in a row") == 1, "the same thing is said twice"
