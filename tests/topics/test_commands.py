"""``ketfeed classify`` and ``ketfeed topics`` as an editor types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.store.making import NOW, entry, save, write

from ketfeed.catalog.load import load_catalog
from ketfeed.cli.classify import span_of
from ketfeed.cli.main import run
from ketfeed.model import Edit, Entry
from ketfeed.run.retag import retag
from ketfeed.store.db import Store
from ketfeed.topics.match import Tagger

FEEDS = """
sources:
  - {id: news, feed: "https://news.example/feed", relevance: all}
"""
TOPICS = """
groups: {{drug: [ketamine]}}
relevance: {{terms: [$drug]}}
topics:
  - {{id: ptsd, title: PTSD, terms: [{ptsd}]}}
  - {{id: pain, title: Pain, terms: [pain, neuralgia]}}
"""
ENTRIES = (
    ("Ketamine for PTSD", "Veterans took part."),
    ("Ketamine for posttraumatic stress", "A trial."),
    ("Ketamine for pain", "A clinic."),
    ("Ketamine and the weather", "Nothing else. Ketamine and the weather."),
    ("The weather", "Rain."),
)


def folder(place: Path, ptsd: str) -> Path:
    place.mkdir()
    (place / "feeds.yaml").write_text(FEEDS)
    (place / "topics.yaml").write_text(TOPICS.format(ptsd=ptsd))
    return place


def stored() -> list[Entry]:
    return [
        entry(number, title=title, summary=summary, text="", canonical_link=None, excerpt=summary)
        for number, (title, summary) in enumerate(ENTRIES, 1)
    ]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rules that know PTSD by one name, a store tagged by them, and a folder ``new`` where they know two."""
    config = folder(tmp_path / "config", "ptsd")
    folder(tmp_path / "new", "ptsd, posttraumatic stress")
    monkeypatch.setenv("KETFEED_CONFIG", str(config))
    monkeypatch.setenv("KETFEED_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    loaded = load_catalog(config).catalog
    assert loaded is not None
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'ketfeed.db'}") as store:
        store.sources.sync(loaded, NOW)
        tagger = Tagger(loaded.rules)
        entries = stored()
        save(store, write(entries, [tagger.tag(one, loaded.sources[0]) for one in entries], of=loaded.sources[0]))
    return tmp_path


