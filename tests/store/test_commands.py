"""search, explain and edits as an editor types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.store.making import NOW, entry, save, source, tags, write

from ketfeed.cli.explain import visibility, where
from ketfeed.cli.main import run
from ketfeed.model import RawText
from ketfeed.store.db import Store
from ketfeed.store.records import Standing

FEEDS = """
sources:
  - {id: news, feed: "https://news.example/feed", relevance: all}
  - {id: wide, feed: "https://wide.example/feed"}
"""
TOPICS = """
topics:
  - {id: ptsd, title: PTSD, terms: [ptsd]}
  - {id: pain, title: Pain, terms: [pain]}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and a store with four entries."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "feeds.yaml").write_text(FEEDS)
    (config / "topics.yaml").write_text(TOPICS)
    monkeypatch.setenv("KETFEED_CONFIG", str(config))
    monkeypatch.setenv("KETFEED_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KETFEED_EDITOR", "Ada")
    monkeypatch.setenv("COLUMNS", "200")
    from ketfeed.catalog.load import load_catalog

    catalog = load_catalog(config).catalog
    assert catalog is not None
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'ketfeed.db'}") as store:
        store.sources.sync(catalog, NOW)
        save(
            store,
            write([entry(1, title="PTSD [study]"), entry(2), entry(3)], [tags("ptsd")] * 3),
            write([entry(9, of="wide")], [tags(relevant=False)], of=source("wide")),
        )
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> str:
    assert run(command) == code
    return capsys.readouterr().out


def said_json(capsys: pytest.CaptureFixture[str], *command: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    return json.loads(said(capsys, *command, "--json"))


def test_search_shows_what_is_stored(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = said_json(capsys, "search", "title")
    assert [row["title"] for row in rows] == ["Title 2 of news", "Title 3 of news", "Title 9 of wide"]
    assert [row["public"] for row in rows] == [True, True, False]
    assert "PTSD [study]" in said(capsys, "search", "ptsd")
    assert said(capsys, "search", "nowhere", "--json", code=1) == "[]\n"


def test_explain_says_everything_about_an_entry(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = said_json(capsys, "explain", entry(1).id[:8])
    assert (one["id"], one["public"], one["story"]["primary"]) == (entry(1).id, True, True)
    assert one["topics"][0]["reasons"] == [
        {"term": "ptsd", "field": "title", "start": 0, "text": "PTSD", "weight": 1.0}
    ]
    assert {place["feed"] for place in one["feeds"]} >= {"/feeds/ptsd", "/feeds/all", "/feeds/source/news"}
    text = said(capsys, "explain", entry(1).id)
    for word in ("PTSD [study]", "sort date", "/feeds/ptsd", "place 1", "“PTSD”", "tag:news.example,2026:1"):
        assert word in text


def test_explain_says_what_would_publish_an_entry(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(said(capsys, "explain", entry(9, of="wide").id[:10]).split())  # lines are as wide as the terminal
    assert "Not public" in text
    assert f"ketfeed edits pin {entry(9, of='wide').id[:8]}" in text


def test_an_unknown_entry_is_a_sentence(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "ffffffff"]) == 1
    assert "No entry's id begins with 'ffffffff'" in capsys.readouterr().err.replace("\n", " ")


def test_edits_are_made_listed_and_seen(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "edits", "hide", entry(2).id[:8], "--why", "an advertisement")
    said(capsys, "edits", "add-topic", entry(3).id[:8], "pain", "--why", "it is", "--by", "Grace")
    rows = said_json(capsys, "edits", "list")
    assert [(row["action"], row["value"], row["by"]) for row in rows] == [
        ("add-topic", "pain", "Grace"),
        ("hide", None, "Ada"),
    ]
    assert [row["title"] for row in said_json(capsys, "search", "title", "--public")] == ["Title 3 of news"]
    assert "an advertisement" in said(capsys, "explain", entry(2).id)
    assert "an advertisement" in said(capsys, "edits", "list", entry(2).id[:8])


def test_wrong_edits_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["edits", "add-topic", entry(3).id, "gardening", "--why", "x"]) == 2
    assert "ptsd, pain" in capsys.readouterr().err.replace("\n", " ")
    assert run(["edits", "set-kind", entry(3).id, "poem", "--why", "x"]) == 2
    assert run(["edits", "hide", entry(3).id]) == 2  # why is missing
    assert run(["edits", "hide", entry(3).id, "--why", " "]) == 2


def test_a_whole_story_joins_another(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "edits", "join", entry(2).id, entry(1).id, "--why", "same trial")
    said(capsys, "edits", "join", entry(2).id, entry(3).id, "--why", "same trial")
    one = said_json(capsys, "explain", entry(1).id)
    assert len(one["story"]["also"]) == 2
    said(capsys, "edits", "split", entry(2).id, "--why", "it is not")
    assert len(said_json(capsys, "explain", entry(1).id)["story"]["also"]) == 1


def test_edits_travel_as_yaml(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "edits", "hide", entry(2).id, "--why", "ad: “buy”")
    file = place / "edits.yaml"
    said(capsys, "edits", "export", str(file))
    assert file.read_text() == said(capsys, "edits", "export")
    assert list(place.glob(".*half")) == []
    other = ["--data", str(place / "other")]
    assert said_json(capsys, "edits", "import", str(file), *other) == {"added": 1, "known": 0, "waiting": 1}
    assert said_json(capsys, "edits", "import", str(file), *other) == {"added": 0, "known": 1, "waiting": 0}
    assert said(capsys, "edits", "export", *other) == file.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("edits: [{", "is not YAML"),
        ("- 1", "write `edits:`"),
        ("edits: [{entry: a}]", "edits[0]: action, by, at, why is missing"),
    ],
)
def test_a_broken_edits_file_is_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    file = place / "edits.yaml"
    file.write_text(text)
    assert run(["edits", "import", str(file)]) == 2
    assert sentence in capsys.readouterr().err.replace("\n", " ")


