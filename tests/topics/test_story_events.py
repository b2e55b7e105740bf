"""Reports of one event in quite other words. The headlines are written for these tests."""

from __future__ import annotations

import pytest
from tests.topics.build import day, entry
from tests.topics.test_stories import told

from ketfeed.model import EntryKind, Tagging
from ketfeed.topics.stories import best_story, cluster, near_keys
from ketfeed.topics.story_rules import Report, compare, report


def of_kind(kind: EntryKind, title: str, summary: str = "", day_of_month: int = 3) -> Report:
    """A report of a kind, dated."""
    return told(title, summary, at=day(day_of_month), tagging=Tagging(kind=kind, relevant=True))


SAME: dict[str, tuple[Report, Report]] = {
    "a decision on a drug": (
        told("FDA approves first pill for postpartum depression", "Zurzuvae is taken for two weeks.", at=day(1)),
        told("Makers win nod for zuranolone in new mothers", "Shares fell all the same.", at=day(2)),
    ),
    "a refusal": (
        told("Regulators turn down MDMA for trauma", "Veterans had hoped for more.", at=day(1)),
        told("Lykos gets complete response letter for midomafetamine", "The firm will ask for a meeting.", at=day(3)),
    ),
    "a listing that pays for a drug": (
        told("Spravato joins the Pharmaceutical Benefits Scheme", "Patients save hundreds of dollars.", at=day(1)),
        told("Nasal spray subsidised from May", "The health department lists it for low mood.", at=day(2)),
    ),
    "a sale of a company": (
        told("Psychedelic firm Wesarra buys clinic business at last", "Ten sites change hands.", at=day(1)),
        told("Wesarra Acquires Bright Mind Infusions, Adding Ten Clinics", "The deal is in shares.", at=day(2)),
    ),
    "a case": (
        told("Grand jury indicts medics over the killing of Amos Tulley", "A sedative was injected.", at=day(1)),
        told("Paramedics charged in Amos Tulley's death", "The count is manslaughter.", at=day(2)),
    ),
    "a study and its news": (
        of_kind("research", "Ketamine for suicidal ideation: a midazolam-controlled trial", "One infusion, 80 adults."),
        of_kind("news", "Suicidal thoughts fade within hours, study shows", "Ketamine did more than midazolam."),
    ),
    "a number of people": (
        of_kind("news", "Repeated ketamine no help for PTSD", "A trial in 158 service members found no effect."),
        of_kind("news", "Ketamine fails to beat placebo in traumatised soldiers", "The 158-person study, on PTSD."),
    ),
    "a date that is moved": (
        told("DEA extends telehealth flexibilities", "Doctors may go on prescribing by video.", at=day(1)),
        told("Telemedicine rules get third extension from DEA", "Medicines can be ordered for a year.", at=day(2)),
    ),
    "a phase of a rare drug": (
        of_kind("press-release", "COMP360 meets primary endpoint in phase 3 psilocybin trial", "In hard depression."),
        of_kind("news", "Magic mushroom drug clears late-stage trial", "Depression scores fell; shares sank."),
    ),
}


@pytest.mark.parametrize("pair", SAME)
def test_the_same_deed_of_the_same_subject_is_one_story(pair: str) -> None:
    """Whatever else two reports of an event say, both tell what was done and to what."""
    one, other = SAME[pair]
    verdict = compare(one, other)
    assert verdict.same, (verdict, one.marks.events, other.marks.events, one.marks.findings, other.marks.findings)
    assert compare(other, one) == verdict
    assert verdict.reasons


@pytest.mark.parametrize("pair", SAME)
def test_reports_of_one_deed_share_a_key(pair: str) -> None:
    """A pair that no key finds is never compared."""
    one, other = SAME[pair]
    assert set(near_keys(one)) & set(near_keys(other))
    assert cluster([one, other]) == [[0, 1]]


