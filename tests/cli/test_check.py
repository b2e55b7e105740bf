"""``ketfeed check``: complaints with places, exit codes, formats, proved examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.run.site import RSS, Answer, Site, feed, site_in_thread

from ketfeed.catalog.schema import json_schema
from ketfeed.cli.main import run
from ketfeed.run.clock import utc_now
from ketfeed.store.db import Store

ROOT = Path(__file__).parents[2]
FEEDS = "sources:\n  - {id: a, feed: https://a.org/f, topics: []}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "feeds.yaml").write_text(FEEDS, encoding="utf-8")
    (tmp_path / "topics.yaml").write_text("topics:\n  - {id: ptsd, terms: [ptsd]}\n", encoding="utf-8")
    return tmp_path


def test_the_shipped_configuration_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--config", str(ROOT / "config")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "0 errors, 0 warnings" in said.err


def test_warnings_alone_exit_with_zero(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text("sources:\n  - {id: a, feed: https://a.org/f}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder)]) == 0
    assert "warning" in capsys.readouterr().out


def test_an_error_exits_with_two_and_says_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text(FEEDS + "  - {id: a, feed: https://b.org/f, topics: []}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder)]) == 2
    assert f"{folder / 'feeds.yaml'}:3:10: sources[1].id" in capsys.readouterr().out


def test_a_failed_example_is_an_error_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topics = (
        "topics:\n  - id: ptsd\n    terms: [ptsd]\n"
        "    matches:\n      - Veterans with PTSD\n      - Nothing of the sort\n"
        "    not:\n      - PTSD all the same\n"
    )
    (folder / "topics.yaml").write_text(topics, encoding="utf-8")
    assert run(["check", "--config", str(folder), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [(one["line"], one["key"]) for one in found["complaints"]] == [
        (6, "topics[0].matches[1]"),
        (8, "topics[0].not[0]"),
    ]
    assert found["online"] is None


def test_github_annotations_are_one_line_each_and_escaped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text("sources:\n  - {id: '100%', feed: https://a.org/f}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder), "--format", "github"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert any(",line=2,col=10::" in line and "100%25" in line for line in lines)


@pytest.mark.parametrize("which", ["feeds", "topics"])
def test_the_shipped_schema_is_the_printed_one_and_is_named_in_the_file(
    which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", which]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json_schema("feeds" if which == "feeds" else "topics")
    assert (ROOT / "config" / f"{which}.schema.json").read_text(encoding="utf-8") == printed
    first = (ROOT / "config" / f"{which}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={which}.schema.json"


def test_a_private_address_that_the_operator_allows_is_no_warning(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "feeds.yaml").write_text(
        "sources:\n  - {id: a, feed: 'http://127.0.0.2:9/f', topics: []}\n", encoding="utf-8"
    )
    assert run(["check", "--config", str(folder)]) == 0
    assert "blocked_address" in capsys.readouterr().out
    monkeypatch.setenv("KETFEED_ALLOW_NETWORKS", "127.0.0.0/8")
    assert run(["check", "--config", str(folder)]) == 0
    assert capsys.readouterr().out == ""


def test_credentials_without_their_variable_are_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = FEEDS.replace("topics: []", "topics: [], auth: {bearer_env: LAB_TOKEN}")
    (folder / "feeds.yaml").write_text(feeds, encoding="utf-8")
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    assert run(["check", "--config", str(folder)]) == 0
    assert "LAB_TOKEN is not set" in capsys.readouterr().out
    monkeypatch.setenv("LAB_TOKEN", "made-up")
    assert run(["check", "--config", str(folder)]) == 0
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------- --online


HTML = (("Content-Type", "text/html"),)


@pytest.fixture
def web(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site with one feed that answers and one that does not; its homepage names a third."""
    monkeypatch.setenv("KETFEED_ALLOW_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("KETFEED_HOST_INTERVAL", "0")
    with site_in_thread() as site:
        site.scripts["/good"] = lambda _: Answer(feed("Good", "one", "two"), headers=RSS)
        site.scripts["/moved"] = lambda _: Answer(status=301, headers=(("Location", "/good"),))
        site.scripts["/page"] = lambda _: Answer(b"<p>Words.</p>", headers=HTML)
        site.scripts["/"] = lambda _: Answer(
            b'<link rel="alternate" type="application/rss+xml" href="/fresh">', headers=HTML
        )
        fresh = feed("Fresh", "one", "two")
        site.scripts["/fresh"] = lambda _: Answer(fresh.replace(b" 2026 ", b" %d " % utc_now().year), headers=RSS)
        lines = [
            f"  - {{id: {name}, feed: '{site.url(f'/{name}')}', topics: []}}" for name in ("good", "moved", "page")
        ]
        (folder / "feeds.yaml").write_text("\n".join(["sources:", *lines, ""]), encoding="utf-8")
        yield site


def check_online(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["check", "--config", str(folder), "--data", str(folder / "data"), "--online", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_online_says_what_answers_what_moved_and_which_feed_may_take_the_place_of_a_dead_one(
    folder: Path, web: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = check_online(folder, capsys)
    assert code == 1
    rows = {row["id"]: row for row in said["online"]}
    assert [(row["outcome"], row["entries"], row["moved_to"]) for row in rows.values()] == [
        ("ok", 2, None), ("ok", 2, web.url("/good")), ("not_a_feed", 0, None),
    ]  # fmt: skip
    assert rows["page"]["alternative"] == web.url("/fresh")
    advice = {(one["line"], one["severity"]): one["advice"] for one in said["complaints"]}
    assert advice[3, "warning"] == f"write feed: {web.url('/good')}"
    assert advice[4, "warning"] == f"write feed: {web.url('/fresh')}"


def test_online_leaves_a_host_alone_that_asked_for_it(
    folder: Path, web: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data").mkdir()
    with Store.open(f"sqlite:///{folder / 'data' / 'ketfeed.db'}") as store:
        store.sources.hold("127.0.0.1", utc_now() + timedelta(hours=1))
    code, said = check_online(folder, capsys)
    assert code == 1
    assert {row["outcome"] for row in said["online"]} == {"rate_limited"}
    assert all("asked to be left alone until" in row["error"] for row in said["online"])
    assert web.asked == []
