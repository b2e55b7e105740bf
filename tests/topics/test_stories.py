"""Which entries are one story. The headlines are written for these tests; the events are public."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.topics.build import day, entry

from ketfeed.model import Tagging
from ketfeed.topics.stories import best_story, cluster, story_keys
from ketfeed.topics.story_rules import Report, compare, report

NEWS = Tagging(kind="news", relevant=True)
PAPER = Tagging(kind="research", relevant=True)


def told(
    title: str, summary: str = "", *, at: datetime | None = None, source: str | None = None, tagging: Tagging = NEWS,
    **fields: object,
) -> Report:  # fmt: skip
    """A report of its own source unless one is named."""
    name = source or f"s{crc32((title + summary).encode())}"
    one = entry(
        title, summary, id=f"{name}-{title}", source_id=name, link=f"https://{name}.example/x", published=at, **fields
    )
    return report(one, tagging)


MONOTHERAPY = told(
    "FDA approves Spravato as first monotherapy for treatment-resistant depression",
    "Johnson & Johnson's nasal spray may be used without an oral antidepressant.", at=day(1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("title", "summary"),
    [
        (
            "J&J's depression drug gets FDA nod as standalone treatment",
            "Spravato can be given alone in resistant depression.",
        ),
        (
            "US regulator clears esketamine for use on its own",
            "The FDA decision covers depression after two failed pills.",
        ),
        ("FDA greenlights J&J's Spravato as monotherapy", "The spray treats resistant depression."),
    ],
)
def test_one_announcement_in_other_words_is_one_story(title: str, summary: str) -> None:
    """Nod, clears and greenlights approve; standalone and on its own are monotherapy."""
    verdict = compare(MONOTHERAPY, told(title, summary, at=day(2)))
    assert verdict.same, verdict
    assert verdict.reasons


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (
            told("FDA approves esketamine nasal spray for depression", "It is taken with an oral pill.", at=day(1)),
            told("European Commission approves esketamine for depression", "It is taken with a pill.", at=day(3)),
            "another place",
        ),
        (
            told("Foundation awards $10.3 million in young investigator grants", "150 scientists are funded."),
            told("Foundation awards $10.4 million in young investigator grants", "150 scientists are funded."),
            "different figures",
        ),
        (
            told("Doctor charged in actor's ketamine death", "Prosecutors name five people.", at=day(1)),
            told("Doctor pleads guilty in actor's ketamine death", "He supplied the actor.", at=day(9)),
            "another stage",
        ),
        (
            told("Tropical Depression Nine forms in the Atlantic", "It may strengthen."),
            told("Tropical depression eleven forms in the Atlantic", "It may strengthen."),
            "comes again",
        ),
        (
            told("September is suicide prevention month", "A county explains the 988 line."),
            told("September is suicide prevention month", "A school invites parents to a talk."),
            "comes again",
        ),
        (
            told("Why a soap company offers ketamine therapy to employees", "22 of 300 have tried it."),
            told("Soap company offers ketamine therapy to employees", "22 of 300 have tried it."),
            "explainer",
        ),
        (
            told("Ketamine versus ECT in depression", "A trial of 403 patients."),
            told("Ketamine versus ECT in severe depression", "A trial of 186 inpatients."),
            "different numbers",
        ),
        (
            told("Regulator reviews ketamine as class A drug", "Ministers ask for advice.", at=day(1)),
            told("Ketamine will not be class A drug", "Advisers of the regulator say so.", at=day(20)),
            "will not happen",
        ),
        (
            told("New ketamine clinic opens in Boise", "It treats depression.", at=day(1) - timedelta(days=90)),
            told("New ketamine clinic opens in Boise today", "It treats depression.", at=day(1)),
            "days apart",
        ),
        (
            told("Ketamine therapy explained to patients in Ohio", "x", source="same"),
            told("Ketamine therapy for patients explained in Ohio again", "x", source="same"),
            "one source",
        ),
        (
            told("Birmingham man jailed for ketamine supply", "Police found two kilos at his flat.", at=day(1)),
            told("Bristol man jailed for ketamine supply", "Officers found cash at his home.", at=day(2)),
            "two things",
        ),
        (
            told("Trial of esketamine (NCT00000001)", "Depression."),
            told("Trial of esketamine (NCT00000002)", "Depression."),
            "different papers",
        ),
    ],
)  # fmt: skip
def test_look_alikes_are_kept_apart(one: Report, other: Report, why: str) -> None:
    """What speaks against a story wins over any likeness, and says what it is."""
    one, other = (_identified(item) for item in (one, other))
    verdict = compare(one, other)
    assert not verdict.same
    assert verdict.against
    assert why in verdict.reasons[0]


def _identified(one: Report) -> Report:
    numbers = [word.strip("()") for word in one.id.split() if word.startswith("(NCT")]
    return replace(one, identifiers=frozenset(f"nct:{number}" for number in numbers)) if numbers else one


def test_one_identifier_is_one_story_whatever_the_words_and_dates() -> None:
    """A paper and a comment two years later that carries its DOI as its own link."""
    doi = ("doi:10.1000/x",)
    one = told("Dose-related effects of ketamine", at=day(1), tagging=replace(PAPER, identifiers=doi), identifiers=doi)
    other = told("Full text", at=day(1) + timedelta(days=700), tagging=replace(PAPER, identifiers=doi), identifiers=doi)
    verdict = compare(one, other)
    assert verdict.same
    assert "doi:10.1000/x" in verdict.reasons[0]


def test_a_cited_identifier_joins_nothing() -> None:
    """Two comments that mention one trial in their text are two papers."""
    tagging = replace(PAPER, identifiers=("nct:NCT04338321",))
    one = told("Secondary analysis of ESCAPE-TRD in older adults", "NCT04338321, remission by age", tagging=tagging)
    other = told("Patient-reported outcomes of ESCAPE-TRD", "NCT04338321, PHQ-9 over time", tagging=tagging)
    assert not compare(one, other).same


def test_coverage_that_names_the_paper_is_its_story() -> None:
    """A news item's DOI in the text is the paper it reports; a page with many is a list of sources."""
    doi = "doi:10.1000/x"
    paper = told("Dose-related effects", tagging=replace(PAPER, identifiers=(doi,)), identifiers=(doi,))
    news = told("Study of veterans disappoints", "doi 10.1000/x", tagging=replace(NEWS, identifiers=(doi,)))
    verdict = compare(paper, news)
    assert verdict.same
    assert "coverage of the paper" in verdict.reasons[0]
    assert set(paper.keys) & set(news.keys), "and the store finds it"
    many = replace(NEWS, identifiers=(doi, "doi:10.1000/y", "doi:10.1000/z"))
    assert not compare(paper, told("What we know", "three papers", tagging=many)).same


