"""How a source is doing, in one word. Pure; decided after every poll and shown by ``status``."""

from __future__ import annotations

from datetime import datetime, timedelta

from ketfeed.model import HealthState, SourceState
from ketfeed.run.cadence import MOVED_AFTER_DAYS

FAILING_AFTER = 3  # failures in a row; fewer are weather
QUIET_GAPS = 4  # times its usual gap a source may be silent
QUIET_AT_LEAST = timedelta(days=3)  # no source is called quiet over a weekend
REFUSALS = frozenset({"auth_required", "rate_limited", "blocked_address", "blocked_port", "self_loop"})
"""Outcomes that say somebody does not want the poll; waiting does not mend them."""


def health_of(state: SourceState, now: datetime) -> HealthState:
    """One word for a state as a poll left it.

    gone (410), paused, blocked (refused three times in a row), failing (three failures in a row), moved (a permanent
    redirect on three days), quiet (silent for four of its usual gaps, three days at least), healthy, new (not polled).
    """
    if state.gone:
        return "gone"
    if state.paused:
        return "paused"
    if state.failures >= FAILING_AFTER:
        return "blocked" if state.last_outcome in REFUSALS else "failing"
    if state.last_ok_at is None:
        return "new"
    if state.moved_to is not None and state.moved_days >= MOVED_AFTER_DAYS:
        return "moved"
    return "quiet" if is_quiet(state, now) else "healthy"


def is_quiet(state: SourceState, now: datetime) -> bool:
    """Whether the source has been silent for longer than its own pace explains."""
    if state.newest_at is None or state.gap is None:
        return False
    return now - state.newest_at > max(QUIET_AT_LEAST, QUIET_GAPS * timedelta(seconds=state.gap))


UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


def pace(state: SourceState, now: datetime) -> str:
    """``usual gap 4 days, silent for 23``: silence against the source's own pace; empty while that is unknown."""
    if not state.gap or state.newest_at is None:
        return ""
    silent = max(0, int((now - state.newest_at).total_seconds()))
    size, unit = _unit(state.gap)
    usual = f"usual gap {_counted(state.gap, size, unit)}"
    if size <= silent < 100 * size:
        return f"{usual}, silent for {silent // size}"
    return f"{usual}, silent for {_counted(silent, *_unit(silent)) if silent >= 60 else 'less than a minute'}"


def _unit(seconds: int) -> tuple[int, str]:
    """The largest unit in which people would say it: 36 hours, but 1 day."""
    return next((one for one in UNITS if seconds >= 2 * one[0] or 0.9 <= seconds / one[0] <= 1.1), UNITS[-1])


def _counted(seconds: int, size: int, unit: str) -> str:
    count = round(seconds / size)
    return f"{count} {unit}{'s' * (count != 1)}"
