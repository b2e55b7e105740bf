"""Polling many feeds, side by side with the ``reader`` library, against one small web on loopback.

    python benchmarks/poll.py                      # 1,000 and 10,000 sources
    python benchmarks/poll.py --sources 100000 --only ketfeed --phases first,304
    python benchmarks/poll.py --latency            # 200 ms per answer, 100 at once

Three processes: this one, the web (every feed has a host of its own, 127.x.y.z, because politeness is per host), and
one subject at a time. Four phases: first poll (30 entries each), all 304, all unchanged with 200, 10 % changed (one new
entry, the others 304). Topics and the search index are on. Figures: feeds per second, CPU seconds of the subject with
its children, peak memory of the same (resident, shared pages counted by their share).

``reader`` comes with the benchmark extra: pip install 'ketfeed[benchmark]'.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

PHASES = ("first", "304", "same", "ten")
TITLES = {"first": "first poll", "304": "all 304", "same": "all unchanged 200", "ten": "10 % changed"}
ENTRIES = 30
START = datetime(2026, 7, 1, tzinfo=UTC)

DRUGS = ("Ketamine", "Esketamine nasal spray", "Low-dose ketamine", "Spravato", "Intranasal esketamine", "IV ketamine")
FOR = (
    "treatment-resistant depression", "chronic pain", "PTSD", "suicidal thoughts", "OCD", "anxiety", "addiction",
    "bipolar depression", "migraine", "postpartum depression", "fibromyalgia", "depression in teenagers", "veterans",
)  # fmt: skip
NEWS = (
    "trial ends early", "shows lasting benefit", "fails against placebo", "wins approval in Canada", "gets a price cut",
    "is tested at home", "under review by insurers", "compared with ECT", "clinic closes after complaints",
    "explained by a psychiatrist", "raises bladder concerns", "dosing studied in rats", "enters phase 3", "recalled",
)  # fmt: skip
"""One entry in ten is about the matter; the others are the rest of the world's news."""

SYLLABLES = tuple(start + end for start in "bdfgklmnprstvz" for end in "aeio")


def _phrases(seed: int, count: int, words: int) -> list[str]:
    """``count`` phrases of ``words`` made-up words, the same in every run."""
    dice = random.Random(seed)  # noqa: S311  # test data
    lexicon = ["".join(dice.choices(SYLLABLES, k=dice.choice((1, 2, 2, 3)))) for _ in range(3000)]
    return [" ".join(dice.choices(lexicon, k=words)) for _ in range(count)]


HEADS, TAILS, BODIES = _phrases(1, 4000, 4), _phrases(2, 4000, 4), _phrases(3, 4000, 15)


# ---------------------------------------------------------------- the web


def render(number: int, edition: int) -> bytes:
    """Feed ``number`` with 30 items and, from edition 1 on, one newer item per edition."""
    items = []
    for item in range(ENTRIES + edition, edition, -1):
        key = number * 7919 + item * 104_729
        head, tail = HEADS[key % 4000], TAILS[key // 4000 % 4000]
        about = ""
        if key % 10 == 0:
            about = f"{DRUGS[key // 10 % len(DRUGS)]} for {FOR[key // 60 % len(FOR)]} {NEWS[key // 780 % len(NEWS)]}"
        body = ". ".join([about, *(BODIES[(key + step * 1237) % 4000] for step in range(4))])
        items.append(
            f"<item><title>{head} {about} {tail}</title>"
            f"<link>https://news{number}.example/{item}?utm_source=rss</link>"
            f'<guid isPermaLink="false">tag:{number}-{item}</guid><dc:creator>A. Writer</dc:creator>'
            f"<category>Health</category><pubDate>Mon, {item % 28 + 1:02} Jun 2026 {item % 24:02}:00:00 GMT</pubDate>"
            f"<description>&lt;p&gt;{body} &lt;a href=&quot;/more/{item}&quot;&gt;More&lt;/a&gt;&lt;/p&gt;"
            "</description></item>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>Feed {number}</title><link>https://news{number}.example/</link><description>News</description>"
        "<language>en</language>" + "".join(items) + "</channel></rss>"
    ).encode()


class Web(asyncio.Protocol):
    """One connection: /feed/N answers by the mode of the moment, /mode/NAME/LATENCY_MS sets it."""

    mode = "first"
    latency = 0.0
    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            answer = self.answer(head)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.send, answer)
            else:
                self.send(answer)

    def send(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)  # type: ignore[attr-defined]  # a stream transport

    def answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/mode/"):
            _, _, mode, latency = path.split("/")
            Web.mode, Web.latency, Web.served = mode, int(latency) / 1000, 0
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        Web.served += 1
        number = int(path.rpartition("/")[2])
        changed = self.mode == "ten" and number % 10 == 0
        etag = b'"%d-%d"' % (number, changed)
        if self.mode != "same" and b"f-None-Match: " + etag in head.replace(b"if-none-match", b"If-None-Match"):
            return b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\nContent-Length: 0\r\n\r\n" % etag
        body = render(number, 1 if changed else 0)
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: %s\r\n"
            b"Last-Modified: Mon, 01 Jun 2026 10:00:00 GMT\r\nContent-Length: %d\r\n\r\n" % (etag, len(body)) + body
        )


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Web, "0.0.0.0", 0, backlog=4096)  # noqa: S104  # 127/8
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent lets go
    server.close()