def test_the_publisher_at_the_end_of_a_title_does_not_count() -> None:
    """News searches write "Title - Publisher"."""
    title = "Ketamine pill eases depression in Otago trial"
    assert compare(told(f"{title} - The New York Times", "a"), told(f"{title} | Fierce Pharma", "b")).same
    assert "monotherapy" in told("FDA approves Spravato - first monotherapy for adults").sketch.title


def test_two_analyses_of_one_trial_are_two_papers() -> None:
    """The same 676 people, relapse in one and quality of life in the other."""
    one = told("Esketamine versus quetiapine: relapse in ESCAPE-TRD", "Relapse in 676 adults.", tagging=PAPER)
    other = told("Esketamine versus quetiapine: quality of life in ESCAPE-TRD", "EQ-5D in 676 adults.", tagging=PAPER)
    assert not compare(one, other).same


def test_an_equal_sum_makes_two_reports_of_one_deal_likelier() -> None:
    """$23 million and $23M."""
    one = told("Ketamine company Nue Life raises $23 million", "The round was led by a fund.", at=day(1))
    other = told("Nue Life closes $23M series A for at-home ketamine", "The start-up will expand.", at=day(2))
    verdict = compare(one, other)
    assert verdict.same
    assert "same figure: 23m" in verdict.reasons


