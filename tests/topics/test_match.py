"""Rules applied to one entry: what counts, what cancels, and the reason given."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.topics.build import SOURCE, entry, rules

from ketfeed.model import Category, RuleSet, Source, Term, TopicRule
from ketfeed.topics.match import Tagger, plain


def topics(given_rules: RuleSet, title: str = "", summary: str = "", **fields: object) -> list[str]:
    tagging = Tagger(given_rules).tag(entry(title, summary, **fields), SOURCE)
    return [match.topic for match in tagging.matches]


def test_a_reason_names_term_field_place_and_the_words_of_the_entry() -> None:
    """An editor can put a finger on the place."""
    tagging = Tagger(rules("post-traumatic stress")).tag(entry("New: Post–Traumatic  Stress care"), SOURCE)
    (reason,) = tagging.matches[0].reasons
    assert (reason.term, reason.field, reason.start) == ("post-traumatic stress", "title", 5)
    assert reason.text == "Post–Traumatic  Stress"


def test_places_in_html_count_in_the_plain_text() -> None:
    """Tags are not words, and a word may be bold."""
    assert topics(rules("pain relief"), summary="<p>On <b>pain</b>&nbsp;relief</p>") == ["t"]
    assert topics(rules("class"), summary='<p class="class">text</p>') == []
    assert plain("a<script>var pain</script>b") == "a b"


def test_a_covering_phrase_cancels_its_place_only() -> None:
    """``unless: tropical depression`` leaves another depression in the same text alone."""
    made = rules("depression", unless=("tropical depression",))
    assert topics(made, "Tropical depression forms") == []
    assert topics(made, "Storm notes", "A tropical depression forms. Elsewhere, depression is treated.") == ["t"]


def test_a_covering_phrase_in_the_title_says_what_the_word_means() -> None:
    """After a headline on a tropical depression, "the depression" of the summary is that one."""
    made = rules("depression", unless=("tropical depression",))
    assert topics(made, "Tropical depression forms", "The depression moves north.") == []


def test_a_covering_phrase_in_the_title_leaves_other_words_of_the_rule() -> None:
    """A headline on "safety and efficacy" says nothing of the adverse events in the summary."""
    made = rules("safety", "adverse event*", unless=("safety and efficacy",))
    assert topics(made, "Safety and efficacy of a spray", "Its safety is new.") == []
    assert topics(made, "Safety and efficacy of a spray", "Adverse events were counted.") == ["t"]


def test_another_phrase_cancels_when_it_stands_near() -> None:
    """Anxiety near a dog is the dog's; far away it is not."""
    made = rules("anxiety", unless=("dog*",))
    assert topics(made, "", "Help your dogs with anxiety.") == []
    assert topics(made, "Anxiety", "x " * 400 + "dog") == ["t"]


def test_with_needs_one_of_its_phrases_near() -> None:
    """``approval`` alone is any approval; near the agency it is access."""
    made = rules(Term(text="approval", near=("fda", "ema")))
    assert topics(made, "Approval by the EMA") == ["t"]
    assert topics(made, "Approval by the parents") == []


def test_a_required_phrase_must_stand_in_the_entry() -> None:
    """Without it the topic is silent, however many terms match."""
    made = rules("therapy", requires=("ketamine",))
    assert topics(made, "Therapy, therapy") == []
    assert topics(made, "Therapy", "with ketamine") == ["t"]


def test_fields_and_languages_limit_a_term() -> None:
    """A term may be for titles only, or for entries known to be German."""
    assert topics(rules(Term(text="studie", languages=("de",))), "Studie", language="de-AT") == ["t"]
    assert topics(rules(Term(text="studie", languages=("de",))), "Studie") == []
    assert topics(rules(Term(text="pain", fields=("title",))), "", "pain") == []


def test_the_address_is_read_only_by_terms_that_name_it() -> None:
    """A slug repeats the title and proves nothing; a host can."""
    link = "https://pubmed.ncbi.nlm.nih.gov/1/pain"
    assert topics(rules("pain"), "x", link=link) == []
    assert topics(rules(Term(text="pubmed", fields=("link",), weight=2)), "x", link=link) == ["t"]


