"""Times as the database has them: whole microseconds since 1970 in UTC. Pure, and loaded in the parser's children."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """An aware time as whole microseconds since 1970: 2024-01-02T03:04:05Z → 1704164645000000."""
    return (moment - EPOCH) // MICROSECOND


def to_us_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def from_us(number: int) -> datetime:
    """The inverse of ``to_us``."""
    return EPOCH + timedelta(microseconds=number)


def from_us_or_none(number: int | None) -> datetime | None:
    return None if number is None else EPOCH + timedelta(microseconds=number)
