"""Hot reload under fire: both files are written to in every wrong way while the real service polls and serves."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest
from tests.run.running import PATIENCE, Service, environment
from tests.run.site import Site, conditional, feed, site_in_thread

from ketfeed.catalog.watch import is_being_written
from ketfeed.store.db import Store

WRITES = 200
BATCH = 40  # writes between two looks at what is in force
PAUSE = 0.03  # seconds a writer takes; shorter and longer than the service waits for, by chance
LONG = 1.0  # seconds a slow writer waits, longer than two looks of the service
SOURCES = 6
BROKEN = (
    "sources: [",
    "\tid: tab",
    "  - {id: s0, feed: https://twice.example.org/}",
    "site: {titel: x}",
    "\x00",
    "- no",
)
TOPICS = "topics:\n  - {id: ptsd, title: PTSD, terms: [ptsd]}\n  - {id: pain, title: Pain, terms: [pain]}\n"


def sources(site: Site, count: int) -> str:
    """A good feeds.yaml of so many sources, polled every second, each written over several lines."""
    return "sources:\n" + "".join(
        f"  - id: s{number}\n    title: Source {number}\n    feed: {site.url(f'/{number}')}\n"
        "    topics: []\n    every: 1s\n"
        for number in range(count)
    )


@dataclass
class Fire:
    """Writes to both files in random ways; ``good`` says whether what stands there now is meant."""

    folder: Path
    texts: dict[str, str]
    dice: random.Random
    rest: threading.Event = field(default_factory=threading.Event)
    good: dict[str, bool] = field(default_factory=dict)
    ways: Counter[str] = field(default_factory=Counter)

    def write(self, number: int) -> None:
        name, whole = self.dice.choice(sorted(self.texts.items()))
        way = self.dice.choice(["broken", "half", "slow", "empty", "gone", "renamed", "in place", "link", "bytes"])
        self.ways[way] += 1
        path = self.folder / name
        told = f"{whole}# write {number}\n"
        if way == "broken":
            lines = whole.splitlines()
            lines.insert(self.dice.randrange(1, len(lines)), self.dice.choice(BROKEN))
            path.write_text("\n".join(lines) + "\n")
        elif way == "half":
            path.write_text(whole[: self.cut(whole)])
        elif way == "slow":  # what stands there meanwhile is right in itself
            cut = self.dice.choice([found.start() for found in re.finditer("  - ", told)][1:])
            with path.open("w") as file:
                file.write(told[:cut])
                file.flush()
                self.rest.wait(LONG if self.dice.random() < 0.25 else PAUSE)
                file.write(told[cut:])
        elif way == "empty":
            path.write_text("")
        elif way == "gone":
            path.unlink(missing_ok=True)
        elif way == "bytes":
            path.write_bytes(self.dice.randbytes(200))
        elif way == "in place":
            path.write_text(told)
        else:
            self.replace(name, told, linked=way == "link")
        self.good[name] = way in ("slow", "renamed", "in place", "link")

    def cut(self, whole: str) -> int:
        """A place that is not just before a source or topic: a file that ends there may be meant."""
        while True:
            cut = self.dice.randrange(1, len(whole) - 1)
            if not whole[cut:].lstrip("\n").startswith(("  - ", "#")):
                return cut

    def replace(self, name: str, text: str, *, linked: bool = False) -> None:
        """Put a new file in the place of the old one in one step, or a link to one."""
        fresh = self.folder.parent / "versions" / f"{name}-{self.dice.random()}"
        fresh.parent.mkdir(exist_ok=True)
        fresh.write_text(text)
        if linked:
            link = self.folder / ".link"
            link.symlink_to(fresh)
            fresh = link
        fresh.replace(self.folder / name)


@dataclass
class Witness:
    """Looks again and again at what the web serves and the store polls, in a thread of its own."""

    service: Service
    database: Path
    wanted: frozenset[str]
    looks: int = 0
    missed: list[str] = field(default_factory=list)

    def watch(self, ended: threading.Event) -> None:
        store = Store.open(f"sqlite:///{self.database}")
        try:
            while not ended.wait(0.05):
                page = self.service.get("/sources/")
                served = frozenset(re.findall(r"/feeds/source/([a-z0-9]+)", page.body.decode()))
                polled = frozenset(state.source_id for state in store.sources.states())
                self.looks += 1
                topics = self.service.get("/topics/").body
                if not (served >= self.wanted and polled >= self.wanted and b"/ptsd" in topics and b"/pain" in topics):
                    self.missed.append(f"{page.status} {sorted(served)} {sorted(polled)} {topics!r}")
        finally:
            store.close()


def until(condition: Callable[[], bool], what: str) -> float:
    """Seconds until it is so."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, f"never: {what}"
        threading.Event().wait(0.02)
    return time.monotonic() - begun