def test_categories_count_less_than_the_title() -> None:
    """A publisher's label alone is a hint."""
    assert topics(rules("pain"), "x", categories=(Category("Pain"),)) == []
    assert topics(rules("pain", threshold=0.5), "x", categories=(Category("Pain"),)) == ["t"]


def test_terms_argue_against_with_a_negative_weight() -> None:
    """Weights add up."""
    made = rules("trial", Term(text="murder", weight=-1))
    assert topics(made, "Trial of a drug") == ["t"]
    assert topics(made, "Murder trial") == []


def test_the_longest_term_at_a_place_counts_once() -> None:
    """Two terms over the same words are one piece of evidence."""
    made = rules(Term(text="side effect*", weight=0.6), Term(text="side", weight=0.6))
    assert topics(made, "Side effects") == []


def test_a_term_with_an_open_end_covers_the_whole_word_at_its_place() -> None:
    """``matthew perry*`` and ``perry`` over one name are one piece of evidence."""
    made = rules(Term(text="matthew perry*", weight=0.6), Term(text="perry", weight=0.6))
    assert topics(made, "Matthew Perry") == []


def test_repetition_counts_less_each_time() -> None:
    """The third mention adds a third of the first: 0.4 × (1 + 1/2 + 1/3 + 1/4) is under one, six times is not."""
    made = rules(Term(text="pain", weight=0.4))
    assert topics(made, "pain pain pain pain") == []
    assert topics(made, "pain " * 7) == ["t"]


def test_a_body_supports_a_topic_and_does_not_decide_it() -> None:
    """Behind the lead many words of a topic give half its threshold at most; the rest comes from title or lead."""
    words = [f"word{number}" for number in range(20)]
    made = rules(*words, Term(text="study", weight=0.5))
    body = "x " * 400 + " ".join(words)
    assert topics(made, "Our clinic", "A practice tells at some length what it does, and for whom it is meant.") == []
    long_summary = "A practice tells at some length what it does, for whom, and what it may cost them."
    assert topics(made, "Our clinic", long_summary, content=body) == []
    assert topics(made, "Our clinic and a study", long_summary, content=body) == ["t"]
    assert topics(made, "Our clinic", body) == []


def test_the_lead_of_a_content_counts_when_the_summary_is_a_teaser() -> None:
    """ "Read on" is no summary."""
    made = rules("pain")
    assert topics(made, "Our clinic", "Read on.", content="Pain is what we treat.") == ["t"]
    long_summary = "A practice tells at some length what it does, for whom, and what it may cost them."
    assert topics(made, "Our clinic", long_summary, content="Pain is what we treat.") == []


def conditions() -> RuleSet:
    names = ("depression", "anxiety", "ptsd", "pain")
    made = tuple(TopicRule(id=name, title=name, indication=True, terms=(Term(text=name),)) for name in names)
    return RuleSet(
        topics=(*made, TopicRule(id="mental-health", title="", gathers=4, terms=(Term(text="mental health"),)))
    )


def test_an_indication_in_a_long_list_counts_little_and_the_list_is_a_topic_of_its_own() -> None:
    """ "for depression, anxiety, PTSD and pain" is about none of them, but about several conditions together."""
    summary = "The clinic treats depression, anxiety, PTSD and pain."
    assert topics(conditions(), "Our clinic", summary) == ["mental-health"]
    assert topics(conditions(), "Our clinic", "It treats depression, anxiety and pain.") == [
        "depression",
        "anxiety",
        "pain",
    ]


def test_conditions_of_the_gathering_topic_make_a_list_longer() -> None:
    """Schizophrenia and autism have no topic of their own; beside two others they make four conditions."""
    made = conditions()
    gathering = TopicRule(
        id="mental-health", title="", gathers=4, terms=(Term(text="schizophrenia"), Term(text="autism"))
    )
    made = RuleSet(topics=(*made.topics[:-1], gathering))
    assert topics(made, "Grants", "To study schizophrenia, depression, anxiety and autism.") == ["mental-health"]
    assert topics(made, "Grants", "To study schizophrenia, depression and anxiety.") == [
        "depression",
        "anxiety",
        "mental-health",
    ]


