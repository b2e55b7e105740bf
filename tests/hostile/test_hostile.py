"""The hostile table: every row polled in one run, and the run watched from the other side.

The run happens once, in a process and a network of its own (run.py); the tests judge what it wrote down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.hostile.row import LIVE_EVERY, MIB, Asked
from tests.hostile.table import PLACES, ROWS, host_of

from ketfeed.model import Outcome

PROJECT = Path(__file__).parents[2]
RUN_TIME = 180  # seconds
KERNEL = 8 * MIB  # what the kernel's buffers on both sides take off a server before anyone reads
GROWTH = 64 * MIB
BLOCKED = 0.25  # seconds

Seen = dict[str, Any]


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory, only_loopback: None) -> Seen:
    """What run.py wrote down."""
    folder = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-c", "from tests.hostile.run import start; start()", str(folder)]
    log = folder / "log"
    with log.open("wb") as out:
        done = subprocess.run(command, cwd=PROJECT, stdout=out, stderr=out, timeout=RUN_TIME, check=False)
    text = log.read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, text[-4000:]
    result: Seen = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    result["log"] = text
    return result


def one_of(outcome: Outcome | tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    return (outcome,) if isinstance(outcome, str) else outcome


@pytest.mark.parametrize("index", range(len(ROWS)), ids=[row.name for row in ROWS])
def test_a_row_has_its_outcome_within_its_bounds(seen: Seen, index: int) -> None:
    row, host = ROWS[index], host_of(index)
    polls = seen["polls"][row.name]
    expected = [one_of(outcome) for outcome in (row.outcome, *row.then)]
    got = [poll["outcome"] for poll in polls]
    errors = [poll["error"] for poll in polls]
    assert all(outcome in words for outcome, words in zip(got, expected, strict=True)), f"{got} {errors}"
    assert max(poll["seconds"] for poll in polls) <= row.seconds
    for poll in polls:
        good = poll["outcome"] in ("ok", "not_modified")
        assert (poll["error"] is None) == good, poll
        assert good or (poll["error"].isprintable() and len(poll["error"]) <= 400)
    if row.status is not None:
        assert [poll["http_status"] for poll in polls] == [row.status]
    visits = len(polls) + (row.memory is not None)
    assert seen["sent"].get(host, 0) <= visits * (row.sent + KERNEL if row.sent else 0)
    if row.memory is not None:
        assert seen["alone"][row.name]["growth"] <= row.memory
    if row.entries is not None:
        assert seen["states"][row.name]["entries"] == row.entries
    if row.check is not None:
        asked = [Asked(**request) for request in seen["requests"].get(host, [])]
        assert row.check(asked) == ""


def test_the_table_is_large_enough_and_names_are_unique() -> None:
    assert len(ROWS) >= 120
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_nothing_is_internal(seen: Seen) -> None:
    assert [poll for polls in seen["polls"].values() for poll in polls if poll["outcome"] == "internal"] == []
    assert "Traceback" not in seen["log"]


def test_the_canary_heard_nothing(seen: Seen) -> None:
    assert seen["web"]["canary"] == []
    assert seen["neighbour"]["canary"] == []


def test_the_hostile_web_itself_had_no_faults(seen: Seen) -> None:
    assert seen["web"]["faults"] == []


def test_a_name_is_looked_up_once_for_each_poll(seen: Seen) -> None:
    names = {name: row for row in ROWS for name in (row.resolves or {})}
    assert set(seen["lookups"]) >= {name for name, row in names.items() if row.outcome == "ok"}
    assert {name: count for name, count in seen["lookups"].items() if count > 1} == {}


def test_memory_of_the_poller_stays_bounded(seen: Seen) -> None:
    assert seen["everything"]["growth"] <= GROWTH


def test_the_event_loop_is_never_blocked(seen: Seen) -> None:
    assert seen["everything"]["blocked"] <= BLOCKED


def test_a_healthy_feed_is_not_slowed_by_its_neighbours(seen: Seen) -> None:
    alone, beside = seen["healthy_alone"], seen["healthy_beside"]
    assert seen["healthy_outcomes"] == ["ok"] * 6
    assert median(beside) <= 2 * median(alone), f"alone {alone}, beside {beside}"
    assert max(beside) <= 3 * max(alone), f"one of six may meet a machine that is busy with others: {beside}"


def test_a_source_is_never_asked_sooner_than_the_minimum_interval(seen: Seen) -> None:
    repeated = 0
    for host in seen["live"]["hosts"]:
        times = [request["at"] for request in seen["web"]["requests"].get(host, []) if request["path"] == "/feed"]
        times = [at for at in times if at >= seen["live"]["since"]]
        repeated += len(times) > 1
        assert all(later - earlier >= LIVE_EVERY for earlier, later in pairwise(times)), f"{PLACES[host].name}: {times}"
    assert repeated >= 10, "the service polled again"


def test_a_host_gets_its_requests_at_least_a_second_apart(seen: Seen) -> None:
    for address, requests in seen["web"]["requests"].items():
        for host in {request["headers"]["host"] for request in requests}:
            times = [request["at"] for request in requests if request["headers"]["host"] == host]
            short = [later - earlier for earlier, later in pairwise(times) if later - earlier < 1.0]
            assert short == [], f"{PLACES[address].name}: {short}"


def test_one_poll_asks_as_often_as_it_says(seen: Seen) -> None:
    for index, row in enumerate(ROWS):
        if row.name.startswith("status "):
            asked = [request["path"] for request in seen["requests"].get(host_of(index), [])]
            look_for_another = ["/"] if row.outcome == "gone" else []  # of a feed that is gone for good, at once
            assert asked == ["/feed", *look_for_another], row.name


def test_nothing_is_left_behind(seen: Seen) -> None:
    assert seen["left"] == {"descriptors": [], "processes": []}
    assert seen["web"]["open"] == 0


def test_no_secret_is_in_the_log(seen: Seen) -> None:
    secrets = {row.auth for row in ROWS if row.auth} | {value for row in ROWS for _, value in row.headers}
    assert secrets
    assert not [secret for secret in secrets if secret in seen["log"]]


def test_the_log_has_no_raw_control_characters(seen: Seen) -> None:
    lines = seen["log"].splitlines()
    assert len(lines) > len(ROWS)
    assert [line for line in lines if not line.isprintable()] == []
