"""Reports that share what few others have. The headlines are written for these tests."""

from __future__ import annotations

import pytest
from tests.topics.build import day, entry
from tests.topics.test_stories import told
from tests.topics.test_story_events import of_kind

from ketfeed.model import Tagging
from ketfeed.topics.frequent import share
from ketfeed.topics.stories import NEAR_KEYS, cluster, near_keys
from ketfeed.topics.story_evidence import ENOUGH, echoed, evidence, share_enough
from ketfeed.topics.story_report import may_be_equal
from ketfeed.topics.story_rules import WINDOW, Report, compare, report

SAME: dict[str, tuple[Report, Report]] = {
    "a company and a place": (
        told(
            "Wesarra brings ketamine to Quonset shipyard",
            "Welders asked for it after a hard winter of double shifts, frozen cranes, unpaid rent and a strike.",
        ),
        told(
            "Quonset shipyard tries Wesarra's drips",
            "Ketamine infusions, says the foreman, help folk worn out by debt, gout, divorce and night watches.",
        ),
    ),
    "a person and a disorder": (
        told(
            "Amos Tulley says ketamine ended his OCD",
            "The singer spoke in Oslo about locks, taps, washed hands and a tour that broke off in a hotel corridor.",
        ),
        told(
            "OCD gone at last: Amos Tulley thanks a nurse",
            "Ketamine gave him back his evenings, he told Brandvold on a stage between two ballads and a waltz.",
        ),
    ),
    "a paper and its news": (
        of_kind(
            "research",
            "Ketamine in the Wesarra cohort with bipolar illness",
            "Adults had six infusions over three weeks while raters counted sleep, appetite, tempo and daily steps.",
        ),
        of_kind(
            "news",
            "Bipolar moods lift in Wesarra cohort",
            "Ketamine helped half of them, says a team that walked from farm to farm with scales, forms and patience.",
        ),
    ),
}

OTHER: dict[str, tuple[Report, Report]] = {
    "only frequent words": (
        told("Doctors in the UK ask for ketamine and OCD", "A Bristol ward has long offered treatment to neighbours."),
        told("Government of the UK: ketamine for OCD", "Ministers weigh a petition that nine thousand signed."),
    ),
    "nothing of this field": (
        told("Wesarra brings robots to Quonset shipyard", "Welders asked for it after a hard winter of double shifts."),
        told(
            "Shipyard tries Wesarra's arms",
            "Machines, says the foreman, are meant for people worn out by debt and divorce.",
        ),
    ),
    "two papers": (
        of_kind("research", "Ketamine in the Wesarra cohort with bipolar illness", "Adults had six infusions."),
        of_kind("research", "Wesarra cohort: bipolar disorder, sleep and ketamine", "Children kept diaries."),
    ),
    "an opinion": (
        told("Wesarra brings ketamine to Quonset shipyard", "Welders asked for it."),
        of_kind("opinion", "Shipyard tries Wesarra's drips", "Ketamine for burnt-out welders."),
    ),
    "an explainer": (
        told("Wesarra brings ketamine to Quonset shipyard", "Welders asked for it."),
        told("Why Wesarra's drips are at the Quonset shipyard", "Ketamine for burnt-out welders."),
    ),
    "pleas of two people": (
        told(
            "Quonset chemist pleads guilty over theft of ketamine vials",
            "He is to lose his licence after years of debt and lies.",
        ),
        told(
            "Plea deal: mother of three sold ketamine vials on Quonset docks",
            "A welder and choir singer aged fifty, she trusted buyers whom neighbours had warned her of.",
        ),
    ),
    "different deeds of one company": (
        told("Quonset Wesarra submits ketamine for OCD", "The agency has ten months to read, and shares barely moved."),
        told(
            "Wesarra's OCD trial of ketamine fails at Quonset", "Analysts had hoped that nurses would be proven right."
        ),
    ),
    "openings of one company": (
        told(
            "Wesarra to open ketamine site with Quonset choir", "Neighbours in Boise were asked for names and wishes."
        ),
        told("Quonset's Wesarra opens: ketamine by the Danube", "The mayor of Linz cut a ribbon while pupils sang."),
    ),
    "studies that one person begins": (
        told("Quonset hospital seeks volunteers for ketamine and PTSD", "Amos Tulley will study sleep in veterans."),
        told("Ketamine trial to recruit at Wesarra", "Amos Tulley will study PTSD in nurses."),
    ),
}


@pytest.mark.parametrize("pair", SAME)
def test_rare_words_together_make_one_story(pair: str) -> None:
    """What few reports have, added up, is evidence enough, in both directions and with a reason."""
    one, other = SAME[pair]
    verdict = compare(one, other)
    assert verdict.same
    assert verdict.reasons[0].startswith("much that few reports share: ")
    assert compare(other, one) == verdict
    assert evidence(one.sketch, other.sketch) == evidence(other.sketch, one.sketch) >= ENOUGH
    assert cluster([one, other]) == [[0, 1]]


