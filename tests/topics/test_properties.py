"""What holds whatever the rules, the entries and the editors do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.topics.build import SOURCE, day, entry

from ketfeed.model import Edit, EditAction, Reason, RuleSet, Tagging, Term, TopicMatch, TopicRule
from ketfeed.store.decisions import decided, overrule
from ketfeed.topics.match import Tagger

TOPICS = ("ptsd", "pain", "safety")
WORDS = ("ptsd", "pain", "safety", "ketamine", "tropical", "and")


def tagging_of(topics: list[str]) -> Tagging:
    matches = tuple(TopicMatch(topic, (Reason(topic, "title", 0, topic),), 1.0) for topic in dict.fromkeys(topics))
    return Tagging(matches=matches, kind="news", relevant=True)


def edit_of(action: EditAction, topic: str, minute: int) -> Edit:
    return Edit(entry_id="e", action=action, value=topic, by="Ada", at=day(1).replace(minute=minute), why="because")


ACTIONS: tuple[EditAction, ...] = ("add-topic", "remove-topic")
edits = st.builds(edit_of, st.sampled_from(ACTIONS), st.sampled_from(TOPICS), st.integers(0, 59))


@given(st.lists(st.sampled_from(TOPICS)), st.lists(edits, max_size=8))
def test_an_edit_always_wins(by_rules: list[str], said: list[Edit]) -> None:
    """The last word of an editor about a topic decides, whatever the rules say; other topics are the rules'."""
    in_order = sorted(said, key=lambda edit: edit.at)
    found = {match.topic for match in overrule(tagging_of(by_rules), decided(in_order)).matches}
    last: dict[str, EditAction] = {edit.value or "": edit.action for edit in in_order}
    for topic in TOPICS:
        expected = last[topic] == "add-topic" if topic in last else topic in by_rules
        assert (topic in found) is expected


@given(st.lists(st.sampled_from(TOPICS)), st.lists(edits, max_size=8))
def test_applying_edits_twice_changes_nothing(by_rules: list[str], said: list[Edit]) -> None:
    """What editors said holds once, also after the rules were applied again."""
    what = decided(said)
    once = overrule(tagging_of(by_rules), what)
    assert {match.topic for match in overrule(once, what).matches} == {match.topic for match in once.matches}


RULES = RuleSet(
    topics=tuple(TopicRule(id=topic, title=topic, terms=(Term(text=topic),)) for topic in TOPICS),
    relevance=TopicRule(id="relevance", title="", terms=(Term(text="ketamine"),)),
)


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.permutations(TOPICS))
def test_the_order_of_topics_in_the_file_changes_only_the_order_of_matches(words: list[str], order: list[str]) -> None:
    """Rules do not influence each other but through lists of conditions."""
    one = entry(" ".join(words))
    by_id = {rule.id: rule for rule in RULES.topics}
    turned = replace(RULES, topics=tuple(by_id[topic] for topic in order))
    here, there = Tagger(RULES).tag(one, SOURCE), Tagger(turned).tag(one, SOURCE)
    assert set(here.matches) == set(there.matches)
    assert [match.topic for match in there.matches] == [topic for topic in order if topic in words]
    assert here.relevant == there.relevant


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_a_term_that_is_no_part_of_the_entry_changes_nothing(words: list[str]) -> None:
    """More rules, same tagging: what is not found has no say."""
    one = entry(" ".join(words))
    more = replace(
        RULES, topics=tuple(replace(rule, terms=(*rule.terms, Term(text="zebrafish"))) for rule in RULES.topics)
    )
    assert Tagger(RULES).tag(one, SOURCE) == Tagger(more).tag(one, SOURCE)
