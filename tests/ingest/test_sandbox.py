"""Children that read documents: every limit ends one document and nothing else."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.ingest import burden

from ketfeed.errors import InternalFault, NotAFeed, ParseFailed, ParseTimeout, PollError
from ketfeed.ingest import nursery
from ketfeed.ingest.limits import Document
from ketfeed.ingest.sandbox import EXTRA, Sandbox
from ketfeed.model import NormalisedFeed, RuleSet, Source, Term, TopicRule
from ketfeed.settings import load_settings

SOURCE = Source(id="a", url="https://example.org/feed")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FEED = (
    b'<rss version="2.0"><channel><title>x</title><item><guid>1</guid><title>Ketamine and depression</title>'
    b"</item></channel></rss>"
)
TOPIC = TopicRule(id="depression", title="Depression", terms=(Term(text="depression"),))
SETTINGS = load_settings(parse_cpu=1.0, parse_wall=2.0, parse_processes=2)

Scenario = Callable[[Sandbox[NormalisedFeed]], Awaitable[None]]


@pytest.fixture
def play() -> Iterator[Callable[[Scenario], None]]:
    """Run a scenario with a sandbox, and see that nothing of it is left."""
    sandbox = Sandbox(SETTINGS, RuleSet())

    def run(scenario: Scenario) -> None:
        asyncio.run(scenario(sandbox))  # type: ignore[arg-type]  # a coroutine function

    yield run
    pids = [child.pid for child in sandbox._children]
    sandbox.close()
    assert len(pids) <= SETTINGS.parse_processes + EXTRA
    for pid in pids:
        assert pid is not None
        assert not _is_running(pid), "a child outlived its sandbox"


def _is_there(pid: int) -> bool:
    """Running, or a zombie."""
    return Path(f"/proc/{pid}").exists()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def read(sandbox: Sandbox[NormalisedFeed], body: bytes = FEED) -> NormalisedFeed:
    return await sandbox.read(Document(body=body, content_type=None, url=SOURCE.url), SOURCE, NOW)


def test_a_document_is_read_and_tagged_by_the_rules_in_force(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        assert (await read(sandbox)).taggings[0].matches == ()
        sandbox.set_rules(RuleSet(topics=(TOPIC,)))
        feed = await read(sandbox)
        assert [match.topic for match in feed.taggings[0].matches] == ["depression"]
        with pytest.raises(NotAFeed):
            await read(sandbox, b"hello")

    play(scenario)


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (burden.sleeps, ParseTimeout),
        (burden.burns, ParseTimeout),
        (burden.swells, ParseTimeout),
        (burden.dies, ParseFailed),
        (burden.fails, InternalFault),
    ],
)
def test_a_limit_ends_one_document_and_the_next_is_read_within_a_second(
    play: Callable[[Scenario], None], work: Callable[..., object], error: type[PollError]
) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        await read(sandbox)
        with pytest.raises(error):
            await sandbox._run(work)
        begun = time.monotonic()
        assert len((await read(sandbox)).entries) == 1
        assert time.monotonic() - begun < 1.0 + SETTINGS.parse_wall, "on a machine that is busy with others"

    play(scenario)


def test_documents_that_hang_do_not_keep_ordinary_ones_waiting(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        await read(sandbox)
        bombs = [asyncio.create_task(sandbox._run(burden.sleeps)) for _ in range(4)]
        await asyncio.sleep(0)
        feed = await read(sandbox)
        assert len(feed.entries) == 1
        assert not any(bomb.done() for bomb in bombs), "it did not wait for a limit to end one of them"
        results = await asyncio.gather(*bombs, return_exceptions=True)
        assert all(isinstance(result, ParseTimeout) for result in results)
        assert len(sandbox._children) <= SETTINGS.parse_processes + EXTRA

    play(scenario)


def test_a_hundred_documents_at_once_are_all_read_by_few_children(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        feeds = await asyncio.gather(*(read(sandbox) for _ in range(100)))
        assert [len(feed.entries) for feed in feeds] == [1] * 100
        assert len(sandbox._children) <= SETTINGS.parse_processes + EXTRA

    play(scenario)


def test_giving_up_a_document_frees_its_place(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        await read(sandbox)
        for _ in range(6):
            task = asyncio.create_task(sandbox._run(burden.sleeps))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len((await read(sandbox)).entries) == 1

    play(scenario)


def test_a_document_behind_one_that_ends_its_child_is_read_all_the_same(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        await read(sandbox)
        deaths = [asyncio.create_task(sandbox._run(burden.dies)) for _ in range(6)]
        feeds = [asyncio.create_task(read(sandbox)) for _ in range(30)]
        assert {type(result) for result in await asyncio.gather(*deaths, return_exceptions=True)} == {ParseFailed}
        assert [len((await feed).entries) for feed in feeds] == [1] * 30

    play(scenario)


def test_an_answer_that_nobody_waits_for_is_dropped(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        await read(sandbox)
        tasks = [asyncio.create_task(sandbox._run(burden.echoes, number)) for number in range(60)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [answer for answer in answers if isinstance(answer, int)] == [n for n in range(60) if n % 3]

    play(scenario)


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_144 - 8, 1_048_576, 9_000_000])
def test_documents_and_answers_of_any_size_pass(play: Callable[[Scenario], None], size: int) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        bodies = [bytes([number]) * size for number in range(5)]
        assert await asyncio.gather(*(sandbox._run(burden.echoes, body) for body in bodies)) == bodies

    play(scenario)


@pytest.mark.parametrize("error", [StopIteration("a"), SystemExit(3), KeyboardInterrupt(), ValueError("b")])
def test_whatever_is_raised_fails_one_document(play: Callable[[Scenario], None], error: BaseException) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        with pytest.raises(InternalFault, match=type(error).__name__):
            await sandbox._run(burden.raises, error)
        with pytest.raises(InternalFault):
            await sandbox._run(burden.answers_what_cannot_be_told)
        assert len((await read(sandbox)).entries) == 1

    play(scenario)


def test_a_child_is_told_nothing_of_the_environment(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the credentials of sources."""
    monkeypatch.setenv("JOURNAL_TOKEN", "secret")
    nursery.close()  # the next is started with the variable set

    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        assert await sandbox._run(burden.environment) <= {*nursery.KEPT_ENVIRONMENT, "LC_CTYPE"}

    play(scenario)


