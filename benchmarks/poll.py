"""Polling many feeds, side by side with the ``reader`` library, against one small web on loopback (loopback.py).

    python benchmarks/poll.py                      # 1,000 and 10,000 sources
    python benchmarks/poll.py --lean               # the same, then once more with lean feeds
    python benchmarks/poll.py --latency            # 200 ms per answer, 100 at once
    python benchmarks/poll.py --sources 10000,100000 --entries 1 --only ketfeed --phases first,304   # CPU of a 304

Three processes: this one, the web (every feed has a host of its own, 127.x.y.z, because politeness is per host), and
one subject at a time. Four phases: first poll (30 entries each), all 304, all unchanged with 200, 10 % changed (one new
entry, the others 304). Topics and the search index are on. Figures: feeds per second, CPU seconds of the subject with
its children, peak memory of the same (resident, shared pages counted by their share), CPU seconds of the web. Both
subjects read the same feeds, which follow those of a corpus of real ones; lean feeds have 690 bytes an entry.

``reader`` comes with the benchmark extra: pip install 'ketfeed[benchmark]'.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

PHASES = ("first", "304", "same", "ten")
TITLES = {"first": "first poll", "304": "all 304", "same": "all unchanged 200", "ten": "10 % changed"}
START = datetime(2026, 7, 1, tzinfo=UTC)

# ---------------------------------------------------------------- the web, from outside


def feed_url(number: int, port: int) -> str:
    """Feed ``number`` at its own loopback host."""
    return f"http://127.{1 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}:{port}/feed/{number}"


def ask(port: int, path: str) -> bytes:
    """What the web answers to a question about itself."""
    from urllib.request import urlopen  # here: parser processes import this file, and need nothing of it

    with urlopen(f"http://127.0.0.1:{port}{path}") as reply:
        body: bytes = reply.read()
    return body


def set_mode(port: int, mode: str, latency: int = 0) -> None:
    """Tell the web how to answer from now on."""
    ask(port, f"/mode/{mode}/{latency}")


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


def memory_mib(root: int) -> float:
    """Resident memory of a process and its children; a shared page counts by its share."""
    total = 0
    for pid in processes(root):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


class Peak:
    """The largest ``memory_mib`` of samples of another process, so that taking them is no work of the subject's."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def since_last(self) -> float:
        """The largest since this was last asked, in MiB."""
        found, self._mib = max(self._mib, memory_mib(self._root)), 0.0
        return found

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self._mib = max(self._mib, memory_mib(self._root))


class Measured:
    """Seconds, CPU seconds (with children, without, of the web) of what happens in the block; own largest memory."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.figures: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._begun = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        spent = {name: value - self._begun[name] for name, value in self._now().items()}
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.figures = spent | {"own_rss": own}

    def _now(self) -> dict[str, float]:
        web = float(ask(self._port, "/cpu"))
        return {"web": web, "own_cpu": time.process_time(), "cpu": cpu_seconds(), "seconds": time.perf_counter()}


def report(subject: str, sources: int, phase: str, measured: Measured, note: str) -> None:
    """One result, as a line of JSON for the parent."""
    row = {"subject": subject, "sources": sources, "phase": phase, "note": note}
    print(json.dumps(row | measured.figures), flush=True)


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
        prepare = "import sys; from ketfeed.store.db import Store; Store.open(sys.argv[1]).close()"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", prepare, settings.database)
        await process.wait()  # so that the poller finds a ready database, as it does under its supervisor
        with Store.open(settings.database) as store:
            store.sources.sync(catalog, now)
            async with polling(settings, catalog, store, clock=lambda: now) as kit:
                due = DuePolls(kit.poller, store, {source.id: source for source in catalog.sources}, lambda: now)
                kit.poller.start()
                await asyncio.gather(*(warm_up(kit.sandbox) for _ in range(settings.parse_processes)))
                for phase in phases:
                    set_mode(port, phase, latency)
                    with Measured(port) as measured:
                        await due.drain()
                    report("ketfeed", sources, phase, measured, _outcomes(Path(folder) / "ketfeed.db"))
                    now += timedelta(hours=2)
                    await asyncio.sleep(settings.host_interval + 0.1)  # the hosts' pause is no part of the next phase


async def warm_up(sandbox: Any) -> None:  # noqa: ANN401  # ketfeed's Sandbox, imported late
    """Let a parser process start: a service does so once, not once per poll."""
    from ketfeed.ingest.limits import Document
    from ketfeed.model import Source

    url = "http://feed.example/"
    body = b"<rss version='2.0'><channel><title>Warm</title><item><title>One</title></item></channel></rss>"
    await sandbox.read(Document(body, "application/rss+xml", url), Source(id="warm", url=url), START)


def _outcomes(database: Path) -> str:
    """How the last polls ended; not asked of the store, which would hold every source's state in memory for it."""
    import sqlite3

    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT last_outcome, count(*), sum(last_new) FROM source_state GROUP BY 1"
        ).fetchall()
    return f"{ {outcome: count for outcome, count, _ in rows} } new={sum(new for *_, new in rows)}"


