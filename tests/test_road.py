"""The road, end to end: real feeds in, merged topic feeds out, over a restart, by the commands a user types."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy
from typing import Any

import feedparser
import pytest
from tests.run.running import Service, environment, ketfeed

from ketfeed.store.db import Store

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus" / "real"
FEED_FOLDERS = ("rss2", "rss1.0", "rss0.90", "rss0.9x", "atom1.0", "atom0.3", "jsonfeed", "other")
OWN = ROOT / "tests" / "feeds"
TOPICS = ("ptsd", "depression", "pain", "suicide-prevention")


class Player(BaseHTTPRequestHandler):
    """Plays files: a third with an ETag, a third with Last-Modified, a third with neither."""

    files: tuple[Path, ...] = ()
    asked: list[tuple[str, str | None, str | None]]  # path, If-None-Match, If-Modified-Since

    def do_GET(self) -> None:
        number = int(self.path.rpartition("/")[2])
        body = self.files[number].read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if number % 3 == 0 else None
        date = "Mon, 01 Jun 2026 10:00:00 GMT" if number % 3 == 1 else None
        self.asked.append((self.path, self.headers["If-None-Match"], self.headers["If-Modified-Since"]))
        same = (etag and self.headers["If-None-Match"] == etag) or (date and self.headers["If-Modified-Since"] == date)
        self.send_response(304 if same else 200)
        if etag:
            self.send_header("ETag", etag)
        if date:
            self.send_header("Last-Modified", date)
        self.send_header("Content-Length", "0" if same else str(len(body)))
        self.end_headers()
        if not same:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what went wrong."""


@contextmanager
def playing(files: tuple[Path, ...]) -> Iterator[tuple[int, type[Player]]]:
    handler = type("Playing", (Player,), {"files": files, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1], handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_config(folder: Path, count: int, port: int) -> None:
    """A catalog of ``count`` sources with the shipped rules; every source gives its entries a topic."""
    config = folder / "config"
    config.mkdir()
    copy(ROOT / "config" / "topics.yaml", config / "topics.yaml")
    lines = ["site: {title: Road, base_url: 'https://road.example', max_per_source: 50, backfill: 1000}", "sources:"]
    lines += [
        f"  - {{id: feed-{number}, title: 'Feed {number}', feed: 'http://127.0.0.1:{port}/feed/{number}', "
        f"relevance: all, publish: full, topics: [{TOPICS[number % len(TOPICS)]}]}}"
        for number in range(count)
    ]
    (config / "feeds.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def remembered(folder: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Every entry and every match in the store, as the database has them."""
    address = f"sqlite:///{folder / 'data' / 'ketfeed.db'}"
    with Store.open(address, migrate=False) as store, store._database.read() as connection:
        entries = connection.exec_driver_sql("SELECT number, source, raw_id, changed_at FROM entry ORDER BY number")
        matches = connection.exec_driver_sql("SELECT * FROM match ORDER BY 1, 2, 3")
        return [tuple(row) for row in entries], [tuple(row) for row in matches]


def poll_all(env: dict[str, str]) -> dict[str, dict[str, Any]]:
    done = ketfeed("poll", "--all", "--json", env=env)
    rows = json.loads(done.stdout)
    assert done.returncode == (0 if all(row["outcome"] in ("ok", "not_modified") for row in rows) else 1), done.stderr
    return {row["id"]: row for row in rows}


def check_feeds(service: Service) -> None:
    """Every merged feed is well-formed in all three formats, and a second GET of each is 304."""
    filled = 0
    for name in ("all", *TOPICS):
        for form in ("rss", "atom", "json"):
            path = f"/feeds/{name}.{form}"
            reply = service.get(path)
            assert reply.status == 200, path
            if form == "json":
                entries = json.loads(reply.body)["items"]
            else:
                parsed = feedparser.parse(reply.body)
                assert not parsed.bozo, f"{path}: {parsed.get('bozo_exception')}"
                entries = parsed.entries
                assert all(entry.get("source") for entry in entries), f"{path}: an entry without its source"
            assert len(entries) <= 50
            filled += bool(entries)
            again = service.get(path, If_None_Match=reply.header("etag") or "")
            assert (again.status, again.raw) == (304, b""), path
            dated = service.get(path, If_Modified_Since=reply.header("last-modified") or "")
            assert dated.status == 304, path
    assert filled == 15, "every topic has entries"


def road(folder: Path, files: tuple[Path, ...], at_least: int) -> None:
    with playing(files) as (port, player):
        write_config(folder, len(files), port)
        env = environment(folder)
        with Service(env) as service:
            for _ in files:  # a new source is due at once: nobody has to ask
                service.wait_for(lambda line: str(line.get("source", "")).startswith("feed-") and "seconds" in line)
            first = {row["id"]: row for row in json.loads(ketfeed("status", "--json", env=env).stdout)}
            good = {name for name, row in first.items() if row["outcome"] == "ok"}
            assert len(good) >= at_least, {name: row["outcome"] for name, row in first.items() if name not in good}
            assert {row["outcome"] for row in first.values()} <= {"ok", "not_a_feed", "parse_error", "forbidden_xml"}
            entries, matches = remembered(folder)
            assert len(entries) == sum(row["new"] for row in first.values())
            assert len({entry[1:3] for entry in entries}) == len(entries)
            assert matches
            check_feeds(service)
            assert service.stop() == 0
        player.asked.clear()
        with Service(env) as service:
            second = poll_all(env)
            assert {second[name]["outcome"] for name in good} == {"not_modified"}
            conditional = [etag or date for path, etag, date in player.asked if int(path.rpartition("/")[2]) % 3 < 2]
            assert sum(1 for value in conditional if value) >= len(good) * 2 // 3 - 1
            assert remembered(folder) == (entries, matches)
            assert sum(row["new"] + row["updated"] for row in second.values()) == 0
            check_feeds(service)
            status = json.loads(ketfeed("status", "--json", env=env).stdout)
            assert [row["id"] for row in status] == [f"feed-{number}" for number in range(len(files))]
            assert service.stop() == 0


def test_real_feeds_become_merged_feeds_once_each_over_a_restart(tmp_path: Path) -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real feeds (../shared/corpus/real) is not here")
    files = tuple(path for folder in FEED_FOLDERS for path in sorted((CORPUS / folder).iterdir()))
    road(tmp_path, files, at_least=40)


def test_our_own_feeds_become_merged_feeds_once_each_over_a_restart(tmp_path: Path) -> None:
    files = tuple(path for path in sorted(OWN.iterdir()) if path.suffix in (".xml", ".rss", ".atom", ".rdf"))
    assert len(files) >= 9
    road(tmp_path, files, at_least=9)
