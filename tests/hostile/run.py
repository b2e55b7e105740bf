"""Polls the whole hostile table and writes down what happened, for test_hostile.py to judge.

    python -c "from tests.hostile.run import start; start()" FOLDER     writes FOLDER/seen.json

    healthy alone → everything at once, healthy feeds among it → what costs memory, one by one → later polls, a day
    apart → a service that polls every two seconds → close everything and count what is left

Runs in a network of its own or not at all.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.hostile import watch
from tests.hostile.certificates import make_certificates
from tests.hostile.row import DEADLINE, FEED, LIVE_EVERY, NETWORK, Row
from tests.hostile.table import GROUPS, HEALTHY, ROWS, host_of
from tests.isolation import isolate

from ketfeed.errors import DnsFailed
from ketfeed.ingest import nursery
from ketfeed.ingest.limits import Document
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import Auth, Catalog, Poll, RuleSet, Source, Term, TopicRule
from ketfeed.net.client import Client, default_context
from ketfeed.run.due import DuePolls
from ketfeed.run.logs import configure_logs
from ketfeed.run.schedule import Schedule
from ketfeed.run.service import Polling, polling
from ketfeed.settings import Settings, load_settings
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare

AT_ONCE = 50
LIVE_FOR = 11.0  # seconds
RULES = RuleSet(
    topics=(TopicRule(id="depression", title="Depression", terms=(Term(text="depression"),)),),
    relevance=TopicRule(id="relevance", title="Relevance", terms=(Term(text="ketamine"),)),
)


class Names:
    """The name server: answers from the table, counts questions."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.asked: dict[str, int] = {}

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked[host] = self.asked.get(host, 0) + 1
        answers = self.answers.get(host)
        if answers is None:
            raise DnsFailed(f"{host} has no address")
        if answers == ["hang"]:
            await asyncio.sleep(60)
        if answers == ["fail"]:
            raise DnsFailed(f"{host} has no address (the name server failed)")
        if answers[:1] == ["rebind"]:
            return [answers[min(self.asked[host], len(answers) - 1)]]
        return answers


