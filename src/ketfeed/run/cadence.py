"""When is a source polled again? Pure: the clock and the dice are arguments.

    reply ──▶ hints_from ──▶ Hints ─┐
    source, state ─▶ own_interval ──┼─▶ decide_next ──▶ NextPoll(at, reason)
    failures, jitter ───────────────┘

The longest of all hints wins, because a publisher who names a time is telling us when there is something new; then
skipHours and skipDays move the time on, and the operator's bounds have the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from statistics import median

from ketfeed.model import FetchResult, Source, SourceState

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

HINT_MIN = MINUTE  # a Retry-After or max-age below this says nothing useful
HINT_MAX = 7 * DAY  # and beyond this is a mistake or an attack
BACKOFF_MAX = DAY  # a failing source is tried at least once a day: it never stops for good
ADAPTIVE_MIN = 15 * MINUTE  # a busy source without ``every``
ADAPTIVE_MAX = DAY  # a quiet source without ``every``
ADAPTIVE_UNKNOWN = HOUR  # no dates seen yet
JITTER = 0.1  # share of an interval that the dice may move
FULL_FETCH_EVERY = timedelta(days=7)  # an unconditional fetch: validators of a broken cache would hide a feed for ever
MOVED_AFTER_DAYS = 3  # a permanent redirect seen on this many days is proposed to the editor


_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_IMF_FIXDATE = re.compile(
    rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([1-9][0-9]{{3}}) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)
"""The one form of RFC 9110 section 5.6.7 that may be sent, whatever day of the week it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the reply and the document say about coming again; seconds from now, None where nothing is said."""

    max_age: int | None = None  # Cache-Control (RFC 9111 section 5.2.2.1)
    expires: int | None = None  # Expires, measured from the reply's own Date (RFC 9111 section 4.2.1)
    retry_after: int | None = None  # RFC 9110 section 10.2.3
    ttl: int | None = None  # RSS <ttl>, or sy:updatePeriod / sy:updateFrequency
    skip_hours: tuple[int, ...] = ()  # RSS <skipHours>: 0 .. 23, UTC
    skip_days: tuple[int, ...] = ()  # RSS <skipDays>: Monday is 0


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When to come again, and why, in words for ``status``; ``at`` None: not until an editor resumes it."""

    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds between polls when nobody else says anything, and where they come from."""

    seconds: int
    reason: str


def decide_next(
    *,
    now: datetime,
    interval: Interval,
    hints: Hints,
    failures: int,
    jitter: float,
    shortest: int,
    longest: int,
    gone: bool = False,
) -> NextPoll:
    """Choose the time of the next poll.

    interval: the source's own; see ``own_interval``.
    failures: in a row, this poll included; 0 after a good one.
    jitter: 0 <= jitter < 1, a fresh throw of the dice; spreads sources that would otherwise meet.
    shortest, longest: the operator's bounds, seconds; nothing passes them.
    gone: the server answered 410 (RFC 9110 section 15.5.11).

    The result never lies before now + shortest or after now + longest, never before a Retry-After that fits below
    ``longest``, and does not come nearer when ``failures`` grows.
    """
    if gone:
        return NextPoll(None, "410 Gone: paused until an editor resumes it")
    healthy = interval.seconds * (1 + JITTER * jitter)
    seconds, reason = healthy, interval.reason
    if failures > 0:
        # interval × 2^n; the exponent is bounded so that a year of failures does not make an integer of that length
        backoff = min(BACKOFF_MAX, interval.seconds * 2 ** min(failures, 32)) * (1 - JITTER * jitter)
        seconds = max(healthy, backoff)
        reason = f"failure {failures} in a row: {in_words(seconds)}"
    for hint, words in _said(hints, failing=failures > 0):
        spread = hint * (1 + JITTER * jitter)
        if spread > seconds:
            seconds, reason = spread, words
    if seconds < shortest:
        seconds, reason = shortest, f"{reason}, kept to the shortest interval of {in_words(shortest)}"
    at = now + timedelta(seconds=min(seconds, longest))
    if seconds > longest:
        reason = f"{reason}, kept to the longest interval of {in_words(longest)}"
    moved = _past_skipped(at, hints, latest=now + timedelta(seconds=longest), jitter=jitter)
    if moved != at:
        reason = f"{reason}, moved past the feed's skipped hours or days"
    return NextPoll(moved, reason)


def own_interval(source: Source, state: SourceState, now: datetime) -> Interval:
    """The source's ``every``; without one, half the median gap between its own recent entries.

    A source that has been silent for longer than its gaps say is slowing down: a quarter of the silence counts as a
    gap. Busy sources are polled every 15 minutes at most, quiet ones once a day at least.
    """
    if source.every is not None:
        return Interval(source.every, f"every: {in_words(source.every)}")
    gap = state.gap
    if state.newest_at is not None:
        silence = max(0, int((now - state.newest_at).total_seconds()))
        gap = max(gap or 0, silence // 4)
    if gap is None:
        return Interval(ADAPTIVE_UNKNOWN, f"adaptive: {in_words(ADAPTIVE_UNKNOWN)} until its pace is known")
    seconds = min(max(gap // 2, ADAPTIVE_MIN), ADAPTIVE_MAX)
    return Interval(seconds, f"adaptive: {in_words(seconds)}, about one entry per {in_words(gap)}")


def recent_gap(dates: Iterable[datetime], keep: int = 20) -> int | None:
    """Seconds: the median gap between the ``keep`` newest of ``dates``; None with fewer than two different dates."""
    newest = sorted(set(dates), reverse=True)[:keep]
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(newest)]
    return int(median(gaps)) if gaps else None


def hints_from(result: FetchResult | None, state: SourceState, now: datetime) -> Hints:
    """Collect the hints of a reply (None: there was none) and of the last document that was read."""
    if result is None:
        return Hints(ttl=state.ttl, skip_hours=state.skip_hours, skip_days=state.skip_days)
    return Hints(
        max_age=_max_age(result.header("cache-control")),
        expires=_expires(result.header("expires"), result.header("date"), now),
        retry_after=retry_after(result.header("retry-after"), now),
        ttl=state.ttl,
        skip_hours=state.skip_hours,
        skip_days=state.skip_days,
    )


def retry_after(value: str | None, now: datetime) -> int | None:
    """Seconds a Retry-After header asks for, within 60 s .. 7 d; None when there is none or it makes no sense.

    Both forms of RFC 9110 section 10.2.3: ``120`` and ``Fri, 31 Dec 1999 23:59:59 GMT``.
    """
    if value is None:
        return None
    text = value.strip().split(",")[0].strip() if value.strip()[:1].isdigit() else value.strip()
    if text.isascii() and text.isdigit():
        return _clamp_hint(int(text[:12]))
    date = _http_date(text)
    return None if date is None else _clamp_hint(int((date - now).total_seconds()))


def in_words(seconds: float) -> str:
    """A duration for people: 45 s, 15 min, 1 h, 1 h 30 min, 2 d 4 h."""
    rest = max(0, round(seconds))
    if rest < 2 * MINUTE:
        return f"{rest} s"
    parts = []
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def _said(hints: Hints, *, failing: bool) -> list[tuple[int, str]]:
    """Every hint with its words. On failure a cache lifetime describes the error page, so a day of it is enough."""
    said: list[tuple[int, str]] = []
    ceiling = BACKOFF_MAX if failing else HINT_MAX
    for hint, words in (
        (hints.max_age, "Cache-Control: max-age={}"),
        (hints.expires, "Expires in {} s"),
        (hints.ttl, "the feed's own ttl of {} s"),
    ):
        if hint is not None:
            said.append((min(_clamp_hint(hint), ceiling), words.format(hint)))
    if hints.retry_after is not None:
        said.append((_clamp_hint(hints.retry_after), f"Retry-After: {hints.retry_after} s"))
    return said


def _clamp_hint(seconds: int) -> int:
    return min(max(seconds, HINT_MIN), HINT_MAX)


def _past_skipped(at: datetime, hints: Hints, latest: datetime, jitter: float) -> datetime:
    """The first time from ``at`` on that the feed does not ask to skip; ``at`` when there is none before ``latest``.

    A moved poll lands in the first ten minutes of the permitted hour, not all on its first second.
    """
    if not hints.skip_hours and not hints.skip_days:
        return at
    moved = at
    while moved.hour in hints.skip_hours or moved.weekday() in hints.skip_days:
        moved = moved.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if moved > latest:
            return at
    return at if moved == at else min(moved + timedelta(seconds=600 * jitter), latest)


def _max_age(value: str | None) -> int | None:
    """The longest max-age of a Cache-Control header; None when there is none or it is not a number."""
    if not value:
        return None
    ages: list[int] = []
    for directive in value.split(","):
        name, _, argument = directive.partition("=")
        digits = argument.strip().strip('"')
        if name.strip().lower() == "max-age" and digits.isascii() and digits.isdigit():
            ages.append(_clamp_hint(int(digits[:12])))
    return max(ages, default=None)


def _expires(value: str | None, date: str | None, now: datetime) -> int | None:
    """Seconds until Expires; an invalid or past date means "already stale" and says nothing about the next poll."""
    expires = _http_date(value)
    if expires is None:
        return None
    seconds = int((expires - (_http_date(date) or now)).total_seconds())
    return _clamp_hint(seconds) if seconds > 0 else None


def _http_date(value: str | None) -> datetime | None:
    """Any of the three forms of RFC 9110 section 5.6.7, in UTC; None when it is not a date."""
    if not value:
        return None
    try:
        usual = _IMF_FIXDATE.fullmatch(value)  # what servers send, read at a sixth of the cost
        if usual is not None:
            day, month, year, hour, minute, second = usual.groups()
            return datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