OTHER: dict[str, tuple[Report, Report]] = {
    "another place": (
        told("FDA approves Spravato for resistant depression", "The spray is given in clinics.", at=day(1)),
        told("Brussels approves Spravato for resistant depression", "The spray is given in clinics.", at=day(2)),
    ),
    "another state": (
        told("Oregon legalizes psilocybin therapy", "Voters backed the measure.", at=day(1)),
        told("Colorado legalizes psilocybin therapy", "Voters backed the measure.", at=day(2)),
    ),
    "an advice beside a decision": (
        told("FDA panel backs esketamine", "The vote was 14 to 2.", at=day(1)),
        told("FDA approves esketamine", "It is the first new kind of antidepressant in decades.", at=day(20)),
    ),
    "a warning of another form": (
        told("FDA warns of compounded ketamine nasal spray", "Patients felt dissociated.", at=day(1)),
        told("FDA warns of compounded ketamine", "Telehealth firms sell tablets.", at=day(9)),
    ),
    "another use": (
        told("FDA approves Spravato for suicidal patients", "It acts within a day.", at=day(1)),
        told("FDA approves Spravato as monotherapy", "No pill is needed beside it.", at=day(9)),
    ),
    "another company": (
        told("Wesarra closes all ketamine clinics", "Patients found the doors locked.", at=day(1)),
        told("Nirvita closes all ketamine clinics", "Patients found the doors locked.", at=day(2)),
    ),
    "other people before a court of one town": (
        told(
            "Doctor from Los Angeles charged with giving patients ketamine",
            "He denies it; his clinic is shut.",
            at=day(1),
        ),
        told("Three dealers charged after raid in Los Angeles", "Deputies found a lab and ketamine.", at=day(2)),
    ),
    "other defendants": (
        told("Police officers convicted in Amos Tulley case", "The jury sat for a week.", at=day(1)),
        told("Paramedics convicted in Amos Tulley case", "The jury sat for a month.", at=day(20)),
    ),
    "other people of one case": (
        told("Dr Aldo Marsan pleads guilty in Tulley case", "The doctor admitted four counts.", at=day(1)),
        told("Dr Ines Kofler pleads guilty in Tulley case", "The doctor sold vials to a colleague.", at=day(20)),
    ),
    "another quarter": (
        told("Wesarra reports second quarter results", "The cash lasts to 2026.", at=day(1)),
        told("Wesarra reports third quarter results", "The cash lasts to 2026.", at=day(30)),
    ),
    "another day of one update": (
        told("Wesarra gives update on FDA application for ketamine", "The goal date is April 29.", at=day(1)),
        told("Wesarra gives update on FDA application for ketamine", "The goal date is October 29.", at=day(30)),
    ),
    "another sum": (
        told("Spravato sales reach $780 million", "A record for the spray.", at=day(1)),
        told("Spravato sales reach $1 billion", "A record for the spray.", at=day(30)),
    ),
    "an opening and an end": (
        told("Oregon's first psilocybin center opens", "In Eugene.", at=day(1)),
        told("Oregon's psilocybin centers close as demand falls", "Three shut in a month.", at=day(30)),
    ),
    "a study that begins": (
        of_kind("news", "Ketamine kept drinkers abstinent, trial shows", "Half stayed sober for six months."),
        of_kind("news", "Trial of ketamine for drinkers is recruiting", "It will test whether more stay abstinent."),
    ),
    "two papers with one comparator": (
        of_kind("research", "Ketamine or midazolam for suicidal ideation after surgery", "A randomized trial."),
        of_kind("research", "Midazolam-controlled ketamine in suicidal veterans", "A crossover trial."),
    ),
}


