"""The examples of a rule file, run: every sentence under ``matches:`` must match, none under ``not:`` may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ketfeed.model import Entry, Reason, RuleSet, Source, Tagging, TopicRule
from ketfeed.topics.match import Tagger

_SOURCE = Source(id="example", url="https://example.org/", title="")


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """A sentence that does not do what the rule file says it does."""

    topic: str  # or "relevance"
    sentence: str
    expected: bool  # True: should match
    reasons: tuple[Reason, ...]  # of the match that should not be; empty when one is missing
    number: int = 0  # from 0 in its list, so that a checker can point at the line
    where: Literal["matches", "not"] = "matches"

    def __str__(self) -> str:
        if self.expected:
            return f"{self.topic}: matches[{self.number}] does not match: {self.sentence!r}"
        why = ", ".join(f"{reason.term!r} in {reason.text!r} ({reason.weight:+g})" for reason in self.reasons)
        return f"{self.topic}: not[{self.number}] matches: {self.sentence!r} because of {why}"


def example_entry(sentence: str) -> Entry:
    """A sentence as an entry: what stands before `` || `` is its title, the rest its summary."""
    title, _, summary = sentence.partition("||")
    return Entry(
        id="example", source_id="example", raw_id="example", title=title.strip(), link=None, summary=summary.strip()
    )


def check_examples(rules: RuleSet) -> list[ExampleFailure]:
    """Every example that fails, in file order; empty when the rules do what they say."""
    tagger = Tagger(rules)
    failures: list[ExampleFailure] = []
    for rule in (*rules.topics, rules.relevance):
        for number, sentence in enumerate(rule.matches):
            found, reasons = _matched(rule, tagger.tag(example_entry(sentence), _SOURCE), rules)
            if not found:
                failures.append(ExampleFailure(rule.id, sentence, True, reasons, number, "matches"))
        for number, sentence in enumerate(rule.rejects):
            found, reasons = _matched(rule, tagger.tag(example_entry(sentence), _SOURCE), rules)
            if found:
                failures.append(ExampleFailure(rule.id, sentence, False, reasons, number, "not"))
    return failures


def _matched(rule: TopicRule, tagging: Tagging, rules: RuleSet) -> tuple[bool, tuple[Reason, ...]]:
    if rule is rules.relevance:
        return tagging.relevant, tagging.relevance_reasons
    for match in tagging.matches:
        if match.topic == rule.id:
            return True, match.reasons
    return False, ()