class TheWeb:
    """The hostile web in its own process."""

    def __init__(self, certificates: Path) -> None:
        command = [sys.executable, "-m", "tests.hostile.web", str(certificates)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: dict[str, int] = self._hear()

    def report(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._hear()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the hostile web did not start")
        heard: dict[str, Any] = json.loads(line)
        return heard


def source_of(row: Row, index: int, ports: dict[str, int], names: Names) -> Source:
    """The row as an editor would have written it."""
    host = host_of(index)
    for name, answers in (row.resolves or {}).items():
        names.answers[name] = [answer.replace("{host}", host) for answer in answers]
    auth = None
    if row.auth is not None:
        auth = Auth("basic", f"HOSTILE_AUTH_{index}")
        os.environ[auth.env] = row.auth
    url = row.url
    for key, value in {"host": host, **ports}.items():
        url = url.replace("{" + key + "}", str(value))
    return Source(id=f"row-{index}", url=url, relevance="all", headers=row.headers, auth=auth, every=3600)


class Run:
    """One run over the table; ``seen`` is what is written down."""

    def __init__(self, folder: Path, web: TheWeb, neighbour: TheWeb, settings: Settings) -> None:
        self.names = Names()
        self.web = web
        self.settings = settings
        self.shift = timedelta()
        self.sources = [source_of(row, index, web.ports, self.names) for index, row in enumerate(ROWS)]
        port = neighbour.ports["port"]
        self.healthy = [
            Source(id=f"healthy-{number}", url=f"http://{host}:{port}/feed", relevance="all", every=3600)
            for number, host in enumerate(HEALTHY)
        ]
        self.catalog = Catalog(sources=(*self.sources, *self.healthy), rules=RULES)
        self.context = default_context()
        self.context.load_verify_locations(folder / "certificates" / "ca.pem")
        self.seen: dict[str, Any] = {"polls": {}, "alone": {}}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def client(self, settings: Settings) -> Client:
        return Client(settings, user_agent="ketfeed/0 (+https://feeds.example.org)", resolver=self.names,
                      context=self.context)  # fmt: skip

    async def all(self, store: Store) -> None:
        store.sources.sync(self.catalog, self.now())
        async with polling(self.settings, self.catalog, store, clock=self.now) as kit:
            kit.poller.use(client=self.client(self.settings), base_url="https://feeds.example.org")
            await self.healthy_alone(kit, store)
            await self.everything_at_once(kit, store)
            await self.one_by_one(kit, store)
            await self.later(kit, store)
        states = {state.source_id: state for state in store.sources.states()}
        self.seen["states"] = {
            row.name: {"entries": states[f"row-{index}"].entries, "next": str(states[f"row-{index}"].next_poll_at)}
            for index, row in enumerate(ROWS)
        }

    async def poll(self, kit: Polling, store: Store, sources: Sequence[Source]) -> list[Poll]:
        states = [store.sources.state(source.id) for source in sources]
        due = [(source, state) for source, state in zip(sources, states, strict=True) if state is not None]
        return await kit.poller.poll(due)

    async def healthy_alone(self, kit: Polling, store: Store) -> None:
        """Each in its turn, nothing beside; the first also warms up the children."""
        await self.poll(kit, store, self.healthy[:2])
        polls = [(await self.poll(kit, store, [source]))[0] for source in self.healthy[2:6]]
        self.seen["healthy_alone"] = [poll.seconds for poll in polls]
        assert all(poll.outcome == "ok" for poll in polls), polls

    async def everything_at_once(self, kit: Polling, store: Store) -> None:
        gc.collect()
        before = watch.memory()
        watch.forget_peak()
        heart = watch.Heart()
        heart.start()
        begun = time.monotonic()
        step = len(self.sources) // 6
        queue: list[Source] = []
        for at in range(6):
            queue += [*self.sources[at * step : (at + 1) * step if at < 5 else None], self.healthy[6 + at]]
        polls = await self.poll(kit, store, queue)
        self.seen["everything"] = {
            "seconds": time.monotonic() - begun,
            "blocked": await heart.stop(),
            "growth": watch.memory_peak() - before,
        }
        self.note(polls)
        beside = [poll for poll in polls if poll.source_id.startswith("healthy-")]
        self.seen["healthy_beside"] = [poll.seconds for poll in beside]
        self.seen["healthy_outcomes"] = [poll.outcome for poll in beside]

    async def one_by_one(self, kit: Polling, store: Store) -> None:
        """Memory of the rows that try to take it, each alone."""
        for row, source in zip(ROWS, self.sources, strict=True):
            if row.memory is not None:
                gc.collect()
                before = watch.memory()
                watch.forget_peak()
                polls = await self.poll(kit, store, [source])
                self.seen["alone"][row.name] = {"growth": watch.memory_peak() - before, "outcome": polls[0].outcome}

    async def later(self, kit: Polling, store: Store) -> None:
        for day in range(max(len(row.then) for row in ROWS)):
            self.shift += timedelta(days=1)
            rows = [source for row, source in zip(ROWS, self.sources, strict=True) if len(row.then) > day]
            self.note(await self.poll(kit, store, rows))

    def note(self, polls: Sequence[Poll]) -> None:
        for poll in polls:
            if poll.source_id.startswith("row-"):
                row = ROWS[int(poll.source_id.removeprefix("row-"))]
                values = {**asdict(poll), "started_at": str(poll.started_at)}
                self.seen["polls"].setdefault(row.name, []).append(values)

    async def live(self, store: Store) -> None:
        """The service itself, with sources that answer every kind of status, polled as fast as permitted."""
        settings = self.settings.model_copy(update={"min_interval": LIVE_EVERY})
        chosen = {id(row) for group in ("statuses", "encodings") for row in GROUPS[group]}
        sources = [
            replace(source, id=f"live-{index}", every=LIVE_EVERY)
            for index, (row, source) in enumerate(zip(ROWS, self.sources, strict=True))
            if id(row) in chosen and row.memory is None
        ]
        catalog = Catalog(sources=tuple(sources), rules=RULES)
        began = time.monotonic()
        store.sources.sync(catalog, datetime.now(UTC))
        async with polling(settings, catalog, store) as kit:
            kit.poller.use(client=self.client(settings), base_url=None)
            due = DuePolls(kit.poller, store, {source.id: source for source in sources})
            schedule = Schedule()
            schedule.every(0.5, due.tick, "due sources")
            kit.poller.start()
            schedule.start()
            await asyncio.sleep(LIVE_FOR)
            schedule.stop()
        self.seen["live"] = {"since": began, "hosts": [host_of(int(source.id[5:])) for source in sources]}


async def warm_up(settings: Settings) -> None:
    """Let the first read load what stays loaded."""
    sandbox = Sandbox(settings, RULES, prepare)
    source = Source(id="warm", url="https://example.org/feed")
    await sandbox.read(Document(body=FEED, content_type=None, url=source.url), source, datetime.now(UTC))
    sandbox.close()


def main(folder: Path) -> None:
    make_certificates(folder / "certificates", [host_of(index) for index in range(len(ROWS))])
    web, neighbour = TheWeb(folder / "certificates"), TheWeb(folder / "certificates")  # healthy feeds live elsewhere
    settings = load_settings(
        data=folder, allow_networks=NETWORK, deadline=DEADLINE, connect_timeout=2.0, concurrency=AT_ONCE,
        host_interval=1.0, parse_cpu=3.0, parse_wall=4.0, log_format="json",
    )  # fmt: skip
    configure_logs("json")
    run = Run(folder, web, neighbour, settings)
    asyncio.run(warm_up(settings))
    nursery.close()
    before, helpers = watch.descriptors(), watch.children()
    with Store.open(f"sqlite:///{folder / 'all.db'}") as store:
        asyncio.run(run.all(store))
    run.seen |= {key: web.report()[key] for key in ("requests", "sent")}
    with Store.open(f"sqlite:///{folder / 'live.db'}") as store:
        asyncio.run(run.live(store))
    nursery.close()  # the process's own, which comes and goes
    gc.collect()
    after = watch.descriptors()
    run.seen["left"] = {
        "descriptors": [name for name in after if after.count(name) > before.count(name)],
        "processes": [child for child in watch.children() if child not in helpers],
    }
    run.seen["web"] = web.report()
    run.seen["lookups"] = run.names.asked
    run.seen["neighbour"] = neighbour.report()
    web.close()
    neighbour.close()
    (folder / "seen.json").write_text(json.dumps(run.seen, indent=1), encoding="utf-8")


def start() -> None:
    """Run in the folder named on the command line. Not as ``-m``: every parser child would import the table again."""
    reason = isolate(again=True)
    if reason:
        sys.exit(f"refused: {reason}")
    main(Path(sys.argv[1]))
