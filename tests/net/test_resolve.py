"""Lookups go to daemon threads, which serve one after the other and end when nothing comes."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ketfeed.net import resolve
from ketfeed.net.resolve import SystemResolver

pytestmark = pytest.mark.usefixtures("only_loopback")


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "lookup"}


def test_lookups_one_after_the_other_share_a_thread() -> None:
    async def work() -> None:
        before, resolver = threads(), SystemResolver()
        for _ in range(20):
            await resolver.resolve("localhost", 80)
        assert len(threads() - before) == 1
        assert all(thread.daemon for thread in threads())

    asyncio.run(work())


def test_lookups_at_a_time_have_a_thread_each_up_to_the_limit() -> None:
    async def work() -> None:
        before, resolver = threads(), SystemResolver(lookups=3)
        answers = await asyncio.gather(*(resolver.resolve("localhost", 80) for _ in range(50)))
        assert all(answers)
        assert 1 <= len(threads() - before) <= 3

    asyncio.run(work())


def test_a_thread_ends_when_nothing_comes_and_another_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "IDLE", 0.01)

    async def work() -> None:
        before, resolver = threads(), SystemResolver()
        for _ in range(3):
            assert await resolver.resolve("localhost", 80)
            for thread in threads() - before:
                await asyncio.to_thread(thread.join)

    asyncio.run(work())


def test_a_lookup_that_hangs_neither_holds_up_the_end_nor_fails_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "IDLE", 0.01)
    name_server = threading.Event()
    monkeypatch.setattr("ketfeed.net.resolve.socket.getaddrinfo", lambda *_, **__: name_server.wait(60) and [])
    before, resolver = threads(), SystemResolver()

    async def ask() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve("slow.example", 80), 0.01)

    asyncio.run(ask())  # ends although the lookup has not
    (thread,) = threads() - before
    name_server.set()
    thread.join()  # an exception in it would be a warning, and so an error