def test_renormalise_cleans_stored_texts_again_and_only_those(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw: dict[str, Any] = {
        "raw_title": RawText("PTSD &amp; pain", "html"),
        "raw_summary": RawText("<p onclick='x()'>Ketamine for <b>PTSD</b></p>", "html"),
        "content": "",
    }
    dirty = entry(20, title="PTSD &amp;amp; pain", summary="<p onclick='x()'>old</p>", text="old", **raw)
    page = entry(21, summary="<p>read off a page</p>")
    with Store.open(f"sqlite:///{place / 'data' / 'ketfeed.db'}") as store:
        save(store, write([dirty, page], at=NOW))
    assert said_json(capsys, "renormalise") == {"entries": 6, "changed": 1}
    assert said_json(capsys, "renormalise") == {"entries": 6, "changed": 0}
    with Store.open(f"sqlite:///{place / 'data' / 'ketfeed.db'}") as store:
        clean = store.entries.get(dirty.id)
        assert (clean.entry.title, clean.entry.summary) == ("PTSD & pain", "<p>Ketamine for <b>PTSD</b></p>")
        assert clean.entry.text.split() == ["Ketamine", "for", "PTSD"]
        assert [match.topic for match in clean.tagging.matches] == ["ptsd", "pain"]
        assert clean.entry.raw_summary == raw["raw_summary"]
        assert store.entries.get(page.id).entry == page


def test_a_standing_is_told_from_being_seen() -> None:
    def standing(rank: int, source_rank: int, feed: str = "all") -> Standing:
        return Standing(feed=feed, entry_id="e", rank=rank, source_rank=source_rank)

    assert where(standing(3, 1), 15) == "place 3"
    assert "archive" in where(standing(51, 1), 15)
    assert "15 newer ones" in where(standing(20, 16), 15)
    assert where(standing(20, 16, "s:news"), 15) == "place 20"


def test_visibility_names_the_way_out(place: Path) -> None:
    with Store.open(f"sqlite:///{place / 'data' / 'ketfeed.db'}") as store:
        wide = store.entries.get(entry(9, of="wide").id)
        assert "`relevance: all`" in " ".join(visibility(wide, store.sources.definition("wide"), []))
        news = store.entries.get(entry(1).id)
        assert "edits hide" in " ".join(visibility(news, store.sources.definition("news"), []))