@pytest.mark.parametrize("pair", OTHER)
def test_deeds_of_one_kind_are_different_stories(pair: str) -> None:
    """Place, use, form, people and stage make another event of the same deed."""
    one, other = OTHER[pair]
    assert not compare(one, other).same, compare(one, other)
    assert cluster([one, other]) == [[0], [1]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            told(
                "FDA warns of compounded ketamine",
                "Products taken at home bring sedation, dissociation and misuse while nobody watches over breathing.",
            ),
            told(
                "FDA warns about compounded insulin pens",
                "Wrong doses were drawn from vials, and elderly diabetics went to hospital with sweats and tremor.",
            ),
            id="another drug",
        ),
        pytest.param(
            told("FDA warns of compounded ketamine", "Products taken at home bring sedation and misuse."),
            told("FDA warns compounding pharmacy in Ohio", "Ketamine vials were not sterile, says a letter."),
            id="one pharmacy",
        ),
        pytest.param(
            told("DEA proposes to end telehealth prescribing of ketamine", "Comments may be sent until spring."),
            told("DEA extends telehealth prescribing of ketamine", "Remote visits go on for one more year."),
            id="a proposal and a decision",
        ),
        pytest.param(
            told("Arvella completes enrollment in phase 2 study of ARV-3 in suicidality", "Results come in autumn."),
            told("Arvella tells topline results of phase 2 study of ARV-3 in suicidality", "Scores fell in a day."),
            id="the last participant and the results",
        ),
    ],
)
def test_warnings_proposals_and_enrolments_are_stories_of_their_own(one: Report, other: Report) -> None:
    """Who is warned, what was only proposed and how far a study is make another event."""
    assert not compare(one, other).same, compare(one, other)
    assert cluster([one, other]) == [[0], [1]]


def test_a_front_page_is_nobodys_page() -> None:
    """Entries that link only to their site are not one page."""
    front = [
        report(entry(title, id=title, source_id=title, canonical_link="video.example"), Tagging(kind="video"))
        for title in ("Two years of ketamine and bipolar", "Grand rounds on depression")
    ]
    assert all(made.link is None for made in front)
    assert not compare(*front).same
    page = report(entry("A talk", canonical_link="video.example?v=1"), Tagging(kind="video"))
    assert page.link == "link:video.example?v=1"


def test_an_equal_odd_number_of_people_outweighs_the_kind() -> None:
    """A clinic's page on a trial of 403 patients is about that trial; one of 400 may be about another."""
    for people, same in (("403", True), ("400", False)):
        paper = of_kind("research", "Ketamine versus ECT for hard depression", f"In {people} patients, at five sites.")
        page = of_kind(
            "provider", "Our clinic trusts it more than shock therapy", f"Ketamine helped {people} patients."
        )
        assert compare(paper, page).same is same, compare(paper, page)


ENDS = ("for hard depression", "in clinics", "at last")


def outlets(*figures: str) -> list[Report]:
    """Reports of one approval, each with a figure in its title."""
    makers = ("", " for hard depression", " in clinics", " at last", " after long review")
    return [
        told(f"FDA approves esketamine as monotherapy{makers[number]}, {figure} million wait", at=day(number + 1))
        for number, figure in enumerate(figures)
    ]


def test_of_many_outlets_one_may_have_another_figure() -> None:
    """One doubt of four members is borne, in a file and in the store; of two members none is."""
    odd = told("FDA approves esketamine as monotherapy, 19 million wait", at=day(5))
    four = [*outlets("21", "21", "21"), told("FDA approves esketamine as monotherapy after long review", at=day(4))]
    doubted_once = [
        outlets("21")[0],
        *(told(f"FDA approves esketamine as monotherapy {end}", at=day(2)) for end in ENDS),
    ]
    assert cluster([*doubted_once, odd]) == [[0, 1, 2, 3, 4]]
    assert best_story(odd, {"story": doubted_once}) is not None
    assert best_story(odd, {"story": four}) is None
    doubt = compare(outlets("21")[0], odd)
    assert doubt.against
    assert doubt.doubt
    assert cluster([outlets("21")[0], odd]) == [[0], [1]]
