"""May two entries be one story? What speaks for it, and what speaks against it whatever else agrees.

    for       the same identifier · the same page · (nearly) the same title · alike titles and leads
    against   dates too far apart · different papers · different figures · another stage of a case · another agency ·
              a condition only one of them names · a thing that comes again (awareness months, reviews) ·
              an explainer beside a report · one source's two different items

Thresholds stand here, with what they were set for; those of evidence in story_evidence.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from ketfeed.model import EntryKind
from ketfeed.topics.sketch import Sketch, lead_overlap, mass, overlap, weight
from ketfeed.topics.story_events import (
    ADDRESSED,
    CASES,
    DEEDS,
    DISORDERS,
    FEW_STUDIES,
    ONE_BY_ONE,
    RARE_ROLES,
    RESULTS,
    STUDY,
    TOLD_RESULTS,
)
from ketfeed.topics.story_evidence import RELATED, echoed, of_a_series, other_payer, other_subject, share_enough
from ketfeed.topics.story_report import PAPERS, Concepts, Marks, Report, may_be_equal, report

__all__ = ["WINDOW", "Report", "Verdict", "compare", "report"]

WINDOW = timedelta(days=45)
"""How far apart two reports of one event may be; identifiers and links join without a bound.

Republished releases and local versions of agency copy were seen up to five weeks later."""

TITLE_ALIKE = 0.8
"""Titles of two copies of one paper or release."""

LEAD_ALIKE = 0.25
"""What the leads of such copies share at least."""

TITLE_MASS = 1.9
"""What an equal title must say before it is the name of one thing ("OCD and ketamine" is not)."""

EVENT_SCORE = 0.4
"""0.4 × title + 0.6 × lead for two reports of one event in other words."""

SHARED_MASS = 2.0
"""Informative concepts two reports must share: two names, or a name and two half-common words."""

FIGURE_BONUS = 0.12
"""An equal number of people studied says that it is the same trial, an equal sum of money the same deal."""

NEWS_DAYS = timedelta(days=3)
NEWS_BONUS = 0.03
"""Two dated reports of these days are likelier to be about one event than two of one month."""

RECORD_TITLE = 0.55
"""Titles of one trial in two registers, the official and the public one."""

EVERGREEN_TITLE = 0.55
"""Guides, opinions and clinics' pages have their own subject unless the title says it is the event's."""

TOLD_SCORE = 0.12
"""Two titles that tell the same deed of the same subject need no more than this besides."""

DEATH_SCORE = 0.3
"""A death is told of again with every charge and anniversary."""

FOUND_SCORE = 0.19
"""A study and its news, which name the same drug, disorder and detail of the study."""

NEVER = 2.0
ABROAD_SCORE = 0.08  # the same when they name the country of the study besides a disorder few study
COVERAGE_SCORE = 0.6  # a paper and its coverage without shared figures or people
EXPLAINER_SCORE = 0.7  # everybody's own explainer
EVERGREEN_SCORE = 0.55
AGAIN_ALIKE = 0.6  # leads of one announcement of a thing that comes again, republished

_DOORS = frozenset({"open", "close"})
_ANNOUNCED = frozenset({"approve", "recommend", "reject"})
_EVERGREEN: frozenset[EntryKind] = frozenset({"guide", "opinion", "provider"})


class Verdict(NamedTuple):
    """Whether two reports are one story, how strongly, and why."""

    same: bool = False
    against: bool = False
    doubt: bool = False  # what speaks against it is a word or a figure: one of several members may have it
    score: float = 0.0
    reasons: tuple[str, ...] = ()


def compare(one: Report, other: Report, *, words: bool = True) -> Verdict:
    """Whether two reports are one story; the same in both directions.

    words False: leave the shared words out of the reasons; finding the most telling ones takes as long as the rest.
    """
    known = _same_by_key(one, other)
    if known is not None:
        return known
    equal = bool(one.marks.title) and one.marks.title == other.marks.title
    against = _against(one, other, equal=equal)
    if against:
        return Verdict(against=True, reasons=(against,))
    doubt = "" if equal else _doubt(one.marks, other.marks)
    if doubt:
        return Verdict(against=True, doubt=True, reasons=(doubt,))
    if one.kind == other.kind == "trial-record" and one.identifiers & other.identifiers:
        shared = min(one.identifiers & other.identifiers)
        return Verdict(same=True, score=2.2, reasons=(f"records of one trial, {shared}",))
    shared_title = mass(one.marks.sketch.title & other.marks.sketch.title)
    if equal and (shared_title >= TITLE_MASS or (one.host and _site(one.host) == _site(other.host))):
        return Verdict(same=True, score=2.0, reasons=("equal titles",))
    return _alike(one, other, shared_title, words)


def _same_by_key(one: Report, other: Report) -> Verdict | None:
    """One story by an identifier, a page, or the paper that coverage names."""
    if one.papers and (papers := one.papers & other.papers):
        return Verdict(same=True, score=3.0, reasons=(f"same identifier {min(papers)}",))
    if one.link is not None and one.link == other.link:
        return Verdict(same=True, score=2.5, reasons=(f"same page {one.link[5:]}",))
    if one.cited or other.cited:
        covered = one.papers & other.cited | other.papers & one.cited | one.cited & other.cited
        if covered:
            return Verdict(same=True, score=2.4, reasons=(f"coverage of the paper {min(covered)}",))
    return None


def _site(host: str) -> str:
    """The last two labels of a host: copies on a test server are of one publisher."""
    return ".".join(host.split(".")[-2:])


# ---------------------------------------------------------------- for


def _alike(one: Report, other: Report, shared_title: float, words: bool) -> Verdict:
    """Judge by words: papers by their titles, reports of events by titles and leads."""
    marks, others = one.marks, other.marks
    mine, theirs = marks.sketch, others.sketch
    shared_lead = mass(mine.lead & theirs.lead)
    title = overlap(shared_title, mine.title_mass, theirs.title_mass)
    lead = overlap(shared_lead, mine.lead_mass, theirs.lead_mass)
    numbers = marks.samples and marks.samples & others.samples
    figures = numbers or (marks.amounts and marks.amounts & others.amounts)
    fresh = _fresh(one, other)
    score = 0.4 * title + 0.6 * lead + (FIGURE_BONUS if figures else 0.0) + (NEWS_BONUS if fresh else 0.0)
    score = round(score, 6)  # sums over sets differ in the last bits from process to process
    if shared_title >= TITLE_MASS:
        copies = title >= TITLE_ALIKE and lead >= LEAD_ALIKE
        if copies and one.kind in PAPERS and other.kind in PAPERS and _each_has_its_own(marks, others):
            copies = False
        if copies or _contained(mine, theirs):
            named = _words(mine, theirs) if words else ""
            return Verdict(same=True, score=1.0 + score, reasons=(f"titles alike ({title:.0%}): {named}",))
    told = marks.events and marks.events & others.events
    if told and score >= _told_score(one, other, told):
        return Verdict(same=True, score=score, reasons=(f"both tell: {', '.join(sorted(told))}",))
    found = marks.findings and marks.findings & others.findings
    if found and not fresh:
        found = frozenset(finding for finding in found if not finding.startswith(STUDY))
    if not found and numbers and mine.lead & theirs.lead & DISORDERS:
        found = frozenset(f"{number} people" for number in numbers if _is_odd(number))
    if found:
        least = ABROAD_SCORE if any(finding.partition(" ")[0] in FEW_STUDIES for finding in found) else FOUND_SCORE
        if score >= least and _study_and_news(one, other):
            return Verdict(same=True, score=score, reasons=(f"news of one study: {', '.join(sorted(found))}",))
    few = score < EVENT_SCORE or shared_lead + (1.0 if figures else 0.0) < SHARED_MASS
    if few or score < _needed(one, other, title, bool(numbers)) or (not figures and of_a_series(mine, theirs)):
        return _by_evidence(one, other, score, words)
    reasons = [f"same report in other words ({score:.0%}): {_words(mine, theirs) if words else ''}"]
    if figures:
        reasons.append(f"same figure: {min(figures)}")
    return Verdict(same=True, score=score, reasons=tuple(reasons))


def _by_evidence(one: Report, other: Report, score: float, words: bool) -> Verdict:
    """Judge by what one title tells and the other lead names, and by how much they share that few others have."""
    told = echoed(one, other) if score >= RELATED else None
    if not told and (score < RELATED or not share_enough(one, other)):
        return Verdict(score=score)
    named = _words(one.sketch, other.sketch) if words else ""
    reason = f"both tell: {', '.join(sorted(told))}" if told else f"much that few reports share: {named}"
    return Verdict(same=True, score=min(score, EVENT_SCORE), reasons=(reason,))


def _other_disorder(mine: Marks, theirs: Marks) -> bool:
    """Whether two titles name disorders, and no common one."""
    left, right = mine.sketch.title & DISORDERS, theirs.sketch.title & DISORDERS
    return bool(left and right) and not left & right


def _told_score(one: Report, other: Report, told: Concepts) -> float:
    """What two reports of one deed need besides: papers are of studies, a guide of a death may come years later."""
    if one.kind in PAPERS and other.kind in PAPERS:
        return NEVER
    deeds = [event.split(" ", 1) for event in sorted(told)]
    if any(deed not in CASES and deed != "die" for deed, _ in deeds):
        return NEVER if deeds[0][0] == "acquire" and of_a_series(one.sketch, other.sketch) else TOLD_SCORE
    subjects = {subject for _, subject in deeds}
    few = len(subjects) < CASES.get(deeds[0][0], 2)
    if {one.kind, other.kind} & _EVERGREEN or (few and not subjects & RARE_ROLES):
        return NEVER  # a name alone may be a town's
    return DEATH_SCORE if deeds[0][0] == "die" else TOLD_SCORE


def _study_and_news(one: Report, other: Report) -> bool:
    """Whether both tell of a study's results and one at least is no paper itself."""
    if (one.kind in PAPERS and other.kind in PAPERS) or one.marks.begins != other.marks.begins:
        return False
    kinds = {one.kind, other.kind}
    return not kinds & _EVERGREEN and bool(
        kinds & PAPERS or (one.sketch.lead & RESULTS and other.sketch.lead & RESULTS)
    )


