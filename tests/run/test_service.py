"""The service as its operator meets it: starting, stopping, refusing, taking up files, polling on demand."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.run.running import PATIENCE, Service, environment, ketfeed
from tests.run.site import RSS, Answer, Asked, Site, feed, site_in_thread

from ketfeed.store.db import Store

TOPICS = "topics:\n  - {id: ptsd, title: PTSD, terms: [ptsd]}\n"
ROW = {
    "id", "url", "outcome", "http_status", "error", "bytes", "seconds", "new", "updated", "unchanged", "entries",
    "last_poll", "next_poll", "failures", "health", "health_since", "moved_to", "alternative", "alternative_how",
}  # fmt: skip


@pytest.fixture
def site() -> Iterator[Site]:
    with site_in_thread() as made:
        made.scripts["/good"] = lambda _: Answer(feed("F", "one", "two"), headers=RSS)
        yield made


def configure(folder: Path, **sources: str) -> dict[str, str]:
    """Write a configuration with these sources (id → address); the environment to use it."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    write_sources(folder, **sources)
    return environment(folder)


def write_sources(folder: Path, **sources: str) -> None:
    """Replace feeds.yaml as an editor's program does, in one step."""
    lines = ["sources:", *(f"  - {{id: {name}, feed: '{url}', every: 1h}}" for name, url in sources.items())]
    fresh = folder / "config" / "feeds.yaml.new"
    fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.replace(folder / "config" / "feeds.yaml")


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: object, what: str) -> None:
    """Look again until it is so: another process does it, and nobody tells us."""
    end = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"never: {what}"
        threading.Event().wait(0.05)