def feed_url(number: int, port: int) -> str:
    """Feed ``number`` at its own loopback host."""
    return f"http://127.{1 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}:{port}/feed/{number}"


def set_mode(port: int, mode: str, latency: int = 0) -> None:
    """Tell the web how to answer from now on."""
    urllib.request.urlopen(f"http://127.0.0.1:{port}/mode/{mode}/{latency}").close()


# ---------------------------------------------------------------- measuring


def processes(root: int) -> list[int]:
    """``root`` and all its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def cpu_seconds() -> float:
    """Processor time of this process, its living children and those it has waited for."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in processes(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15]) / ticks
    return total


def memory_mib() -> float:
    """Resident memory of this process and its children; a shared page counts by its share."""
    total = 0
    for pid in processes(os.getpid()):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


class Peak:
    """The largest ``memory_mib`` of samples taken while the block runs."""

    def __init__(self) -> None:
        self.mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.mib = max(self.mib, memory_mib())

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self.mib = max(self.mib, memory_mib())


def report(
    subject: str, sources: int, phase: str, seconds: float, cpu: float, own_cpu: float, peak: float, note: str = ""
) -> None:
    """One result, as a line of JSON for the parent."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "subject": subject, "sources": sources, "phase": phase, "seconds": seconds, "cpu": cpu, "peak": peak,
        "own_rss": own, "own_cpu": own_cpu, "note": note,
    }), flush=True)  # fmt: skip


# ---------------------------------------------------------------- the subjects


async def run_ketfeed(sources: int, port: int, phases: list[str], latency: int, concurrency: int) -> None:
    """ketfeed as its service runs: the same store, client, parser processes and queue."""
    from ketfeed.catalog.load import load_catalog
    from ketfeed.model import Catalog, Source
    from ketfeed.run.due import DuePolls
    from ketfeed.run.logs import configure_logs
    from ketfeed.run.service import polling
    from ketfeed.settings import load_settings
    from ketfeed.store.db import Store

    rules = load_catalog(Path(__file__).parents[1] / "config").catalog
    assert rules is not None, "the shipped configuration is good"
    catalog = Catalog(
        sources=tuple(
            Source(id=f"s{number}", url=feed_url(number, port), title=f"Feed {number}", every=3600)
            for number in range(sources)
        ),
        rules=rules.rules,
    )
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as out:
        configure_logs("json", out)
        settings = load_settings(
            data=Path(folder), allow_networks=(ip_network("127.0.0.0/8"),), concurrency=concurrency
        )
        now = START
        with Store.open(settings.database) as store:
            store.sources.sync(catalog, now)
            async with polling(settings, catalog, store, clock=lambda: now) as kit:
                due = DuePolls(kit.poller, store, {source.id: source for source in catalog.sources}, lambda: now)
                kit.poller.start()
                await asyncio.gather(*(warm_up(kit.sandbox) for _ in range(settings.parse_processes)))
                for phase in phases:
                    set_mode(port, phase, latency)
                    with Peak() as peak:
                        begun, cpu, own = time.perf_counter(), cpu_seconds(), time.process_time()
                        await due.drain()
                        seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
                        own = time.process_time() - own
                    report("ketfeed", sources, phase, seconds, cpu, own, peak.mib, _outcomes(store))
                    now += timedelta(hours=2)
                    await asyncio.sleep(settings.host_interval + 0.1)  # the hosts' pause is no part of the next phase


async def warm_up(sandbox: Any) -> None:  # noqa: ANN401  # ketfeed's Sandbox, imported late
    """Let a parser process start: a service does so once, not once per poll."""
    from ketfeed.ingest.limits import Document
    from ketfeed.model import Source

    url = "http://feed.example/"
    await sandbox.read(Document(render(0, 0), "application/rss+xml", url), Source(id="warm", url=url), START)


def _outcomes(store: Any) -> str:  # noqa: ANN401  # ketfeed's Store, imported late
    counts: dict[str, int] = {}
    new = 0
    for state in store.sources.states():
        counts[str(state.last_outcome)] = counts.get(str(state.last_outcome), 0) + 1
        new += state.last_new
    return f"{counts} new={new}"


def run_reader(sources: int, port: int, phases: list[str], workers: int) -> None:
    """The ``reader`` library with as many workers as serve it best."""
    from reader import make_reader

    with tempfile.TemporaryDirectory() as folder:
        reader = make_reader(str(Path(folder) / "reader.sqlite"))
        for number in range(sources):
            reader.add_feed(feed_url(number, port))
        for phase in phases:
            set_mode(port, phase)
            with Peak() as peak:
                begun, cpu = time.perf_counter(), cpu_seconds()
                bad = new = 0
                for result in reader.update_feeds_iter(workers=workers, scheduled=False):
                    if isinstance(result.value, Exception):
                        bad += 1
                    elif result.value is not None:
                        new += result.value.new
                seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
            report("reader", sources, phase, seconds, cpu, cpu, peak.mib, f"new={new} failed={bad}")
        reader.close()


# ---------------------------------------------------------------- the run


@contextmanager
def web() -> Iterator[int]:
    """The web in a process of its own; yields its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--web"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def line_of(row: dict[str, Any]) -> str:
    """One result for people."""
    each = 1000 / row["sources"]
    return (
        f"{row['subject']:>8} {row['sources']:>7,} {TITLES[row['phase']]:<18} "
        f"{row['sources'] / row['seconds']:8.1f} feeds/s  {row['seconds']:8.2f} s  CPU {row['cpu']:8.2f} s "
        f"({row['cpu'] * each:.2f} ms a feed, {row['own_cpu'] * each:.2f} of it without children)  "
        f"peak {row['peak']:6.1f} MiB ({row['own_rss']:.0f} without children)  {row['note']}"
    )


