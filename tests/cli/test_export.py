"""ketfeed export, as a cron job would call it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.publish.world import NOW, SOURCES, about, entry, open_store, poll

from ketfeed.cli.main import run

FEEDS = """
site: {title: Ketamine feeds, base_url: "https://feeds.example.org"}
defaults: {relevance: all, publish: full}
sources:
  - {id: alpha, feed: "https://alpha.example/feed", title: Alpha News}
"""
TOPICS = "topics:\n  - {id: ptsd, title: PTSD, terms: [ptsd]}\n  - {id: pain, title: Pain, terms: [pain]}\n"


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    config = tmp_path / "config"
    config.mkdir()
    (config / "feeds.yaml").write_text(FEEDS)
    (config / "topics.yaml").write_text(TOPICS)
    store = open_store(tmp_path)
    poll(store, SOURCES[0], [(entry("one"), about("ptsd"))], NOW - timedelta(hours=2))
    store.close()
    return ["--config", str(config), "--data", str(tmp_path)]


def test_the_second_export_writes_nothing(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(tmp_path / "public"), "--json", *options]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["written"] > 50
    assert run(["export", str(tmp_path / "public"), "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": 0, "unchanged": first["written"], "removed": 0}
    feed = (tmp_path / "public" / "feeds" / "ptsd.atom").read_text()
    assert "https://feeds.example.org/feeds/ptsd.atom" in feed
    assert entry("one").id in feed


def test_an_address_given_wins_over_the_file_s(options: list[str], tmp_path: Path) -> None:
    assert run(["export", str(tmp_path / "public"), "--base-url", "https://other.example/x/", *options]) == 0
    page = (tmp_path / "public" / "index.html").read_text()
    assert 'href="/x/topics/ptsd/"' in page
    assert "feeds.example.org" not in page


def test_a_folder_that_cannot_be_written_ends_with_1_and_a_broken_configuration_with_2(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["export", str(tmp_path / "file" / "public"), *options]) == 1
    assert "file" in capsys.readouterr().err
    (tmp_path / "config" / "feeds.yaml").write_text("sources: 3\n")
    assert run(["export", str(tmp_path / "public"), *options]) == 2