def _each_has_its_own(mine: Marks, theirs: Marks) -> bool:
    """Whether each title tells something the other report does not: two analyses of one trial."""
    return all(
        any(weight(word) >= 1.0 for word in named.sketch.title - silent.sketch.lead)
        for named, silent in ((mine, theirs), (theirs, mine))
    )


def _fresh(one: Report, other: Report) -> bool:
    """Whether both have a date of their own, to the day, and the same days."""
    if not (one.dated and other.dated) or one.earliest != one.latest or other.earliest != other.latest:
        return False
    return one.earliest is not None and other.earliest is not None and abs(one.earliest - other.earliest) <= NEWS_DAYS


def _words(mine: Sketch, theirs: Sketch) -> str:
    """The most telling shared concepts, for a person."""
    shared = mine.lead & theirs.lead
    return ", ".join(sorted(sorted(shared), key=weight, reverse=True)[:6])


def _needed(one: Report, other: Report, title: float, numbers: bool) -> float:
    """The score two reports need to be one story; above 1 means never by words alone."""
    papers = (one.kind in PAPERS) + (other.kind in PAPERS)
    if (
        one.kind == other.kind == "trial-record"
        and title >= RECORD_TITLE
        and not _other_disorder(one.marks, other.marks)
    ):
        return EVENT_SCORE
    if papers == 2:
        return NEVER
    if papers == 1 and not numbers and not one.sketch.names & other.sketch.names:
        return COVERAGE_SCORE
    if any(map(_is_odd, one.marks.samples & other.marks.samples)):
        return EVENT_SCORE
    evergreen = (one.kind in _EVERGREEN) + (other.kind in _EVERGREEN)
    if (one.marks.explains and other.marks.explains) or (evergreen == 2 and title < TITLE_ALIKE):
        return EXPLAINER_SCORE
    return EVERGREEN_SCORE if evergreen and title < EVERGREEN_TITLE else EVENT_SCORE


