"""``ketfeed preview``: the lines other tools rely on."""

# ruff: noqa: E501  # documents are easier to read wide

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ketfeed.cli.main import run

CONFIG = 'sources:\n  - {id: x, feed: "https://example.org/feed", topics: []}\n'
TOPICS = "relevance: {terms: [ketamine]}\ntopics:\n  - {id: ptsd, title: PTSD, terms: [ptsd], matches: [PTSD], not: [sleep]}\n"
FEED = '<rss version="2.0"><channel><title>T</title><item><guid>1</guid><title>Ketamine for PTSD</title></item></channel></rss>'
KEYS = {
    "id", "raw_id", "title", "link", "authors", "published", "updated", "summary", "content", "categories", "enclosures", "image",
    "language", "topics", "relevant",
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "feeds.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    (tmp_path / "a.xml").write_text(FEED, encoding="utf-8")
    (tmp_path / "b.html").write_text("<html></html>", encoding="utf-8")
    return tmp_path


def test_one_json_line_per_document_in_the_order_asked_and_exit_code_1_when_one_fails(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(config / name) for name in ("a.xml", "b.html", "a.xml")]
    code = run(["preview", "--json", "--config", str(config / "config"), "--data", str(config / "data"), *files])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert [(record["source"], record["outcome"]) for record in records] == list(
        zip(files, ["ok", "not_a_feed", "ok"], strict=True)
    )
    assert {"source", "outcome", "format", "notes", "entries"} <= records[0].keys()
    entry = records[0]["entries"][0]
    assert entry.keys() >= KEYS
    assert [match["topic"] for match in entry["topics"]] == ["ptsd"]
    assert entry["topics"][0]["reasons"][0]["text"] == "PTSD"
    assert entry["relevant"] is True
    assert "date: missing, first seen used" in entry["notes"]
    assert not (config / "data").exists(), "preview stores nothing"


def test_people_see_date_title_topics_and_each_kind_of_repair_once_with_its_count(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["preview", "--config", str(config / "config"), str(config / "a.xml")]) == 0
    shown = capsys.readouterr().out
    assert "Ketamine for PTSD" in shown
    assert "date: missing, first seen used ×1" in shown


def test_a_file_that_is_not_there_fails_alone_and_the_others_are_shown(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(config / "none.xml"), str(config / "a.xml")]
    assert run(["preview", "--json", "--config", str(config / "config"), *files]) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["outcome"] for record in records] == ["bad_url", "ok"]
    assert "none.xml" in records[0]["error"]