def test_one_page_is_one_story() -> None:
    """The same canonical link in two sources; a redirect service's address proves nothing."""
    link = "example.org/a"
    one, other = told("A", canonical_link=link), told("B", canonical_link=link)
    assert compare(one, other).same
    one, other = (told(name, canonical_link=link, link_is_redirect=True) for name in "AB")
    assert not compare(one, other).same


def test_an_equal_title_joins_only_when_it_says_something() -> None:
    """ "Complex regional pain syndrome" is a subject; a full headline is the name of one thing."""
    assert not compare(told("Complex regional pain syndrome", "a"), told("Complex regional pain syndrome", "b")).same
    headline = "E341 ketamine doctor on stigma and Chattanooga"
    assert compare(told(headline, "a"), told(headline, "b")).same


def test_a_story_is_joined_only_when_no_member_contradicts() -> None:
    """One alike member is not enough when another member rules the entry out."""
    alike = told("FDA approves Spravato as monotherapy", "For resistant depression.", at=day(2), source="a")
    old = told("FDA approves Spravato as monotherapy for depression", "x", at=day(1) - timedelta(days=90), source="b")

    def ask(stories: dict[str, list[Report]]) -> str | None:
        best = best_story(MONOTHERAPY, stories)
        return None if best is None else best[0]

    assert ask({"s1": [alike]}) == "s1"
    assert ask({"s1": [alike, old]}) is None
    assert ask({"s0": [old], "s1": [alike]}) == "s1"


def test_reports_that_are_one_story_share_a_key() -> None:
    """What the store looks up finds what the rules would join."""
    one = entry("FDA approves Spravato as first monotherapy for depression", "The spray by Johnson & Johnson.")
    other = entry("J&J's Spravato gets FDA nod as standalone depression treatment", "No pill needed.")
    keys = [set(story_keys(item, NEWS).near) for item in (one, other)]
    assert keys[0] & keys[1]
    assert max(map(len, keys)) <= 12


POOL = [
    told("FDA approves Spravato as monotherapy", "For resistant depression.", at=day(1)),
    told("J&J's Spravato gets FDA nod as standalone depression treatment", "The spray alone.", at=day(2)),
    told("FDA greenlights esketamine monotherapy", "For depression after two pills.", at=day(3)),
    told("Ketamine as good as ECT for severe depression, study finds", "403 patients took part.", at=day(1)),
    told("Ketamine noninferior to ECT in depression", "Trial of 403 adults at five sites.", at=day(2)),
    told("Regulator rejects MDMA-assisted therapy for PTSD", "The company must run another trial.", at=day(4)),
    told("FDA declines to approve MDMA treatment for PTSD", "One more late-stage study is needed.", at=day(5)),
    told("New ketamine clinic opens in Boise", "Infusions.", at=day(5)),
    told("New ketamine clinic opens in Tulsa", "Infusions for veterans.", at=day(6)),
    told("Suicide prevention month begins", "A county explains 988.", at=day(7)),
    told("Suicide prevention month begins", "A school invites parents.", at=day(7)),
]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_entries_does_not_change_stories(seed: int) -> None:
    """Any order of one file gives the same groups."""
    shuffled = random.Random(seed).sample(POOL, len(POOL))  # noqa: S311  # not a secret
    assert _groups(shuffled) == _groups(POOL)


def _groups(reports: list[Report]) -> set[frozenset[str]]:
    return {frozenset(reports[index].id for index in group) for group in cluster(reports)}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(POOL), st.sampled_from(POOL))
def test_comparing_is_the_same_in_both_directions(one: Report, other: Report) -> None:
    """Same verdict, same score."""
    there, back = compare(one, other), compare(other, one)
    assert (there.same, there.against, round(there.score, 9)) == (back.same, back.against, round(back.score, 9))


def test_the_pool_holds_the_stories_it_should() -> None:
    """Three approvals, two reports of one trial, two of one rejection; the rest stand alone."""
    assert sorted(map(len, _groups(POOL))) == [1, 1, 1, 1, 2, 2, 3]