def _is_odd(number: str) -> bool:
    """Whether few studies have just so many people: 403, not 400 or 40."""
    return len(number) > 2 and not number.endswith("0")


def _contained(one: Sketch, other: Sketch) -> bool:
    """One title is the other's beginning: a paper without and with its subtitle."""
    short, long = sorted((one.order, other.order), key=len)
    return len(short) >= 5 and long[: len(short)] == short


# ---------------------------------------------------------------- against


def _against(one: Report, other: Report, *, equal: bool) -> str:
    """The first thing that speaks against one story, or nothing."""
    mine, theirs = one.marks, other.marks
    reason = _dates_apart(one, other, equal) or _other_paper(one, other, equal)
    if reason:
        return reason
    if mine.recurs and theirs.recurs and not (equal and lead_overlap(mine.sketch, theirs.sketch) >= AGAIN_ALIKE):
        return "a thing that comes again"
    if mine.days and theirs.days and not mine.days & theirs.days:
        return f"another day: {min(mine.days)}, {min(theirs.days)}"
    if equal:
        return ""
    if one.source == other.source or (one.host and one.host == other.host):
        return "two items of one source"
    reason = other_payer(one, other) or other_subject(mine.sketch, theirs.sketch)
    reason = reason or _other_stage(mine, theirs) or _other_decision(mine, theirs)
    return reason or _same_headline(mine, theirs)