def run_reader(sources: int, port: int, phases: list[str], workers: int) -> None:
    """The ``reader`` library with as many workers as serve it best."""
    from reader import make_reader

    with tempfile.TemporaryDirectory() as folder:
        reader = make_reader(str(Path(folder) / "reader.sqlite"))
        for number in range(sources):
            reader.add_feed(feed_url(number, port))
        for phase in phases:
            set_mode(port, phase)
            bad = new = 0
            with Measured(port) as measured:
                for result in reader.update_feeds_iter(workers=workers, scheduled=False):
                    if isinstance(result.value, Exception):
                        bad += 1
                    elif result.value is not None:
                        new += result.value.new
            report("reader", sources, phase, measured, f"new={new} failed={bad}")
        reader.close()


# ---------------------------------------------------------------- the run


@contextmanager
def web(sources: int, entries: int, lean: bool) -> Iterator[int]:
    """The web in a process of its own; yields its port."""
    file = Path(__file__).with_name("loopback.py")
    command = [sys.executable, str(file), "--ready", str(sources), "--entries", str(entries)]
    command += ["--lean"] if lean else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
        f"{row['subject']:>8} {row['sources']:>7,} {row['feeds']:<5} {TITLES[row['phase']]:<18} "
        f"{row['sources'] / row['seconds']:8.1f} feeds/s  {row['seconds']:8.2f} s  CPU {row['cpu']:8.2f} s "
        f"({row['cpu'] * each:.2f} ms a feed, {row['own_cpu'] * each:.2f} of it without children)  "
        f"peak {row['peak']:6.1f} MiB ({row['own_rss']:.0f} without children)  web {row['web']:.1f} s  {row['note']}"
    )


def measure(subject: str, sources: int, lean: bool, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run one subject in a process of its own and collect its lines."""
    with web(sources, options.entries, lean) as port:
        command = [sys.executable, __file__, "--subject", subject, "--port", str(port), "--sources", str(sources)]
        command += ["--phases", options.phases, "--concurrency", str(options.concurrency)]
        command += ["--workers", str(options.workers), "--latency-ms", str(options.latency_ms)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        rows = []
        with Peak(process.pid) as peak:
            for line in process.stdout:
                row = json.loads(line) | {"feeds": "lean" if lean else "real", "peak": peak.since_last()}
                rows.append(row)
                print(line_of(row), flush=True)
        if process.wait():
            raise SystemExit(f"{subject} failed with exit code {process.returncode}")
        return rows


def compare(rows: list[dict[str, Any]]) -> None:
    """Print ratios of feeds per second and of CPU seconds, phase by phase, and how CPU grows with the sources."""
    found = {(row["subject"], row["feeds"], row["sources"], row["phase"]): row for row in rows}
    print("\nketfeed : reader")
    for (subject, feeds, sources, phase), row in found.items():
        other = found.get(("reader", feeds, sources, phase))
        if subject == "ketfeed" and other is not None:
            print(
                f"{sources:>8,} {feeds:<5} {TITLES[phase]:<18} {other['seconds'] / row['seconds']:6.2f} × feeds/s   "
                f"{row['cpu'] / other['cpu']:6.2f} × CPU seconds"
            )
    counts = sorted({row["sources"] for row in rows})
    for feeds in dict.fromkeys(row["feeds"] for row in rows):
        few, many = (found.get(("ketfeed", feeds, count, "304")) for count in (counts[0], counts[-1]))
        if few is not None and many is not None and few is not many:
            grown = many["cpu"] / many["sources"] / (few["cpu"] / few["sources"])
            print(f"CPU of a 304 at {counts[-1]:,} sources is {grown:.2f} × that at {counts[0]:,}, {feeds} feeds")


def arguments() -> argparse.Namespace:
    """What was asked for; hidden options are how this file starts its other processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", default="1000,10000", help="numbers of sources, comma-separated")
    parser.add_argument("--only", choices=["ketfeed", "reader"], help="measure one subject")
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--entries", type=int, default=30, help="of each feed; 1: for figures of a 304 alone")
    parser.add_argument("--lean", action="store_true", help="afterwards the same with lean feeds")
    parser.add_argument("--concurrency", type=int, default=50, help="polls at a time")
    parser.add_argument("--workers", type=int, default=10, help="threads of reader")
    parser.add_argument("--latency", action="store_true", help="200 ms per answer, 100 at once, 304 only")
    parser.add_argument("--latency-ms", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    phases = options.phases.split(",")
    if options.subject == "ketfeed":
        from ketfeed.run.loop import run_in_loop

        run_in_loop(run_ketfeed(int(options.sources), options.port, phases, options.latency_ms, options.concurrency))
    elif options.subject == "reader":
        run_reader(int(options.sources), options.port, phases, options.workers)
    else:
        if options.latency:
            options.latency_ms, options.concurrency, options.only, options.phases = 200, 100, "ketfeed", "first,304"
        if options.entries != 30:
            print(f"Feeds of {options.entries} entries: first polls cost far less than with 30")
        rows = []
        for lean in (False, True) if options.lean else (False,):
            for sources in (int(value) for value in options.sources.split(",")):
                for subject in ("reader", "ketfeed") if options.only is None else (options.only,):
                    rows += measure(subject, sources, lean, options)
        compare(rows)


if __name__ == "__main__":
    main()