def test_the_first_start_polls_and_serves_without_being_asked(tmp_path: Path, site: Site) -> None:
    with Service(configure(tmp_path, good=site.url("/good"))) as service:
        line = service.wait_for(lambda line: line.get("source") == "good")
        assert (line["event"], line["new"]) == ("ok", 2)
        assert service.get("/healthz").status == 200
        assert service.get("/readyz").status == 200
        assert site.asked[0].headers["user-agent"].startswith("ketfeed/")
        assert "1 topic feeds" in site.asked[0].headers["user-agent"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_within_ten_seconds_and_loses_nothing(
    tmp_path: Path, site: Site, number: signal.Signals
) -> None:
    asked = _slow_source(site)
    env = configure(tmp_path, good=site.url("/good"), slow=site.url("/slow"))
    with Service(env) as service:
        service.wait_for(lambda line: line.get("source") == "good" and line["event"] == "ok")
        assert asked.wait(PATIENCE)
        family = [service.process.pid, *children_of(service.process.pid)]
        begun = time.monotonic()
        assert service.stop(number) == 0
        assert time.monotonic() - begun < 10
        wait_until(lambda: not any(is_alive(pid) for pid in family), "all processes end")
    rows = {row["id"]: row for row in json.loads(ketfeed("status", "--json", env=env).stdout)}
    assert (rows["good"]["entries"], rows["good"]["outcome"]) == (2, "ok")
    assert (rows["slow"]["outcome"], rows["slow"]["last_poll"]) == (None, None)
    assert rows["slow"]["next_poll"] is not None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_one_poll_command_tidily_and_keeps_what_was_stored(
    tmp_path: Path, site: Site, number: signal.Signals, code: int
) -> None:
    asked = _slow_source(site)
    env = configure(tmp_path, good=site.url("/good"), slow=site.url("/slow"))
    command = [sys.executable, "-m", "ketfeed", "poll", "--all", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert asked.wait(PATIENCE)
        wait_until(lambda: _entries(env, "good") == 2, "the good source is stored")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert "leaked" not in err
    assert _entries(env, "good") == 2


def _slow_source(site: Site) -> threading.Event:
    """``/slow`` answers after 30 s; the event is set when it is asked."""
    asked = threading.Event()

    def slow(_asked: Asked) -> Answer:
        asked.set()
        return Answer(feed("S", "one"), headers=RSS, delay=30)

    site.scripts["/slow"] = slow
    return asked


def _entries(env: dict[str, str], source: str) -> int:
    rows = json.loads(ketfeed("status", "--json", env=env).stdout)
    return next(int(row["entries"]) for row in rows if row["id"] == source)


def test_a_second_service_on_the_same_store_refuses_with_a_sentence(tmp_path: Path, site: Site) -> None:
    env = configure(tmp_path, good=site.url("/good"))
    with Service(env):
        for command in ("serve", "poller", "web"):
            second = ketfeed(command, env=env)
            assert second.returncode == 1
            assert "already works on" in second.stderr
            assert "Traceback" not in second.stderr


def test_the_supervisor_is_a_small_program_that_holds_the_lock(tmp_path: Path, site: Site) -> None:
    env = configure(tmp_path, good=site.url("/good"))
    with Service(env) as service:
        service.wait_for(lambda line: line.get("source") == "good")
        process = Path(f"/proc/{service.process.pid}")
        assert "ketfeed.run.keep" in (process / "cmdline").read_text()
        assert sorted(line["process"] for line in service.lines if line["event"] == "started") == ["poller", "web"]
        locks = [link for link in (process / "fd").iterdir() if link.readlink().name.endswith(".service.lock")]
        assert len(locks) == 1
        with Store.open(f"sqlite:///{tmp_path / 'data' / 'ketfeed.db'}") as store:
            assert f"process {service.process.pid}" in str(store.lock_holder("service"))
    program = "import sys, ketfeed.run.keep; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"pydantic", "sqlalchemy", "ruamel", "typer", "apscheduler", "regex"}


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path, site: Site) -> None:
    env = configure(tmp_path, good=site.url("/good"))
    done = ketfeed("serve", "--port", str(site.port), env=env)
    assert done.returncode == 2
    assert f"port {site.port}" in done.stderr
    assert "--port" in done.stderr


def test_a_broken_configuration_is_refused_with_every_complaint(tmp_path: Path) -> None:
    env = configure(tmp_path, good="http://feed.example/")
    (tmp_path / "config" / "feeds.yaml").write_text("sources:\n  - {id: A B, fed: x}\n  - {id: b}\n", encoding="utf-8")
    for command in ("serve", "poller", "web", "poll", "status"):
        done = ketfeed(command, env=env)
        assert done.returncode == 2, command
        assert "feeds.yaml:2" in done.stderr
        assert "feeds.yaml:3" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_changed_file_is_taken_up_and_a_broken_one_is_not(tmp_path: Path, site: Site) -> None:
    site.scripts["/second"] = lambda _: Answer(feed("G", "three"), headers=RSS)
    env = configure(tmp_path, good=site.url("/good"))
    with Service(env) as service:
        service.wait_for(lambda line: line.get("source") == "good")
        (tmp_path / "config" / "feeds.yaml").write_text("sources:\n  - {id: x, every: never\n", encoding="utf-8")
        line = service.wait_for(lambda line: line["event"] == "config refused")
        assert "feeds.yaml:" in line["complaint"]
        assert service.get("/feeds/all.rss").status == 200
        write_sources(tmp_path, good=site.url("/good"), second=site.url("/second"))
        line = service.wait_for(lambda line: line.get("source") == "second")
        assert line["event"] == "ok"


def test_a_process_that_dies_is_started_again(tmp_path: Path, site: Site) -> None:
    with Service(configure(tmp_path, good=site.url("/good"))) as service:
        service.wait_for(lambda line: line.get("source") == "good")
        poller = next(line for line in service.lines if line.get("process") == "poller")
        os.kill(poller["pid"], signal.SIGKILL)
        again = service.wait_for(lambda line: line["event"] == "started" and line["process"] == "poller")
        assert again["pid"] != poller["pid"]
        service.wait_for(lambda line: line["event"] == "polling")


def test_the_halves_end_when_the_supervisor_is_killed(tmp_path: Path, site: Site) -> None:
    with Service(configure(tmp_path, good=site.url("/good"))) as service:
        service.wait_for(lambda line: line.get("source") == "good")
        halves = children_of(service.process.pid)
        assert len(halves) == 2
        service.process.kill()
        service.process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in halves), "both halves end")