def _doubt(mine: Marks, theirs: Marks) -> str:
    """What only one report says, or says otherwise, and what one outlet of many may get wrong or leave out."""
    if mine.explains != theirs.explains:
        return "an explainer beside a report"
    return _other_figures(mine, theirs) or _only_one(mine, theirs) or _only_one(theirs, mine)


def _dates_apart(one: Report, other: Report, equal: bool) -> str:
    if one.earliest is None or other.earliest is None or one.latest is None or other.latest is None:
        return ""
    gap = max(one.earliest, other.earliest) - min(one.latest, other.latest)
    if gap <= WINDOW or (equal and not (one.dated and other.dated)):
        return ""
    return f"published {gap.days} days apart"


def _other_paper(one: Report, other: Report, equal: bool) -> str:
    """Different papers or trials. A preprint and its paper have two DOIs and one title."""
    if not one.identifiers or not other.identifiers:
        return ""
    for scheme in ("doi:", "pmid:", "nct:"):
        mine = {identifier for identifier in one.identifiers if identifier.startswith(scheme)}
        theirs = {identifier for identifier in other.identifiers if identifier.startswith(scheme)}
        if mine and theirs and not mine & theirs and not (equal and scheme == "doi:"):
            return f"different papers: {min(mine)}, {min(theirs)}"
    return ""


def _other_figures(mine: Marks, theirs: Marks) -> str:
    if mine.samples and theirs.samples and not may_be_equal(mine.samples, theirs.samples):
        return f"different numbers of people: {min(mine.samples)}, {min(theirs.samples)}"
    if mine.numbers and theirs.numbers and not mine.numbers & theirs.numbers:
        return f"different figures in the title: {min(mine.numbers)}, {min(theirs.numbers)}"
    return ""


