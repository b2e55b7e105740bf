"""When a source is polled again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketfeed.model import FetchResult, Source, SourceState
from ketfeed.run.cadence import (
    ADAPTIVE_MAX,
    ADAPTIVE_MIN,
    DAY,
    HINT_MAX,
    HINT_MIN,
    HOUR,
    Hints,
    Interval,
    NextPoll,
    decide_next,
    hints_from,
    in_words,
    own_interval,
    recent_gap,
    retry_after,
)

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
HOURLY = Interval(HOUR, "every: 1 h")


def decide(
    *,
    now: datetime = NOW,
    interval: Interval = HOURLY,
    hints: Hints = Hints(),  # noqa: B008  # frozen
    failures: int = 0,
    jitter: float = 0.0,
    shortest: int = 60,
    longest: int = HINT_MAX,
    gone: bool = False,
) -> NextPoll:
    return decide_next(
        now=now,
        interval=interval,
        hints=hints,
        failures=failures,
        jitter=jitter,
        shortest=shortest,
        longest=longest,
        gone=gone,
    )


def seconds(chosen: NextPoll, now: datetime = NOW) -> float:
    assert chosen.at is not None
    return (chosen.at - now).total_seconds()


def reply(**headers: str) -> FetchResult:
    return FetchResult(
        url="http://feed.example/",
        final_url="http://feed.example/",
        status=200,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        body=b"",
        wire_bytes=0,
        seconds=0.1,
    )


STATE = SourceState(source_id="a", url="http://feed.example/")

# ---------------------------------------------------------------- the rule, by example


@pytest.mark.parametrize(
    ("hints", "expected", "words"),
    [
        (Hints(), HOUR, "every: 1 h"),
        (Hints(max_age=7200), 7200, "Cache-Control: max-age=7200"),
        (Hints(max_age=600), HOUR, "every: 1 h"),
        (Hints(expires=10_000), 10_000, "Expires in 10000 s"),
        (Hints(ttl=4 * HOUR, max_age=7200), 4 * HOUR, "the feed's own ttl of 14400 s"),
        (Hints(retry_after=5 * HOUR, ttl=4 * HOUR), 5 * HOUR, "Retry-After: 18000 s"),
        (Hints(max_age=10**9), HINT_MAX, "Cache-Control: max-age=1000000000"),
    ],
)
def test_the_longest_of_all_hints_wins_and_says_so(hints: Hints, expected: int, words: str) -> None:
    chosen = decide(hints=hints)
    assert seconds(chosen) == expected
    assert chosen.reason.startswith(words)


def test_the_operators_bounds_have_the_last_word() -> None:
    assert seconds(decide(interval=Interval(1, "every: 1 s"), shortest=300)) == 300
    chosen = decide(hints=Hints(retry_after=2 * DAY), longest=DAY)
    assert seconds(chosen) == DAY
    assert "kept to the longest interval of 1 d" in chosen.reason


def test_a_failing_source_is_tried_later_and_later_but_every_day() -> None:
    waits = [seconds(decide(failures=n)) for n in range(8)]
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY, DAY]
    assert seconds(decide(failures=10**9)) == DAY


def test_a_source_polled_less_often_than_daily_is_not_polled_more_often_because_it_fails() -> None:
    assert seconds(decide(interval=Interval(3 * DAY, "every: 3 d"), failures=1)) == 3 * DAY


def test_a_cache_lifetime_of_an_error_page_does_not_outlast_the_backoff_of_a_day() -> None:
    assert seconds(decide(hints=Hints(max_age=HINT_MAX), failures=1)) == DAY


def test_410_pauses_and_says_so() -> None:
    assert decide(gone=True) == NextPoll(None, "410 Gone: paused until an editor resumes it")


def test_skipped_hours_and_days_are_not_visited() -> None:
    chosen = decide(hints=Hints(skip_hours=(13, 14)))
    assert chosen.at == NOW.replace(hour=15)
    assert "skipped hours" in chosen.reason
    weekdays = Hints(skip_days=(2, 3))  # Wednesday and Thursday
    assert decide(hints=weekdays).at == datetime(2026, 3, 6, 0, 0, tzinfo=UTC)


def test_skipping_everything_is_a_mistake_that_is_not_obeyed() -> None:
    assert seconds(decide(hints=Hints(skip_hours=tuple(range(24))))) == HOUR


# ---------------------------------------------------------------- the rule, for any input

waits = st.none() | st.integers(0, 10**12)
any_hints = st.builds(
    Hints,
    max_age=waits,
    expires=waits,
    retry_after=waits,
    ttl=waits,
    skip_hours=st.lists(st.integers(0, 23), unique=True).map(tuple),
    skip_days=st.lists(st.integers(0, 6), unique=True).map(tuple),
)
any_jitter = st.floats(0, 1, exclude_max=True)
any_interval = st.integers(1, 30 * DAY).map(lambda n: Interval(n, "every"))
any_now = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
any_bounds = st.tuples(st.integers(1, 2 * DAY), st.integers(60, 30 * DAY)).filter(lambda pair: pair[0] <= pair[1])


@given(any_now, any_interval, any_hints, st.integers(0, 10_000), any_jitter, any_bounds)
@settings(max_examples=300, deadline=None)
def test_never_sooner_than_the_shortest_nor_later_than_the_longest_interval(
    now: datetime, interval: Interval, hints: Hints, failures: int, jitter: float, bounds: tuple[int, int]
) -> None:
    chosen = decide(
        now=now, interval=interval, hints=hints, failures=failures, jitter=jitter, shortest=bounds[0], longest=bounds[1]
    )
    assert bounds[0] <= seconds(chosen, now) <= bounds[1]
    assert chosen.reason


@given(any_interval, any_hints, st.integers(0, 100), any_jitter, st.integers(0, 10**9))
@settings(max_examples=300, deadline=None)
def test_a_retry_after_is_honoured_up_to_the_longest_interval(
    interval: Interval, hints: Hints, failures: int, jitter: float, asked: int
) -> None:
    said = Hints(retry_after=asked, skip_hours=hints.skip_hours, max_age=hints.max_age)
    chosen = decide(interval=interval, hints=said, failures=failures, jitter=jitter)
    assert seconds(chosen) >= min(max(asked, HINT_MIN), HINT_MAX)


@given(any_interval, any_hints, st.integers(0, 50), any_jitter, any_bounds)
@settings(max_examples=300, deadline=None)
def test_more_failures_never_bring_the_next_poll_nearer(
    interval: Interval, hints: Hints, failures: int, jitter: float, bounds: tuple[int, int]
) -> None:
    plain = Hints(retry_after=hints.retry_after)  # the same reply; skipped hours may send a later time to the same hour
    fewer = decide(interval=interval, hints=plain, failures=failures, jitter=jitter, longest=bounds[1])
    more = decide(interval=interval, hints=plain, failures=failures + 1, jitter=jitter, longest=bounds[1])
    assert seconds(more) >= seconds(fewer)


@given(any_hints, any_jitter, any_now)
@settings(max_examples=300, deadline=None)
def test_a_poll_never_falls_into_a_skipped_hour_unless_everything_is_skipped(
    hints: Hints, jitter: float, now: datetime
) -> None:
    said = Hints(skip_hours=hints.skip_hours[:22], skip_days=hints.skip_days[:5])
    chosen = decide(now=now, hints=said, jitter=jitter)
    assert chosen.at is not None
    assert chosen.at.hour not in said.skip_hours
    assert chosen.at.weekday() not in said.skip_days


@given(
    st.sampled_from(["Mon", "Tue", "Wed", "Xyz", "Jan"]), st.integers(0, 32),
    st.sampled_from(["Jan", "Feb", "Jun", "Dec", "Foo", "jan"]), st.integers(0, 9999),
    st.integers(0, 24), st.integers(0, 60), st.integers(0, 60), st.sampled_from(["GMT", "+0000", "UTC", ""]),
)  # fmt: skip
def test_a_date_is_read_as_the_standard_library_reads_it(
    weekday: str, day: int, month: str, year: int, hour: int, minute: int, second: int, zone: str
) -> None:
    value = f"{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} {zone}"
    try:
        date = parsedate_to_datetime(value)
        expected = retry_after(f"{(date.replace(tzinfo=date.tzinfo or UTC) - NOW).total_seconds():.0f}", NOW)
        in_past = date.replace(tzinfo=date.tzinfo or UTC) < NOW
    except (ValueError, OverflowError):
        expected, in_past = None, False
    assert retry_after(value, NOW) == (HINT_MIN if in_past else expected)


@given(st.text(max_size=40) | st.integers().map(str))
@settings(max_examples=300, deadline=None)
def test_any_retry_after_is_nothing_or_a_sane_time(value: str) -> None:
    wait = retry_after(value, NOW)
    assert wait is None or HINT_MIN <= wait <= HINT_MAX


# ---------------------------------------------------------------- reading hints


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 60),
        ("99999999999999999999999", HINT_MAX),
        ("Wed, 04 Mar 2026 13:00:00 GMT", HOUR),
        ("Wednesday, 04-Mar-26 13:00:00 GMT", HOUR),
        ("Wed Mar  4 13:00:00 2026", HOUR),
        ("Wed, 04 Mar 2020 13:00:00 GMT", 60),
        ("Wed, 04 Mar 9999 13:00:00 GMT", HINT_MAX),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_has_two_forms_and_is_clamped(value: str | None, expected: int | None) -> None:
    assert retry_after(value, NOW) == expected


def test_cache_control_and_expires_are_read() -> None:
    found = hints_from(reply(cache_control='public, max-age=900, MAX-AGE="1800"', expires="0"), STATE, NOW)
    assert (found.max_age, found.expires) == (1800, None)


def test_expires_is_measured_by_the_servers_own_clock() -> None:
    found = hints_from(reply(date="Wed, 04 Mar 2026 10:00:00 GMT", expires="Wed, 04 Mar 2026 12:00:00 GMT"), STATE, NOW)
    assert found.expires == 2 * HOUR


def test_a_304_leaves_the_ttl_of_the_last_document_in_force() -> None:
    state = SourceState(source_id="a", url="u", ttl=5 * HOUR, skip_hours=(1,), skip_days=(6,))
    found = hints_from(reply(), state, NOW)
    assert (found.ttl, found.skip_hours, found.skip_days) == (5 * HOUR, (1,), (6,))
    assert hints_from(None, state, NOW).ttl == 5 * HOUR


# ---------------------------------------------------------------- the source's own pace


def test_every_wins_over_the_sources_pace() -> None:
    source = Source(id="a", url="u", every=300)
    assert own_interval(source, STATE, NOW) == Interval(300, "every: 5 min")


@pytest.mark.parametrize(
    ("gap", "silence", "expected"),
    [
        (None, None, HOUR),
        (60, 60, ADAPTIVE_MIN),
        (2 * HOUR, 0, HOUR),
        (2 * HOUR, 20 * DAY, ADAPTIVE_MAX),
        (90 * DAY, DAY, ADAPTIVE_MAX),
        (HOUR, 16 * HOUR, 2 * HOUR),
    ],
)
def test_without_every_the_sources_own_gaps_set_the_pace(gap: int | None, silence: int | None, expected: int) -> None:
    newest = None if silence is None else NOW - timedelta(seconds=silence)
    state = SourceState(source_id="a", url="u", gap=gap, newest_at=newest)
    assert own_interval(Source(id="a", url="u"), state, NOW).seconds == expected


def test_the_gap_is_the_median_of_the_newest() -> None:
    dates = [NOW - timedelta(hours=hours) for hours in (0, 1, 2, 4, 1000)]
    assert recent_gap(dates) == int(1.5 * HOUR)
    assert recent_gap([NOW, NOW]) is None
    assert recent_gap([]) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0 s"), (45, "45 s"), (90, "90 s"), (HOUR, "1 h"), (5400, "1 h 30 min"), (187_200, "2 d 4 h"), (DAY, "1 d")],
)
def test_durations_are_said_as_people_say_them(value: int, words: str) -> None:
    assert in_words(value) == words
