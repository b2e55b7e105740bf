"""The rules that ship: their own examples, the labelled entries when they are there, and what was got wrong once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.topics.build import ROOT, SOURCE, entry, rules, shipped

from ketfeed.cli.classify import classify_entries
from ketfeed.model import Catalog, RuleSet
from ketfeed.topics.examples import check_examples
from ketfeed.topics.match import Tagger
from ketfeed.topics.score_card import score

LABELLED = ROOT / ".." / "shared" / "data" / "labelled_dev.jsonl"


@pytest.fixture(scope="module")
def rule_set() -> RuleSet:
    return shipped()


def test_every_example_of_the_rules_holds(rule_set: RuleSet) -> None:
    """``ketfeed check`` would say the same."""
    assert [str(failure) for failure in check_examples(rule_set)] == []


def test_every_topic_has_ten_examples_for_and_ten_against(rule_set: RuleSet) -> None:
    """An editor who changes a rule sees at once what it breaks."""
    for rule in (*rule_set.topics, rule_set.relevance):
        assert len(set(rule.matches)) >= 10, rule.id
        assert len(set(rule.rejects)) >= 10, rule.id


def test_a_broken_example_is_told_with_its_reasons() -> None:
    """The sentence, what was expected, and why it matched."""
    missing, wrong = check_examples(rules("pain", matches=("no such word",), rejects=("pain again",)))
    assert (missing.expected, missing.where, missing.number) == (True, "matches", 0)
    assert (wrong.expected, wrong.where, wrong.reasons[0].text) == (False, "not", "pain")
    assert "'pain'" in str(wrong)


def test_labelled_entries_are_tagged_as_well_as_promised(rule_set: RuleSet) -> None:
    """Macro F1 0.95, relevance precision and recall 0.97, story pairs F1 0.80, no look-alike joined."""
    if not LABELLED.exists():
        pytest.skip("no labelled entries beside the project (../shared/data/labelled_dev.jsonl)")
    gold = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines() if line.strip()]
    answers = list(classify_entries(_without_labels(gold), Catalog(rules=rule_set)))
    card = score(gold, answers, [topic.id for topic in rule_set.topics])
    assert card.macro >= 0.95, card.disagreements
    assert min(row.f1 for row in card.topics.values()) >= 0.90, card.disagreements
    assert card.relevance.precision >= 0.97, card.disagreements
    assert card.relevance.recall >= 0.97, card.disagreements
    found, wrong, missed, look_alikes = _pairs(gold, answers)
    assert 2 * found / (2 * found + wrong + missed) >= 0.80
    assert look_alikes == 0


def _without_labels(gold: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: item.get(key) for key in ("id", "title", "summary", "source", "url", "date")} for item in gold]


def _pairs(gold: list[dict[str, Any]], answers: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    found = wrong = missed = look_alikes = 0
    for position, (one, mine) in enumerate(zip(gold, answers, strict=True)):
        for other, theirs in zip(gold[position + 1 :], answers[position + 1 :], strict=True):
            want = one["story"] is not None and one["story"] == other["story"]
            got = mine["story"] is not None and mine["story"] == theirs["story"]
            found += want and got
            wrong += got and not want
            missed += want and not got
            look_alikes += got and not want and bool(set(one["lookalike"] or ()) & set(other["lookalike"] or ()))
    return found, wrong, missed, look_alikes


@pytest.mark.parametrize(
    ("title", "summary", "topics", "relevant"),
    [
        ("Ketamine for PTSD", "Ketamine clinics say it also treats back pain at the pump.", {"ptsd"}, True),
        ("Matthew Perry's dealer sentenced", "She sold ketamine.", {"safety"}, False),
        ("Ketamine's effect on horses", "Equine anaesthesia.", set(), False),
        ("Ministers weigh class A for ketamine", "Bladder harm among users rises.", {"safety"}, False),
        ("Ketamine-Therapie gegen Depressionen", "Eine Klinik berichtet.", {"depression"}, True),
    ],
)
def test_cases_that_were_wrong_once(
    rule_set: RuleSet, title: str, summary: str, topics: set[str], relevant: bool
) -> None:
    """Homonyms, possessives ("Perry's ketamine" is not S-ketamine) and harm outside of care."""
    tagging = Tagger(rule_set).tag(entry(title, summary), SOURCE)
    found = {match.topic for match in tagging.matches}
    assert topics <= found
    assert "esketamine" not in found
    assert tagging.relevant is relevant


def test_the_shipped_folder_is_where_the_tests_look() -> None:
    """A moved config would silently test nothing."""
    assert (Path(ROOT) / "config" / "topics.yaml").exists()
