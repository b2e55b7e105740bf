"""The whole hostile table, each row with an address of its own."""

from __future__ import annotations

from tests.hostile import documents, encodings, names, polls, redirects, statuses, transport
from tests.hostile.row import FEED, Row, Visit, reply

GROUPS: dict[str, list[Row]] = {
    "transport": transport.ROWS,
    "encodings": encodings.ROWS,
    "redirects": redirects.ROWS,
    "statuses": statuses.ROWS,
    "names": names.ROWS,
    "documents": documents.ROWS,
    "polls": polls.ROWS,
}

ROWS: list[Row] = [row for rows in GROUPS.values() for row in rows]

HEALTHY_DELAY = 1.0  # seconds: a publisher's server that is far away
HEALTHY = [f"127.16.250.{number}" for number in range(1, 13)]


async def _healthy(visit: Visit) -> None:
    data = reply(FEED)
    await visit.drip(data, HEALTHY_DELAY / 2, len(data) // 3 + 1)  # the third part comes after two pauses


def host_of(index: int) -> str:
    """The address of row ``index``."""
    return f"127.16.{index // 200}.{index % 200 + 1}"


PLACES: dict[str, Row] = {host_of(index): row for index, row in enumerate(ROWS)} | {
    host: Row(name=f"healthy {host}", outcome="ok", play=_healthy, entries=3) for host in HEALTHY
}
"""Address → what happens there. Every other address is a canary."""