@pytest.mark.parametrize("pair", OTHER)
def test_what_the_rules_except_is_not_joined_by_evidence(pair: str) -> None:
    """Neither frequent words nor another field, and no kind of report that has its own subject."""
    one, other = OTHER[pair]
    assert not share_enough(one, other)
    assert not compare(one, other).same
    assert cluster([one, other]) == [[0], [1]]


def test_words_count_most_in_both_titles() -> None:
    """One word in both titles, in one, in none: each counts less, and a condition counts besides."""
    first = told("Wesarra and ketamine").sketch
    places = [
        told("Ketamine at Wesarra").sketch,
        told("Ketamine again", "At Wesarra.").sketch,
        told("Ketamine again", "At Quonset.").sketch,
    ]
    found = [evidence(first, other) for other in places]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[1] > found[2] == 0.0
    ocd = told("Wesarra and ketamine for OCD").sketch
    assert evidence(ocd, told("Ketamine at Wesarra for OCD").sketch) > evidence(ocd, places[0])


def test_evidence_never_outweighs_a_contradiction() -> None:
    """Another figure or dates too far apart part what shares any number of rare words."""
    one = told("Wesarra brings ketamine to Quonset shipyard for 40 million", "Welders asked for it.", at=day(1))
    other = "Shipyard in Quonset tries Wesarra's drips"
    assert compare(one, told(other, "Ketamine, the foreman says.", at=day(30))).same
    assert compare(one, told(f"{other} for 70 million", "Ketamine, the foreman says.", at=day(30))).against
    assert compare(one, told(other, "Ketamine, the foreman says.", at=day(30) + WINDOW)).against


def test_shares_fall_with_frequency() -> None:
    """Everywhere, often, at times, hardly ever; years say nothing and numbers little."""
    words = ("ketamine", "hospital", "lozenge", "wesarra")
    assert [share(word) for word in words] == [0.0, 0.4, 0.7, 1.0]
    assert share("2024") == 0.0
    assert share("63") == 0.4


def test_each_country_pays_for_itself() -> None:
    """A drug reimbursed in two countries is two stories, told by name or by the outlets' homes."""
    spain = told("Sanidad financia la esketamina", "Para la depresión resistente.", at=day(1))
    named = told("Spravato joins the Pharmaceutical Benefits Scheme", "Australia pays from May.", at=day(2))
    page = entry("Spravato joins the Pharmaceutical Benefits Scheme", link="https://news.example.au/x", source_id="au")
    at_home = report(page, Tagging(kind="news", relevant=True), day(2))
    assert at_home.countries == {"australia"}
    for other in (named, at_home):
        assert not compare(spain, other).same
    assert compare(named, at_home).same
    assert told("Spravato is reimbursed").countries == frozenset()


def test_a_study_is_known_by_its_country() -> None:
    """Few countries have two studies of ketamine and suicide in six weeks; China and other large ones have many."""
    news = "Crise suicidaire : la kétamine efficace"
    for country, adjective, same in (
        ("France", "French", True),
        ("Spain", "French", False),
        ("China", "Chinese", False),
    ):
        paper = of_kind(
            "research", "Ketamine for severe suicidal ideation: randomised trial", f"156 {adjective} adults.", 1
        )
        told_of = of_kind("news", news, f"Un essai mené en {country}, selon les auteurs, calme vite.", 20)
        assert compare(paper, told_of).same is same, (country, compare(paper, told_of))


