"""How a source is doing, in one word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ketfeed.model import HealthState, SourceState
from ketfeed.run.health import health_of, pace

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DAY = 86_400
GOOD = SourceState(
    source_id="a", url="u", last_ok_at=NOW, last_outcome="ok", gap=4 * DAY, newest_at=NOW - timedelta(days=5)
)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (SourceState(source_id="a", url="u"), "new"),
        (SourceState(source_id="a", url="u", failures=1, last_outcome="dns"), "new"),
        (GOOD, "healthy"),
        (replace(GOOD, failures=2, last_outcome="timeout"), "healthy"),
        (replace(GOOD, failures=3, last_outcome="timeout"), "failing"),
        (replace(GOOD, failures=3, last_outcome="auth_required"), "blocked"),
        (replace(GOOD, newest_at=NOW - timedelta(days=23)), "quiet"),
        (replace(GOOD, gap=60, newest_at=NOW - timedelta(days=2)), "healthy"),
        (replace(GOOD, gap=60, newest_at=NOW - timedelta(days=4)), "quiet"),
        (replace(GOOD, gap=None, newest_at=NOW - timedelta(days=999)), "healthy"),
        (replace(GOOD, moved_to="v", moved_days=2), "healthy"),
        (replace(GOOD, moved_to="v", moved_days=3), "moved"),
        (replace(GOOD, paused=True, failures=9), "paused"),
        (replace(GOOD, gone=True, failures=9), "gone"),
    ],
)
def test_one_word_says_how_a_source_is_doing(state: SourceState, word: HealthState) -> None:
    assert health_of(state, NOW) == word


@pytest.mark.parametrize(
    ("gap", "silent", "said"),
    [
        (4 * DAY, 23 * DAY + 7000, "usual gap 4 days, silent for 23"),
        (DAY, 3600, "usual gap 1 day, silent for 1 hour"),
        (36 * 3600, 3 * DAY, "usual gap 36 hours, silent for 72"),
        (3600, 30, "usual gap 1 hour, silent for less than a minute"),
        (60, 40 * DAY, "usual gap 1 minute, silent for 40 days"),
        (5 * DAY, 5 * 3600, "usual gap 5 days, silent for 5 hours"),
    ],
)
def test_silence_is_told_in_the_unit_of_the_usual_gap(gap: int, silent: int, said: str) -> None:
    assert pace(replace(GOOD, gap=gap, newest_at=NOW - timedelta(seconds=silent)), NOW) == said