def test_no_document_is_lost_with_the_nursery_and_another_one_is_started(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        old = await sandbox._run(burden.parent)
        reading = [asyncio.create_task(read(sandbox)) for _ in range(20)]
        await asyncio.sleep(0)
        os.kill(old, signal.SIGKILL)
        assert [len((await feed).entries) for feed in reading] == [1] * 20
        for _ in range(2):
            with pytest.raises(ParseFailed):
                await sandbox._run(burden.dies)
        assert await sandbox._run(burden.parent) not in (old, 1)

    play(scenario)


async def until_the_nursery_has_left(sandbox: Sandbox[NormalisedFeed]) -> int:
    """Returns the process id of the only child."""
    mother = await sandbox._run(burden.parent)
    ends = time.monotonic() + 10
    while _is_there(mother):
        assert time.monotonic() < ends, "the nursery is still there, or nobody asked how it ended"
        await asyncio.sleep(0.05)
    return await sandbox._run(burden.own_id)


async def outlive_the_nursery(sandbox: Sandbox[NormalisedFeed]) -> None:
    child = await until_the_nursery_has_left(sandbox)
    assert await sandbox._run(burden.parent) == os.getpid()
    assert [len((await read(sandbox)).entries) for _ in range(3)] == [1] * 3
    assert await sandbox._run(burden.own_id) == child
    for crash, said in (
        (burden.dies, "ended with -6"),
        (burden.burns, "processor time|longer"),
        (burden.sleeps, "longer"),
    ):
        child = await sandbox._run(burden.own_id)
        with pytest.raises((ParseFailed, ParseTimeout), match=said):
            await sandbox._run(crash)
        assert not _is_there(child), "a zombie"
        begun = time.monotonic()
        assert len((await read(sandbox)).entries) == 1
        assert time.monotonic() - begun < 2.0, "half a second, on a busy machine more"


def test_a_child_goes_on_without_its_nursery_and_another_one_brings_up_the_next() -> None:
    in_a_process_of_its_own("outlive_the_nursery")


async def need_it_often(sandbox: Sandbox[NormalisedFeed]) -> None:
    await until_the_nursery_has_left(sandbox)
    with pytest.raises(ParseFailed):
        await sandbox._run(burden.dies)
    mother = await sandbox._run(burden.parent)
    await asyncio.sleep(nursery.STAY * 3)
    with pytest.raises(ParseFailed):
        await sandbox._run(burden.dies)
    assert await sandbox._run(burden.parent) == mother


def test_a_nursery_that_is_needed_again_soon_stays() -> None:
    in_a_process_of_its_own("need_it_often")


async def have_no_other_parent(sandbox: Sandbox[NormalisedFeed]) -> None:
    nursery._prctl = lambda *_: False  # another system
    mother = await sandbox._run(burden.parent)
    await asyncio.sleep(nursery.STAY * 3)
    assert await sandbox._run(burden.parent) == mother


def test_a_nursery_stays_where_nobody_else_could_see_how_its_children_end() -> None:
    in_a_process_of_its_own("have_no_other_parent")


async def tell_and_hang_alone(sandbox: Sandbox[NormalisedFeed]) -> None:
    await until_the_nursery_has_left(sandbox)
    await tell_and_hang(sandbox)


def test_a_program_with_more_than_a_thousand_open_files_reads_too(play: Callable[[Scenario], None]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this system allows fewer than 2,000 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    nursery.close()
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]

    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        assert len((await read(sandbox)).entries) == 1
        with pytest.raises(ParseFailed):
            await sandbox._run(burden.dies)
        sandbox.close()

    try:
        play(scenario)
    finally:
        nursery.close()
        for file in many:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("scenario", ["tell_and_hang", "tell_and_hang_alone"])
def test_nothing_outlives_a_poller_that_is_killed(scenario: str) -> None:
    program = f"import tests.ingest.test_sandbox as here; here.start(here.{scenario})"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as poller:
        assert poller.stdout is not None
        pids = [int(pid) for pid in poller.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(_is_running, pids))
        poller.kill()
    ends = time.monotonic() + 10
    while any(map(_is_running, pids)):
        assert time.monotonic() < ends, "the nursery or a child is still there"
        time.sleep(0.02)


async def tell_and_hang(sandbox: Sandbox[NormalisedFeed]) -> None:
    child, parent = await sandbox._run(burden.own_id), await sandbox._run(burden.parent)
    hanging = asyncio.create_task(sandbox._run(burden.sleeps))
    await asyncio.sleep(0)
    sys.stdout.write(f"{child} {parent}\n")
    sys.stdout.flush()
    await hanging


def test_a_child_inherits_no_socket(play: Callable[[Scenario], None]) -> None:
    async def scenario(sandbox: Sandbox[NormalisedFeed]) -> None:
        assert await sandbox._run(burden.sockets) == []

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        play(scenario)


def in_a_process_of_its_own(scenario: str) -> None:
    """Run a scenario of this file where no nursery runs yet: a process has one, as it was first started."""
    program = f"import tests.ingest.test_sandbox as here; here.start(here.{scenario})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def start(scenario: Scenario) -> None:
    sandbox = Sandbox(SETTINGS, RuleSet(topics=(TOPIC,)))
    try:
        asyncio.run(scenario(sandbox))  # type: ignore[arg-type]  # a coroutine function
    finally:
        sandbox.close()


async def share_a_tagger(sandbox: Sandbox[NormalisedFeed]) -> None:
    assert not await sandbox._run(burden.own_tagger)
    assert [match.topic for match in (await read(sandbox)).taggings[0].matches] == ["depression"]
    sandbox.set_rules(RuleSet(topics=(replace(TOPIC, id="mood"),)))
    assert await sandbox._run(burden.own_tagger)
    assert [match.topic for match in (await read(sandbox)).taggings[0].matches] == ["mood"]


def test_children_share_one_tagger_until_the_rules_change() -> None:
    in_a_process_of_its_own("share_a_tagger")


async def load_little(sandbox: Sandbox[NormalisedFeed]) -> None:
    packages = await sandbox._run(burden.loaded)
    assert "feedparser" in packages
    assert not packages & {
        "asyncio",
        "multiprocessing",
        "pydantic",
        "pydantic_settings",
        "sqlalchemy",
        "httpx",
        "structlog",
        "rich",
        "typer",
    }


def test_a_child_loads_nothing_it_has_no_use_for() -> None:
    """Every child and the nursery would have it in memory: 8 to 15 MiB each."""
    in_a_process_of_its_own("load_little")