def test_an_indication_after_an_aside_counts_little() -> None:
    """ "also used for depression" is a side remark."""
    made = RuleSet(topics=conditions().topics, asides=("also used for",))
    assert topics(made, "Class A drug?", "It is also used for depression.") == []


def test_after_boilerplate_the_rest_of_a_field_counts_little() -> None:
    """What every release of a company ends with is not what this one is about."""
    made = RuleSet(topics=conditions().topics, boilerplate=("about the company",))
    assert topics(made, "Results", "Sales rose. About the company: we treat depression.") == []
    assert topics(made, "Results", "Sales of the depression drug rose. About the company: we sell.") == ["depression"]


def test_one_mention_deep_in_a_long_text_is_not_a_subject() -> None:
    """Position, share and repetition count in a content."""
    filler = "word " * 800
    assert topics(rules("pain"), "x", "lead", text=f"{filler} pain {filler}") == []
    assert topics(rules("pain"), "x", "lead", text="pain is here. " * 12) == ["t"]


def test_default_topics_of_the_source_are_a_reason_of_their_own() -> None:
    """A source that is only about pain needs no word for it."""
    source = Source(id="pain-news", url="https://example.org", title="Pain News", topics=("t",))
    (match,) = Tagger(rules("pain")).tag(entry("Nothing special"), source).matches
    assert (match.reasons[0].field, match.reasons[0].text) == ("source", "Pain News")


def test_without_a_relevance_rule_everything_is_relevant() -> None:
    """An empty topics.yaml must not empty every feed."""
    assert Tagger(RuleSet()).tag(entry("Anything"), SOURCE).relevant


def test_a_regular_expression_is_found_in_the_original_text() -> None:
    """Opt-in, with the place in the text as written."""
    made = rules(Term(text=r"n\s*=\s*\d+", regex=True))
    (match,) = Tagger(made).tag(entry("A trial (N = 403) of"), SOURCE).matches
    assert (match.reasons[0].text, match.reasons[0].start) == ("N = 403", 9)


def test_a_regular_expression_without_end_is_given_up() -> None:
    """A rule of an editor cannot hold the service: 0.05 s a text, then it does not match."""
    made = rules(Term(text=r"(a|aa)+$", regex=True), "pain")
    started = time.perf_counter()
    assert topics(made, "pain", "a" * 5000 + "b") == ["t"]
    assert time.perf_counter() - started < 2


def test_an_expression_that_does_not_compile_never_matches() -> None:
    """The loader refuses it; what slips through must not stop the service."""
    assert topics(rules(Term(text="(", regex=True), "pain"), "( pain") == ["t"]


def test_rules_travel_to_a_child_process_and_match_alike_there() -> None:
    """The tagger is rebuilt from the pickled rules."""
    made = rules("pain", Term(text="fda", near=("nod",)))
    copy = pickle.loads(pickle.dumps(made))  # noqa: S301  # our own bytes
    one = entry("Pain drug gets FDA nod")
    assert Tagger(copy).tag(one, SOURCE) == Tagger(made).tag(one, SOURCE)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(["pain", "a", "the*", "x-y"]))
def test_tagging_is_a_function_of_the_entry(title: str, summary: str, term: str) -> None:
    """Any text can be tagged, twice the same, and every reason quotes the text at its place."""
    tagger = Tagger(rules(term, "and", threshold=0.1))
    one = entry(title, summary.replace("<", "").replace("&", ""))
    tagging = tagger.tag(one, SOURCE)
    assert tagger.tag(one, SOURCE) == tagging
    for match in tagging.matches:
        for reason in match.reasons:
            text = one.title if reason.field == "title" else one.summary
            assert text[reason.start : reason.start + len(reason.text)] == reason.text


@pytest.mark.parametrize("count", [0, 1, 400])
def test_any_number_of_terms(count: int) -> None:
    """No terms match nothing; many terms keep their order of topics."""
    made = RuleSet(topics=tuple(TopicRule(id=f"t{n}", title="", terms=(Term(text=f"word{n}"),)) for n in range(count)))
    text = " ".join(f"word{n}" for n in reversed(range(count)))[:900]
    found = topics(made, text)
    assert found == sorted(found, key=lambda name: int(name[1:]))