def measure(subject: str, sources: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run one subject in a process of its own and collect its lines."""
    with web() as port:
        command = [sys.executable, __file__, "--subject", subject, "--port", str(port), "--sources", str(sources)]
        command += ["--phases", options.phases, "--concurrency", str(options.concurrency)]
        command += ["--workers", str(options.workers), "--latency-ms", str(options.latency_ms)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        rows = []
        for line in process.stdout:
            row = json.loads(line)
            rows.append(row)
            print(line_of(row), flush=True)
        if process.wait():
            raise SystemExit(f"{subject} failed with exit code {process.returncode}")
        return rows


def compare(rows: list[dict[str, Any]]) -> None:
    """Print ratios of feeds per second and of CPU seconds, phase by phase."""
    found = {(row["subject"], row["sources"], row["phase"]): row for row in rows}
    print("\nketfeed : reader")
    for (subject, sources, phase), row in found.items():
        other = found.get(("reader", sources, phase))
        if subject == "ketfeed" and other is not None:
            print(
                f"{sources:>8,} {TITLES[phase]:<18} {other['seconds'] / row['seconds']:6.2f} × feeds/s   "
                f"{row['cpu'] / other['cpu']:6.2f} × CPU seconds"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", default="1000,10000", help="numbers of sources, comma-separated")
    parser.add_argument("--only", choices=["ketfeed", "reader"], help="measure one subject")
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--concurrency", type=int, default=50, help="polls at a time")
    parser.add_argument("--workers", type=int, default=10, help="threads of reader")
    parser.add_argument("--latency", action="store_true", help="200 ms per answer, 100 at once, 304 only")
    parser.add_argument("--latency-ms", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--web", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    phases = options.phases.split(",")
    if options.web:
        import uvloop

        uvloop.run(_serve())
    elif options.subject == "ketfeed":
        from ketfeed.run.loop import run_in_loop

        run_in_loop(run_ketfeed(int(options.sources), options.port, phases, options.latency_ms, options.concurrency))
    elif options.subject == "reader":
        run_reader(int(options.sources), options.port, phases, options.workers)
    else:
        if options.latency:
            options.latency_ms, options.concurrency, options.only, options.phases = 200, 100, "ketfeed", "first,304"
        rows = []
        for sources in (int(value) for value in options.sources.split(",")):
            for subject in ("reader", "ketfeed") if options.only is None else (options.only,):
                rows += measure(subject, sources, options)
        compare(rows)


if __name__ == "__main__":
    main()
