"""Serving: ketfeed's web process beside nginx with the same bytes, alone and while a poller works on its core.

    python benchmarks/serve.py [--seconds 10] [--connections 64] [--feeds 400]
    python benchmarks/serve.py --regenerate 10000 1000000    # one topic feed at two sizes of the store

Wants wrk and nginx (Debian packages of these names) and two cores: the server has the first, the load the other.
Goals: at least 35 % of nginx for a gzip 200 and a 304 of a feed of about 150 KB; p99 with a full poll on the server's
core at most 10 times p99 at rest; regenerating a feed of 50 entries at a million stored entries at most 1.2 times that
at ten thousand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from ketfeed.model import (
    Entry,
    FeedInfo,
    NormalisedFeed,
    Person,
    Poll,
    Reason,
    Source,
    SourceState,
    Tagging,
    TopicMatch,
    entry_id,
)
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.select import find
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import PollWrite

SERVER_CORE, LOAD_CORE = "0", "1"
FEED = "/feeds/ptsd.atom"
PARAGRAPH = "Participants received six infusions over three weeks and were followed for half a year. "
ENTRY_CHARACTERS = 1900  # of content: fifty of them make a feed of about 150 KB

FEEDS = """
site: {title: Benchmark}
defaults: {publish: full, relevance: all}
sources:
"""
TOPICS = "topics:\n  - {id: ptsd, title: PTSD, terms: [ptsd]}\n  - {id: pain, title: Pain, terms: [pain]}\n"


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests per second, milliseconds."""

    rate: float
    p50: float
    p99: float
    errors: int


# ---------------------------------------------------------------- a store with entries


def fill(store: Store, sources: list[Source], count: int, now: datetime) -> None:
    """``count`` entries, a tenth of them about PTSD, spread over the sources; the newest fifty are of full length."""
    random = Random(1)  # noqa: S311  # a repeatable store
    done, most = 0, 20  # of a first poll, twenty are announced
    while done < count:
        batch = []
        for source in sources:
            size = min(most, count - done)
            if size > 0:
                batch.append(_poll(source, done, size, count, random, now))
                done += size
        store.entries.save_polls(batch)
        most = 100


def _poll(source: Source, start: int, size: int, count: int, random: Random, now: datetime) -> PollWrite:
    entries, taggings = [], []
    for number in range(start, start + size):
        words = " ".join(f"{random.getrandbits(40):x}" for _ in range(6))
        full = count - number <= 600
        text = (PARAGRAPH * 40)[: ENTRY_CHARACTERS if full else 200]
        entries.append(
            Entry(
                id=entry_id(source.id, str(number)),
                source_id=source.id,
                raw_id=str(number),
                title=f"{words} for PTSD",
                link=f"https://bench.example/{number}",
                content=f"<p>{words} {text}</p>",
                excerpt=f"{words} {text[:150]}",
                text=f"{words} {text}",
                authors=(Person("A. Author"),),
                published=now - timedelta(minutes=count - number),
            )
        )
        topic = "ptsd" if number % 10 == 0 else "pain"
        taggings.append(Tagging(matches=(TopicMatch(topic, (Reason(topic, "title", 0, topic),)),), relevant=True))
    state = SourceState(source_id=source.id, url=source.url, last_poll_at=now, last_ok_at=now, last_outcome="ok")
    feed = NormalisedFeed(info=FeedInfo(format="rss2.0"), entries=tuple(entries), taggings=tuple(taggings))
    return PollWrite(
        poll=Poll(source_id=source.id, url=source.url, started_at=now, outcome="ok"),
        state=state,
        source=source,
        feed=prepare(feed, source, now),
    )


def write_config(folder: Path, sources: list[Source]) -> None:
    folder.mkdir()
    lines = [f"  - {{id: {one.id}, feed: '{one.url}', every: 1h}}\n" for one in sources]
    (folder / "feeds.yaml").write_text(FEEDS + "".join(lines))
    (folder / "topics.yaml").write_text(TOPICS)


# ---------------------------------------------------------------- servers


