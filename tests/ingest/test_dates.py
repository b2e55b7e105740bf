"""Dates as feeds write them, each form with the moment it means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.ingest.dates import MONTHS, decide_order, knows_zone, read_date
from ketfeed.ingest.zones import ZONES

FORMS = {
    "Tue, 05 Mar 2024 10:00:00 +0100": "2024-03-05T09:00:00",
    "Tue, 05 Mar 2024 10:00:00 EDT": "2024-03-05T14:00:00",
    "Sunday, 06-Nov-94 08:49:37 GMT": "1994-11-06T08:49:37",
    "Sun Nov  6 08:49:37 1994": "1994-11-06T08:49:37",
    "Mon Jan 2 15:04:05 MST 2006": "2006-01-02T22:04:05",
    "2003-12-31T10:14:55-08:00": "2003-12-31T18:14:55",
    "2003-W52-3": "2003-12-24T00:00:00",
    "2003-335": "2003-12-01T00:00:00",
    "22.11.2022 12:16:00": "2022-11-22T12:16:00",
    "January 29th, 2021 at 4:42pm EST": "2021-01-29T21:42:00",
    "29. März 2021, 14:05 Uhr": "2021-03-29T14:05:00",
    "3 août 2021": "2021-08-03T00:00:00",
    "3 April 2021": "2021-04-03T00:00:00",
    "Tue, 3 August 2021 10:00:00 GMT": "2021-08-03T10:00:00",
    "26 Dic 2021": "2021-12-26T00:00:00",
    "12/31/2021": "2021-12-31T00:00:00",
    "Sat, 01 Jan 2022 00:00:00 +0000 (UTC)": "2022-01-01T00:00:00",
    "Thu, 31 Dec 2020 24:00:00 GMT": "2021-01-01T00:00:00",
}
NONE = ["", "yesterday", "2003", "12:00", "03/04/2021", "2021-13-01", "Feb 30 2021", "0001-01-01T00:00:00Z", "1" * 500]


@pytest.mark.parametrize(("text", "moment"), FORMS.items())
def test_a_date_is_read_as_the_moment_it_means(text: str, moment: str) -> None:
    assert read_date(text) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date_or_could_mean_two_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize("name", sorted(MONTHS))
def test_every_month_name_is_read_before_and_after_the_day(name: str) -> None:
    if len(name) > 2:
        expected = datetime(2021, MONTHS[name], 3, tzinfo=UTC)
        assert read_date(f"3 {name.title()} 2021") == expected
        assert read_date(f"{name} 3, 2021") == expected


def test_the_order_of_numbers_comes_from_a_date_that_can_mean_one_day_only_then_from_the_language() -> None:
    assert decide_order(["03/04/2021", "25/12/2020"], "en-US") == "day"
    assert decide_order(["03/04/2021", "12/25/2020"], "de") == "month"
    assert decide_order(["13/04/2021", "12/25/2020"], "de") is None
    assert decide_order(["03/04/2021"], "en-US") == "month"
    assert decide_order(["03/04/2021"], "de-AT") == "day"
    assert decide_order(["03/04/2021"], "en") is None


def test_every_zone_of_the_table_moves_the_clock_by_its_minutes() -> None:
    for name, minutes in ZONES.items():
        if name.isalpha() and len(name) <= 5:
            moment = read_date(f"Tue, 05 Mar 2024 12:00:00 {name.upper()}")
            assert moment is not None
            assert (datetime(2024, 3, 5, 12, tzinfo=UTC) - moment).total_seconds() == minutes * 60
    assert not knows_zone("Tue, 05 Mar 2024 12:00:00 QQQ")


@given(st.text(max_size=60))
def test_nothing_raises_and_what_is_read_reads_the_same_again(text: str) -> None:
    moment = read_date(text, "day")
    assert moment is None or read_date(moment.isoformat()) == moment


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001  # made aware below
def test_what_is_written_in_the_standard_forms_is_read_back(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC, microsecond=0)
    assert read_date(moment.isoformat()) == moment
    assert read_date(moment.strftime("%a, %d %b %Y %H:%M:%S GMT")) == moment
    assert read_date(moment.strftime("%d.%m.%Y %H:%M:%S")) == moment
    assert read_date(moment.strftime("%Y/%m/%d %H:%M:%S")) == moment
