"""How many requests a host gets, and how far apart."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ketfeed.run.hosts import Hosts, Turns, host_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://User@Feeds.Example.ORG:8443/x", "feeds.example.org"),
        ("https://feeds.example.org./x", "feeds.example.org"),
        ("http://[2001:DB8::1]:80/", "2001:db8::1"),
        ("http://[broken/", ""),
        ("nonsense", ""),
    ],
)
def test_a_host_has_one_name_whatever_the_port_or_spelling(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_host_gets_one_request_at_a_time_and_others_do_not_wait_for_it() -> None:
    async def scenario() -> list[str]:
        hosts: Hosts[str] = Hosts(interval=0)
        for job in ("a1", "a2", "b1"):
            hosts.add(job[0], job)
        order = [(await hosts.next())[1], (await hosts.next())[1]]
        third = asyncio.ensure_future(hosts.next())
        await asyncio.sleep(0)
        assert not third.done()
        hosts.leave("a")
        order.append((await third)[1])
        return order

    assert asyncio.run(scenario()) == ["a1", "b1", "a2"]


def test_the_interval_lies_between_the_end_of_one_request_and_the_start_of_the_next() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        hosts: Hosts[int] = Hosts(interval=0.05, monotonic=loop.time)
        hosts.add("a", 1)
        hosts.add("a", 2)
        await hosts.next()
        hosts.leave("a")
        left = loop.time()
        await hosts.next()
        return loop.time() - left

    assert asyncio.run(scenario()) >= 0.05


def test_several_connections_to_a_host_are_allowed_only_when_asked_for() -> None:
    async def scenario() -> int:
        hosts: Hosts[int] = Hosts(interval=0, connections=2)
        for job in range(3):
            hosts.add("a", job)
        await hosts.next()
        await hosts.next()
        third = asyncio.ensure_future(hosts.next())
        await asyncio.sleep(0)
        assert not third.done()
        hosts.leave("a")
        return (await third)[1]

    assert asyncio.run(scenario()) == 2


def test_a_redirect_takes_its_turn_at_the_other_host_and_gives_the_first_one_back() -> None:
    async def scenario() -> list[str]:
        hosts: Hosts[str] = Hosts(interval=0)
        seen: list[str] = []
        hosts.add("a", "first")
        hosts.add("b", "second")
        host, _ = await hosts.next()
        turns = Turns(hosts, host)
        async with turns("a"):
            seen.append("at a")
        await hosts.next()  # b is busy now
        hosts.add("a", "third")
        assert (await hosts.next())[1] == "third"  # a was given back

        async def hop() -> None:
            async with turns("b"):
                seen.append("at b")

        hopping = asyncio.ensure_future(hop())
        await asyncio.sleep(0)
        assert seen == ["at a"]
        hosts.leave("b")
        await hopping
        return seen

    assert asyncio.run(scenario()) == ["at a", "at b"]


def test_two_polls_that_redirect_to_each_others_host_do_not_block_each_other() -> None:
    async def scenario() -> None:
        hosts: Hosts[str] = Hosts(interval=0)
        hosts.add("a", "1")
        hosts.add("b", "2")
        first, second = Turns(hosts, (await hosts.next())[0]), Turns(hosts, (await hosts.next())[0])

        async def follow(turns: Turns[str], *path: str) -> None:
            for host in path:
                async with turns(host):
                    await asyncio.sleep(0)

        async with asyncio.timeout(5):
            await asyncio.gather(follow(first, "a", "b"), follow(second, "b", "a"))

    asyncio.run(scenario())


def test_many_hops_to_one_host_are_served_in_turn_and_an_abandoned_one_holds_nobody_up() -> None:
    async def scenario() -> list[int]:
        hosts: Hosts[int] = Hosts(interval=0.001)
        served: list[int] = []

        async def hop(number: int) -> None:
            async with Turns(hosts, None)("target"):
                served.append(number)

        await hosts.enter("target")
        waiting = [asyncio.ensure_future(hop(number)) for number in range(5)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        hosts.leave("target")
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting, return_exceptions=True)
        return served

    assert asyncio.run(scenario()) == [0, 2, 3, 4]


def test_a_turn_that_no_request_used_is_given_back() -> None:
    async def scenario() -> str:
        hosts: Hosts[str] = Hosts(interval=0)
        hosts.add("a", "refused before a packet")
        hosts.add("a", "next")
        Turns(hosts, (await hosts.next())[0]).close()
        return (await hosts.next())[1]

    assert asyncio.run(scenario()) == "next"


def test_a_hold_is_for_the_whole_host_until_its_time_and_never_shortened() -> None:
    hosts: Hosts[str] = Hosts(holds={"known": NOW + timedelta(hours=1)})
    assert hosts.held_until("known", NOW) == NOW + timedelta(hours=1)
    assert hosts.hold("a", NOW + timedelta(hours=2))
    assert not hosts.hold("a", NOW + timedelta(hours=1))
    assert hosts.held_until("a", NOW + timedelta(hours=1)) == NOW + timedelta(hours=2)
    assert hosts.held_until("a", NOW + timedelta(hours=2)) is None
    assert hosts.held_until("b", NOW) is None


def test_a_hold_that_a_wrong_clock_made_ends_when_the_clock_is_put_right() -> None:
    hosts: Hosts[str] = Hosts()
    hosts.hold("a", NOW + timedelta(days=400))
    assert hosts.held_until("a", NOW + timedelta(days=399)) == NOW + timedelta(days=400)
    assert hosts.held_until("a", NOW) is None


def test_an_interval_that_ends_between_two_looks_at_the_clock_does_not_stop_the_world() -> None:
    """``next`` judges by one reading of the clock; another reading a moment later must not send it round in circles."""
    now = [0.0]
    once: list[float] = []
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        assert looks < 200, "next goes round in circles"
        return once.pop() if once else now[0]

    async def visit() -> int:
        hosts: Hosts[int] = Hosts(connections=2, interval=1.0, monotonic=clock)
        for job in range(4):
            hosts.add("a", job)
        await hosts.next()
        hosts.leave("a")  # offered twice: by the taking and by the leaving
        now[0] = 1.5
        await hosts.next()  # free again at 2.5
        once.append(2.4999999)
        now[0] = 2.5000001
        return (await hosts.next())[1]

    assert asyncio.run(visit()) == 2


def test_hosts_whose_interval_is_over_are_forgotten_as_others_come() -> None:
    now = 0.0

    async def scenario() -> tuple[int, int]:
        nonlocal now
        hosts: Hosts[int] = Hosts(monotonic=lambda: now)
        most = 0
        for number in range(1000):
            now += 0.1
            for host in (f"h{number}", "often"):
                await hosts.enter(host)
                hosts.leave(host)
                now += 1.0 if host == "often" else 0.0
            most = max(most, len(hosts._free_at))
        now += 5.0
        await hosts.enter("last")
        hosts.leave("last")
        return most, len(hosts._free_at)

    most, left = asyncio.run(scenario())
    assert most <= 3
    assert left == 1