@contextmanager
def running(command: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=2).read()  # noqa: S310  # our own loopback server
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def fetch(url: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310  # our own loopback server
        return reply.read(), {name.lower(): value for name, value in reply.getheaders()}


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; gzip_static always;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  types {{ application/atom+xml atom; }}
  server {{ listen 127.0.0.1:{port}; root {folder}/public; }}
}}
"""


def load(url: str, seconds: int, connections: int, *headers: str) -> Load:
    """wrk on the load's core."""
    options = [part for header in headers for part in ("-H", header)]
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        *options,
        url,
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return Load(
        rate=float(_find(r"Requests/sec:\s+([\d.]+)", out)),
        p50=_milliseconds(_find(r"(?m)^ +50% +(\S+)", out)),
        p99=_milliseconds(_find(r"(?m)^ +99% +(\S+)", out)),
        errors=int(errors.group(1)) if errors else 0,
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk said something else:\n{text}")
    return found.group(1)


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise SystemExit(f"no time: {text}")


# ---------------------------------------------------------------- what is measured


def serve(options: argparse.Namespace) -> dict[str, object]:
    """Rates beside nginx, and p99 with and without a poller on the server's core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, other, web = options.port, options.port + 1, options.port + 2
        sources = [
            Source(id=f"s{n}", url=f"http://127.0.0.1:{web}/{n}", publish="full", relevance="all")
            for n in range(options.feeds)
        ]
        write_config(folder / "config", sources)
        store = Store.open(f"sqlite:///{folder / 'ketfeed.db'}")
        _sync(store, folder)
        fill(store, sources, 2000, datetime.now(UTC))
        store.close()
        environment = {
            "KETFEED_CONFIG": str(folder / "config"),
            "KETFEED_DATA": str(folder),
            "KETFEED_PORT": str(port),
            "KETFEED_ALLOW_NETWORKS": "127.0.0.0/8",
            "KETFEED_HOST_INTERVAL": "0",
            "KETFEED_HOST_CONNECTIONS": "50",
        }
        ketfeed = ["taskset", "-c", SERVER_CORE, sys.executable, "-m", "ketfeed"]
        url = f"http://127.0.0.1:{port}{FEED}"
        with running([*ketfeed, "web"], environment):
            wait_for(url)
            body, _ = fetch(url)
            packed, headers = fetch(url, Accept_Encoding="gzip")
            ours = measure_both(url, headers["etag"], options)
            with beside_nginx(folder, other, body, packed):
                same = f"http://127.0.0.1:{other}{FEED}"
                _, theirs_headers = fetch(same)
                theirs = measure_both(same, theirs_headers["etag"], options)
            rest = load(url, options.seconds, options.few, "Accept-Encoding: gzip")
            with feed_server(web), running([*ketfeed, "poller"], environment):
                time.sleep(2)  # it has begun
                polling = load(url, options.seconds, options.few, "Accept-Encoding: gzip")
            polled = _polled(folder)
    return {
        "bytes": len(body),
        "gzip": len(packed),
        "ketfeed": {name: vars(one) for name, one in ours.items()},
        "nginx": {name: vars(one) for name, one in theirs.items()},
        "share": {name: round(ours[name].rate / theirs[name].rate, 3) for name in ours},
        "p99_at_rest": rest.p99,
        "p99_polling": polling.p99,
        "p99_times": round(polling.p99 / rest.p99, 2),
        "polls_meanwhile": polled,
    }


def measure_both(url: str, etag: str, options: argparse.Namespace) -> dict[str, Load]:
    """A gzip 200 and a 304."""
    load(url, 1, options.connections, "Accept-Encoding: gzip")  # warm
    return {
        "200": load(url, options.seconds, options.connections, "Accept-Encoding: gzip"),
        "304": load(url, options.seconds, options.connections, "Accept-Encoding: gzip", f"If-None-Match: {etag}"),
    }


@contextmanager
def beside_nginx(folder: Path, port: int, body: bytes, packed: bytes) -> Iterator[None]:
    file = folder / "public" / FEED.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    file.with_name(file.name + ".gz").write_bytes(packed)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    folder.chmod(0o755)
    command = ["taskset", "-c", SERVER_CORE, "nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    if os.geteuid() == 0:
        command += ["-g", "user root;"]
    with running(command):
        wait_for(f"http://127.0.0.1:{port}{FEED}")
        yield


FEED_SERVER = """
import http.server, sys

ITEM = (
    "<item><guid>{0}-{1}</guid><title>Ketamine study {1} of {0}</title><link>http://127.0.0.1/{0}/{1}</link>"
    "<description>" + "Text on PTSD. " * 40 + "</description></item>"
)
FEED = '<rss version="2.0"><channel><title>{}</title><link>http://127.0.0.1/</link>{}</channel></rss>'


class Feeds(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        number = self.path[1:]
        body = FEED.format(number, "".join(ITEM.format(number, item) for item in range(30))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/rss+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Feeds).serve_forever()
"""


@contextmanager
def feed_server(port: int) -> Iterator[None]:
    """Feeds of thirty entries, on the load's core."""
    with running(["taskset", "-c", LOAD_CORE, sys.executable, "-c", FEED_SERVER, str(port)]):
        wait_for(f"http://127.0.0.1:{port}/0")
        yield


def _sync(store: Store, folder: Path) -> None:
    from ketfeed.catalog.load import load_catalog

    loaded = load_catalog(folder / "config")
    if loaded.catalog is None:
        raise SystemExit("\n".join(map(str, loaded.complaints)))
    store.sources.sync(loaded.catalog, datetime.now(UTC) - timedelta(days=1))


def _polled(folder: Path) -> int:
    store = Store.open(f"sqlite:///{folder / 'ketfeed.db'}")
    try:
        return sum(state.last_outcome == "ok" and (state.last_bytes > 0) for state in store.sources.states())
    finally:
        store.close()


def regenerate(sizes: list[int]) -> dict[str, object]:
    """Milliseconds to select and render a topic feed of fifty entries at each size of the store."""
    found: dict[str, object] = {}
    times: list[float] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sources = [
                Source(id=f"s{n}", url=f"http://127.0.0.1/{n}", publish="full", relevance="all") for n in range(50)
            ]
            write_config(folder / "config", sources)
            store = Store.open(f"sqlite:///{folder / 'ketfeed.db'}")
            _sync(store, folder)
            now = datetime.now(UTC)
            started = time.perf_counter()
            fill(store, sources, size, now)
            filled = time.perf_counter() - started
            from ketfeed.catalog.load import load_catalog

            catalog = load_catalog(folder / "config").catalog
            assert catalog is not None
            feed = find(catalog, "ptsd")
            assert feed is not None
            milliseconds = _best(lambda: Publisher(store, catalog, "http://b.example").render(feed, "atom", now))  # noqa: B023
            times.append(milliseconds)
            found[str(size)] = {"milliseconds": round(milliseconds, 2), "filled_in_seconds": round(filled, 1)}
            store.close()
    return {**found, "times": round(times[-1] / times[0], 3)}


def _best(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(30):
        started = time.perf_counter()
        work()
        rounds.append((time.perf_counter() - started) * 1000)
    return min(rounds)  # what it takes when nothing else is in the way


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--connections", type=int, default=64, help="of the loads beside nginx")
    parser.add_argument("--few", type=int, default=8, help="connections of the loads that measure p99")
    parser.add_argument("--feeds", type=int, default=400, help="polled while serving")
    parser.add_argument("--port", type=int, default=18080, help="first of three loopback ports")
    parser.add_argument("--regenerate", type=int, nargs="+", metavar="N", help="sizes of the store, in entries")
    options = parser.parse_args()
    if options.regenerate:
        print(json.dumps(regenerate(options.regenerate), indent=2))
        return
    for tool in ("wrk", "nginx", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is missing")
    print(json.dumps(serve(options), indent=2))


if __name__ == "__main__":
    main()