def problems(service: Service) -> list[str]:
    reply = service.get("/readyz")
    said: list[str] = json.loads(reply.body)["problems"]
    assert reply.status == (503 if said else 200)
    return said


def test_two_hundred_writes_while_polling_lose_no_source_and_a_good_file_is_in_force_within_two_seconds(
    tmp_path: Path,
) -> None:
    with site_in_thread() as site:
        for number in range(SOURCES + 5):
            site.scripts[f"/{number}"] = conditional(feed(f"F{number}", "one", "two"), f'"{number}"')
        good = {"feeds.yaml": sources(site, SOURCES), "topics.yaml": TOPICS}
        config = tmp_path / "config"
        config.mkdir()
        for name, text in good.items():
            (config / name).write_text(text)
        with Service(environment(tmp_path, KETFEED_MIN_INTERVAL="1")) as service:
            until(lambda: len(set(site.paths())) == SOURCES, "every source polled once")
            wanted = frozenset(f"s{number}" for number in range(SOURCES))
            witness = Witness(service, tmp_path / "data" / "ketfeed.db", wanted)
            ended = threading.Event()
            watching = threading.Thread(target=witness.watch, args=(ended,))
            watching.start()
            fire = Fire(config, good, random.Random(20261124))  # noqa: S311  # the same writes every time
            fire.good = dict.fromkeys(good, True)
            try:
                polls = _fire(fire, service, site)
            finally:
                ended.set()
                watching.join()
            assert not witness.missed, witness.missed[:3]
            assert witness.looks > WRITES / 4
            assert min(polls) > 0, f"polls of the slowest source from batch to batch: {polls}"
            assert min(fire.ways.values()) >= WRITES // 20, fire.ways
            _take_up(fire, service, site)


def _fire(fire: Fire, service: Service, site: Site) -> list[int]:
    """Write, and see after each batch that the service says what is wrong; polls of the least polled source in each."""
    polls: list[int] = []
    for number in range(WRITES):
        fire.write(number)
        fire.rest.wait(fire.dice.random() * 2 * PAUSE)
        if number % BATCH == BATCH - 1:
            meant = all(fire.good.values())
            until(lambda: bool(problems(service)) != meant, f"ready is {meant} after write {number}")  # noqa: B023
            before = len(site.asked)
            until(lambda: len(set(site.paths()[before:])) == SOURCES, "every source polled again")  # noqa: B023
            polls.append(min(Counter(site.paths()[before:]).values()))
    return polls


def _take_up(fire: Fire, service: Service, site: Site) -> None:
    """Good files, each with one source more: seconds from the write until it is served, and until it is polled."""
    fire.replace("topics.yaml", TOPICS)
    served, polled = [], []
    for count in range(SOURCES + 1, SOURCES + 6):
        fire.replace("feeds.yaml", sources(site, count))
        begun = time.monotonic()
        page, path = f"/feeds/source/s{count - 1}", f"/{count - 1}"
        until(lambda: page.encode() in service.get("/sources/").body, "the new source served")  # noqa: B023
        served.append(time.monotonic() - begun)
        until(lambda: path in site.paths(), "the new source polled")  # noqa: B023
        polled.append(next(asked.at for asked in site.asked if asked.path == path) - begun)
        assert not problems(service)
    assert median(served) <= 2.0, served
    assert median(polled) <= 2.0 + 1.0, polled  # due sources are looked for once a second


@pytest.fixture(autouse=True)
def _leases(tmp_path: Path) -> None:
    """Whoever writes slowly is only waited for where the system tells who has a file open."""
    with (tmp_path / "probe").open("w"):
        if not is_being_written(tmp_path / "probe"):
            pytest.skip("this file system has no leases (fcntl(2), F_SETLEASE)")