def output(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401  # whatever JSON holds
    return json.loads(capsys.readouterr().out)


def test_diff_shows_what_other_rules_would_change_before_they_are_live(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry, the topic it would gain, and the reason; nothing is stored."""
    assert run(["topics", "diff", "--config", str(place / "new")]) == 0
    text = capsys.readouterr().out
    assert "ptsd: +1 −0" in text
    assert "Ketamine for posttraumatic stress" in text
    assert "posttraumatic stress in title" in text
    assert run(["topics", "diff", "--json", "--config", str(place / "new")]) == 0
    said = output(capsys)
    one = stored()[1]
    assert said["topics"]["ptsd"] == {"added": [one.id], "removed": []}
    assert said["relevance"] == {"added": [], "removed": []}
    assert said["entries"][one.id]["title"] == one.title
    assert said["entries"][one.id]["link"] == one.link
    assert said["entries"][one.id]["reasons"]["ptsd"][0]["text"] == "posttraumatic stress"


def test_diff_exits_1_only_when_asked_and_something_changes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a check before a merge."""
    assert run(["topics", "diff", "--exit-code"]) == 0
    assert "Nothing would change" in capsys.readouterr().out
    assert run(["topics", "diff", "--exit-code", "--config", str(place / "new")]) == 1
    assert run(["topics", "diff", "--config", str(place / "new")]) == 0
    assert run(["topics", "diff", "--config", str(place / "nowhere")]) == 2


def test_an_edit_wins_in_the_difference_too(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A topic an editor removed is not announced as gained."""
    one = stored()[1]
    with Store.open(f"sqlite:///{place / 'data' / 'ketfeed.db'}") as store:
        store.edits.add(Edit(entry_id=one.id, action="remove-topic", value="ptsd", by="Ada", at=NOW, why="no"), NOW)
    assert run(["topics", "diff", "--exit-code", "--config", str(place / "new")]) == 0


def test_after_retagging_nothing_is_left_to_change_and_a_second_time_nothing_changes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What diff foretold is what retag does; retagging twice changes nothing."""
    loaded = load_catalog(place / "new").catalog
    assert loaded is not None
    with Store.open(f"sqlite:///{place / 'data' / 'ketfeed.db'}") as store:
        first = retag(store, loaded.rules, now=NOW, workers=1)
        second = retag(store, loaded.rules, now=NOW, workers=1)
    assert (first.changed, first.words()) == (1, {"ptsd": "+1 −0"})
    assert second.changed == 0
    assert run(["topics", "diff", "--exit-code", "--config", str(place / "new")]) == 0


def test_gaps_lists_entries_without_topic_unknown_phrases_and_silent_terms(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The editor's three queues."""
    assert run(["topics", "gaps", "--json", "--least", "1"]) == 0
    said = output(capsys)
    assert [one["title"] for one in said["untagged"]] == [
        "Ketamine for posttraumatic stress",
        "Ketamine and the weather",
    ]
    assert {"topic": "pain", "term": "neuralgia"} in said["silent_terms"]
    assert not any(one["term"] == "ptsd" for one in said["silent_terms"])
    phrases = [one["text"] for one in said["phrases"]]
    assert "posttraumatic stress" in phrases
    assert not any("ketamine" in phrase for phrase in phrases), "a phrase that holds a term is known"
    assert run(["topics", "gaps"]) == 0
    assert "neuralgia" in capsys.readouterr().out


def test_test_scores_labelled_entries_and_shows_sentences(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 when a label and the rules disagree."""
    labelled = place / "labelled.jsonl"
    labelled.write_text(
        json.dumps({"id": "a", "title": "Ketamine for PTSD", "topics": ["ptsd"], "relevant": "yes"})
        + "\n"
        + json.dumps({"id": "b", "title": "Posttraumatic stress", "topics": ["ptsd"], "relevant": "borderline"})
    )
    assert run(["topics", "test", str(labelled)]) == 1
    assert "b: −ptsd" in capsys.readouterr().out
    assert run(["topics", "test", "--config", str(place / "new"), "--json", str(labelled)]) == 0
    assert output(capsys)["scores"]["ptsd"] == {"p": 1, "r": 1, "f1": 1, "tp": 2, "fp": 0, "fn": 0}
    sentences = place / "sentences.txt"
    sentences.write_text("Ketamine eases pain\nRain || and wind\n")
    assert run(["topics", "test", str(sentences)]) == 0
    assert "pain in title" in capsys.readouterr().out
    assert run(["topics", "test", str(place / "missing")]) == 2


def test_classify_answers_each_line_and_uses_no_other_field(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels in the file are not looked at; entries of one file are clustered among themselves."""
    lines = [
        {"id": "a", "title": "FDA approves Spravato as monotherapy for depression", "summary": "No pill.",
         "source": "a.example", "url": "https://a.example/1", "date": "2025-01-21", "topics": ["pain"]},
        {"id": "b", "title": "J&J's Spravato gets FDA nod as standalone depression drug", "summary": "Alone.",
         "source": "b.example", "url": "https://b.example/2", "date": "2025-01", "story": "nonsense"},
        {"id": "c", "title": "Ketamine for PTSD", "summary": None, "content": "<p>On <b>pain</b></p>", "date": 5},
    ]  # fmt: skip
    file = place / "in.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert run(["classify", str(file)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in found] == ["a", "b", "c"]
    assert [one["story"] for one in found] == ["a", "a", None]
    assert found[2]["topics"] == ["ptsd", "pain"]
    assert found[2]["reasons"]["ptsd"] == [{"term": "ptsd", "field": "title", "start": 13, "text": "PTSD"}]
    assert found[2]["relevant"] is True
    assert found[2]["relevance_reasons"][0]["text"] == "Ketamine"
    assert set(found[0]) == {"id", "topics", "reasons", "relevant", "relevance_reasons", "kind", "story"}


def test_classify_says_which_line_is_wrong_and_answers_the_others(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not JSON, no id, a double id: told by line; exit 1. No file: exit 2."""
    file = place / "in.jsonl"
    file.write_text('{"id": "a", "title": "Pain"}\nnonsense\n{"title": "x"}\n{"id": "a"}\n[1]\n')
    assert run(["classify", str(file)]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["a"]
    for number in (2, 3, 4, 5):
        assert f"in.jsonl:{number}:" in said.err.replace("\n", "")
    assert run(["classify", str(place / "missing.jsonl")]) == 2


@pytest.mark.parametrize(
    ("date", "days"),
    [("2024-08-16", 0), ("2024-02", 28), ("2024", 365), ("yesterday", None), (None, None), ("2024-13", None)],
)
def test_a_rough_date_is_a_span(date: object, days: int | None) -> None:
    """A month may be any of its days; what is no date is unknown."""
    span = span_of(date)
    assert (span[1] - span[0]).days == days if span else days is None