def test_poll_beside_a_running_service_lets_it_poll_and_shows_what_it_did(tmp_path: Path, site: Site) -> None:
    site.scripts["/bad"] = lambda _: Answer(status=500)
    env = configure(tmp_path, good=site.url("/good"), bad=site.url("/bad"))
    with Service(env) as service:
        service.wait_for(lambda line: line.get("source") == "good")
        done = ketfeed("poll", "good", "--json", env=env)
        (row,) = json.loads(done.stdout)
        assert (done.returncode, row["id"], row["outcome"], row["http_status"]) == (0, "good", "not_modified", 200)
        assert set(row) == ROW
        done = ketfeed("poll", "--all", "--json", env=env)
        assert done.returncode == 1
        assert {row["id"]: row["outcome"] for row in json.loads(done.stdout)} == {
            "good": "not_modified",
            "bad": "http_error",
        }
        assert site.paths().count("/good") == 3


def test_poll_alone_polls_what_is_due_and_all_on_request(tmp_path: Path, site: Site) -> None:
    site.scripts["/limit"] = lambda _: Answer(status=503, headers=(("Retry-After", "3600"),))
    env = configure(tmp_path, good=site.url("/good"))
    done = ketfeed("poll", "--json", env=env)
    (row,) = json.loads(done.stdout)
    assert (done.returncode, row["outcome"], row["new"], row["entries"], row["failures"]) == (0, "ok", 2, 2, 0)
    assert json.loads(ketfeed("poll", "--json", env=env).stdout) == []
    assert json.loads(ketfeed("poll", "good", "--json", env=env).stdout)[0]["outcome"] == "not_modified"
    configure(tmp_path, good=site.url("/good"), limit=site.url("/limit"))
    assert ketfeed("poll", "limit", env=env).returncode == 1
    asked = len(site.asked)
    rows = {row["id"]: row for row in json.loads(ketfeed("poll", "--all", "--json", env=env).stdout)}
    assert rows["good"]["outcome"] == rows["limit"]["outcome"] == "rate_limited"
    assert "asked to be left alone until" in rows["good"]["error"]
    assert len(site.asked) == asked


def test_what_poll_cannot_do_is_wrong_usage(tmp_path: Path) -> None:
    env = configure(tmp_path, good="http://feed.example/")
    for arguments in (["nobody"], ["good", "--all"], ["--nonsense"]):
        done = ketfeed("poll", *arguments, env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr


def test_status_has_a_row_for_every_source_also_before_the_first_poll(tmp_path: Path) -> None:
    env = configure(tmp_path, one="http://feed.example/1", two="http://feed.example/2")
    rows = json.loads(ketfeed("status", "--json", env=env).stdout)
    assert [row["id"] for row in rows] == ["one", "two"]
    assert all(set(row) == ROW for row in rows)
    table = ketfeed("status", env=env)
    assert table.returncode == 0
    assert "not polled" in table.stdout


def test_a_hub_is_told_of_every_feed_that_changed(tmp_path: Path, site: Site) -> None:
    told: queue.Queue[str] = queue.Queue()

    def hub(asked: Asked) -> Answer:
        told.put(asked.body.decode())
        return Answer(status=204)

    site.scripts["/hub"] = hub
    env = configure(tmp_path, good=site.url("/good"))
    feeds = tmp_path / "config" / "feeds.yaml"
    about = f"site: {{base_url: 'https://k.example', hubs: ['{site.url('/hub')}']}}\ndefaults: {{relevance: all}}\n"
    feeds.write_text(about + feeds.read_text(encoding="utf-8"), encoding="utf-8")
    with Service(env):
        said = parse_qs(told.get(timeout=PATIENCE))
        assert said["hub.mode"] == ["publish"]
        assert "https://k.example/feeds/all.atom" in said["hub.url"]
        assert "https://k.example/feeds/ptsd.atom" not in said["hub.url"]