APART: dict[str, tuple[str, str, str]] = {
    "another condition": (
        "Wesarra granted orphan status for ketamine in Rett syndrome",
        "Wesarra granted orphan status for ketamine in epilepsy",
        "another condition: autism, epilepsy",
    ),
    "another end of a study": (
        "Wesarra psilocybin trial meets goal", "Wesarra psilocybin trial delayed again", "another end: meet, delay",
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", APART)
def test_titles_that_name_different_conditions_or_ends_part_stories(pair: str) -> None:
    """Unless the other report names it too: news of a trial in OCD may say that one in autism failed."""
    first, second, reason = APART[pair]
    one = told(first, "Shares rose on the day.")
    assert compare(one, told(second, "The firm said so on Monday.")).reasons in {(reason,), (_turned(reason),)}
    both = told(second, f"Before that: {first}.")
    assert compare(one, both).reasons != (reason,)
    assert not compare(one, both).against


def _turned(reason: str) -> str:
    name, _, two = reason.partition(": ")
    left, _, right = two.partition(", ")
    return f"{name}: {right}, {left}"


def test_purchases_of_one_company_are_each_a_story() -> None:
    """Two titles that tell that it buys, each of another seller, are not one deed."""
    one = told("Wesarra acquires Quonset clinics", "Ten sites change hands in May.")
    assert not compare(one, told("Wesarra buys out Tulley's centers", "A firm in Linz is sold to the chain.")).same
    assert compare(one, told("Wesarra acquires clinics of Quonset", "The deal is in shares.")).same


def test_the_first_patient_of_a_study_is_not_its_result() -> None:
    """A study begins when the first patient is dosed."""
    begun = told("Wesarra doses first patient in ketamine study", "Shares rose on the day.")
    assert begun.marks.begins
    assert not compare(begun, told("Wesarra reports results of ketamine study", "The firm said so on Monday.")).same


def test_a_deed_may_be_told_in_the_lead_alone() -> None:
    """One title tells who decided what, the other report says so in its lead and tells no other deed."""
    title = told("FDA panel rejects MDMA for PTSD", "Nine of eleven saw too many gaps in what was handed in by Lykos.")
    lead = told("Psychedelic therapy suffers a blow", "Advisers doubt ecstasy trials in PTSD of veterans.")
    assert compare(title, lead).reasons == ("both tell: panel mdma",)
    for kind in ("opinion", "research"):
        apart = of_kind(kind, "Psychedelic therapy suffers a blow", "Advisers doubt ecstasy trials in trauma.")
        assert not echoed(title, apart)
    assert not echoed(title, told("Why psychedelic therapy suffers", "Advisers doubt ecstasy trials in trauma."))
    own = told("FDA approves zuranolone for new mothers", "Advisers doubt ecstasy trials in trauma of veterans.")
    assert not echoed(title, own)
    assert not compare(title, own).same


def test_a_brand_that_is_approved_is_known_by_how_it_is_written() -> None:
    """A name with two capitals is one even as first word; in a title in capitals no word is."""
    made = told("WESARRX gets nod after three years", "Shares of the small firm jumped.")
    assert "approve wesarrx" in made.marks.events
    assert not told("WESARRX GETS NOD AFTER THREE YEARS", "Shares jumped.").marks.events
    other = told("Drug maker receives approval for ketamine", "Its vial, WESARRX, is for surgery in hospitals.")
    assert compare(made, other).same
    assert not compare(made, told("Drug maker receives approval for ketamine", "Its vial is for surgery.")).same


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Forty-one patients had one infusion.", {"41"}),
        ("Eighteen people on lithium", {"18"}),
        ("in twenty healthy volunteers", {"20"}),
        ("Canteen staff and teen patients", set()),
    ],
)
def test_people_are_counted_in_words_too(text: str, people: set[str]) -> None:
    """A sentence begins with no figure, so numbers of people are often words."""
    assert told("Ketamine again", text).marks.samples == people


def test_outlets_round_numbers_of_people() -> None:
    """1,200 and 1,300 are 1,247 in round figures, 1,250, 1,400 or 12,000 are not, and small numbers are exact."""
    assert may_be_equal(frozenset({"1247"}), frozenset({"1200"}))
    assert may_be_equal(frozenset({"1300"}), frozenset({"9", "1247"}))
    for other in ("1250", "1400", "12000"):
        assert not may_be_equal(frozenset({"1247"}), frozenset({other}))
    assert not may_be_equal(frozenset({"40"}), frozenset({"41"}))
    paper = of_kind("research", "Ketamine at home for anxiety", "A cohort of 1,247 patients.")
    assert not compare(paper, told("Home ketamine eases anxiety", "So say 1,200 patients.")).against
    assert compare(paper, told("Home ketamine eases anxiety", "So say 1,400 patients.")).against


def test_names_of_the_title_are_keys_before_those_of_the_lead() -> None:
    """Of a death told with many names the title's come first, for there are few keys."""
    made = told("Tulley died of ketamine", "Aaron Abbott, Bea Carver, Cora Dunn and Emma Flint of Quonset mourn.")
    assert "e:die tulley" in near_keys(made)


def test_rare_words_are_keys_and_frequent_ones_are_not() -> None:
    """Two reports that share one unusual word meet by it, wherever a name stands; there are never more keys."""
    title = near_keys(told("Wesarra eases stage fright", "Shares rose after a speech test with many people."))
    lead = near_keys(told("Spray meets its goal", "On Monday the firm Wesarra said that shy people spoke more."))
    assert "w:wesarra" in title
    assert "w:wesarra" in lead
    frequent = near_keys(told("Hospital trial of ketamine for depression in patients", "Doctors ask for funds."))
    assert not [key for key in frequent if key.startswith("w:")]
    assert {len(title), len(lead), len(frequent)} == {NEAR_KEYS}
