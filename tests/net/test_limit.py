"""A time limit ends what its own task waits for, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from ketfeed.net.limit import Alarm, TimeLimit

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])

Factory = Callable[[], asyncio.AbstractEventLoop]


def run(work: Coroutine[Any, Any, None], loop: Factory) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


@LOOPS
def test_a_block_that_waits_too_long_ends_with_a_timeout(loop: Factory) -> None:
    async def work() -> None:
        limit = TimeLimit(Alarm(), 0.02)
        with pytest.raises(TimeoutError), limit:
            await asyncio.Event().wait()
        assert limit.expired
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # in a task

    run(work(), loop)


@LOOPS
def test_a_block_that_ends_in_time_leaves_nothing_behind(loop: Factory) -> None:
    async def work() -> None:
        with TimeLimit(Alarm(), 0.01) as limit:
            await asyncio.sleep(0)
        await asyncio.sleep(0.03)
        assert not limit.expired

    run(work(), loop)


@LOOPS
def test_while_the_clock_stands_still_no_time_is_spent(loop: Factory) -> None:
    async def work() -> None:
        with TimeLimit(Alarm(), 0.05) as limit:
            limit.stop()
            await asyncio.sleep(0.12)  # the timer rings meanwhile
            limit.go_on()
            assert limit.spent() < 0.03
            limit.stop()
            limit.go_on()

    run(work(), loop)


@LOOPS
def test_a_timer_that_rings_too_early_looks_at_what_is_left(loop: Factory) -> None:
    async def stand_and_wait() -> None:
        with TimeLimit(Alarm(), 0.05) as limit:
            limit.stop()
            await asyncio.sleep(0.04)
            limit.go_on()
            await asyncio.Event().wait()

    async def work() -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await stand_and_wait()
        assert asyncio.get_running_loop().time() - began > 0.08

    run(work(), loop)


@LOOPS
def test_a_cancellation_from_elsewhere_stays_one(loop: Factory) -> None:
    async def wait(limit: list[TimeLimit]) -> None:
        with TimeLimit(Alarm(), 0.01) as one:
            limit.append(one)
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.03)  # the limit is passed while the block is left already

    async def work() -> None:
        limits: list[TimeLimit] = []
        task = asyncio.create_task(wait(limits))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limits[0].expired

    run(work(), loop)


@LOOPS
def test_an_error_of_the_block_is_not_replaced(loop: Factory) -> None:
    async def work() -> None:
        with pytest.raises(KeyError), TimeLimit(Alarm(), 1):
            raise KeyError

    run(work(), loop)


@LOOPS
def test_limits_of_one_alarm_end_in_the_order_of_their_times(loop: Factory) -> None:
    async def wait(alarm: Alarm, seconds: float, ended: list[float]) -> None:
        try:
            with TimeLimit(alarm, seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(seconds)

    async def work() -> None:
        alarm, ended = Alarm(), list[float]()
        began = asyncio.get_running_loop().time()
        seconds = (0.12, 0.04, 60, 0.08)  # the second is sooner than the one the timer was made for
        tasks = [asyncio.create_task(wait(alarm, one, ended)) for one in seconds]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert ended == [0.04, 0.08, 0.12]
        assert 0.11 < asyncio.get_running_loop().time() - began < 10

    run(work(), loop)


@LOOPS
def test_a_limit_inside_another_ends_alone(loop: Factory) -> None:
    async def work() -> None:
        alarm = Alarm()
        with TimeLimit(alarm, 60) as outer:
            with pytest.raises(TimeoutError), TimeLimit(alarm, 0.02):
                await asyncio.Event().wait()
            await asyncio.sleep(0)
        assert not outer.expired

    run(work(), loop)


@LOOPS
def test_an_alarm_serves_one_loop_after_the_other(loop: Factory) -> None:
    alarm = Alarm()

    async def work() -> None:
        with TimeLimit(alarm, 60):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), TimeLimit(alarm, 0.02):
            await asyncio.Event().wait()

    run(work(), loop)
    run(work(), loop)


def test_a_limit_needs_a_task() -> None:
    async def make() -> TimeLimit:
        return TimeLimit(Alarm(), 1)

    async def work() -> None:
        limit = await make()
        problems: list[Exception] = []

        def enter() -> None:
            try:
                with limit:
                    pass
            except RuntimeError as error:
                problems.append(error)

        asyncio.get_running_loop().call_soon(enter)
        await asyncio.sleep(0)
        assert len(problems) == 1

    asyncio.run(work())