def _other_stage(mine: Marks, theirs: Marks) -> str:
    """A charge, a plea and a sentence are three stories of one case; a study's start and its results are two."""
    if mine.begins != theirs.begins:
        results = theirs if mine.begins else mine
        if results.sketch.title & TOLD_RESULTS:
            return "only one tells results"
    if mine.stage != theirs.stage:
        if mine.stage and theirs.stage:
            return f"another stage: {mine.stage}, {theirs.stage}"
        told = mine.told or theirs.told
        if told:
            return f"only one tells a {told}"
    if mine.told and mine.told == theirs.told and mine.told in ONE_BY_ONE:
        left, right = (
            {name for name in named.sketch.names & named.sketch.title - silent.sketch.lead if weight(name) >= 1.0}
            for named, silent in ((mine, theirs), (theirs, mine))
        )
        if left and right:
            return f"other people: {min(left)}, {min(right)}"
    return ""


_DECIDED = frozenset(DEEDS) - {"submit", "panel", "warn"}


def _other_decision(mine: Marks, theirs: Marks) -> str:
    """What was decided, where and about what."""
    left, right = mine.sketch, theirs.sketch
    if mine.actions and theirs.actions and not (mine.actions & right.lead or theirs.actions & left.lead):
        return _other("event", mine.actions, theirs.actions)
    for plan, deed in ((left, right), (right, left)):
        if "propose" in plan.title and "propose" not in deed.lead and deed.title & _DECIDED - plan.title:
            return "only one tells a proposal"
    if "warn" in left.title and "warn" in right.title:
        ours, others = left.title & ADDRESSED, right.title & ADDRESSED
        if (ours or others) and not (ours & right.lead or others & left.lead):
            return f"only one warns a {min(ours | others)}"
    if left.title & _DOORS and right.title & _DOORS and not left.title & right.title & _DOORS:
        return "another event: open, close"
    return _other_words(mine, theirs)


def _other_words(mine: Marks, theirs: Marks) -> str:
    """Words of one sort that both titles say, and other ones. Each is asked for by itself: most reports have none."""
    if mine.periods and theirs.periods and not mine.periods & theirs.periods:
        return _other("period", mine.periods, theirs.periods)
    if mine.roles and theirs.roles and not mine.roles & theirs.roles:
        return _other("defendant", mine.roles, theirs.roles)
    if mine.states and theirs.states and not mine.states & theirs.states:
        return _other("state", mine.states, theirs.states)
    if mine.outcomes and theirs.outcomes and not mine.outcomes & theirs.outcomes:
        return _other("outcome", mine.outcomes, theirs.outcomes)
    if mine.phases and theirs.phases and not mine.phases & theirs.phases:
        return _other("phase", mine.phases, theirs.phases)
    if mine.places and theirs.places and not mine.places & theirs.places:
        return _other("place", mine.places, theirs.places)
    if mine.negated != theirs.negated:
        return "one says it will not happen"
    return ""


def _other(name: str, mine: Concepts, theirs: Concepts) -> str:
    return f"another {name}: {min(mine)}, {min(theirs)}"


def _same_headline(mine: Marks, theirs: Marks) -> str:
    """One headline about two things: "Clinic opens in Boise", "Clinic opens in Tulsa"."""
    left, right = mine.sketch.order, theirs.sketch.order
    if len(left) != len(right) or len(left) < 3:
        return ""
    differing = [place for place in range(len(left)) if left[place] != right[place]]
    if not 1 <= len(differing) <= len(left) // 3:
        return ""
    for place in differing:
        one, other = left[place], right[place]
        named = place == 0 or (one in mine.sketch.names and other in theirs.sketch.names)
        own = one not in theirs.sketch.lead and other not in mine.sketch.lead
        if named and own and min(weight(one), weight(other)) >= 1.0:
            return f"one headline about two things: {one}, {other}"
    return ""


def _only_one(named: Marks, silent: Marks) -> str:
    """What one report is about and the other does not name."""
    if named.scopes and named.actions & _ANNOUNCED and silent.actions & _ANNOUNCED:
        only = named.scopes - silent.sketch.lead
        if only and (only & named.sketch.title or silent.sketch.lead != silent.sketch.title):
            return f"only one decision is about {min(only)}"
    if named.qualifiers <= silent.sketch.lead:
        return ""
    return f"only one is about {min(named.qualifiers - silent.sketch.lead)}"
