"""May two entries be one story? What speaks for it, and what speaks against it whatever else agrees.

    for       the same identifier · the same page · (nearly) the same title · alike titles and leads
    against   dates too far apart · different papers · different figures in the title · another stage of a case ·
              a condition only one of them names · a thing that comes again (awareness months, reviews) ·
              an explainer beside a report · one source's two different items

All thresholds stand here, with what they were set for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from ketfeed.model import Entry, EntryKind, Tagging
from ketfeed.topics.identify import main_identifiers
from ketfeed.topics.sketch import Sketch, lead_overlap, mass, sketch, title_overlap, weight
from ketfeed.topics.terms import fold

WINDOW_DAYS = 45

TITLE_ALIKE = 0.8
"""Titles of two copies of one paper or release."""

EVENT_SCORE = 0.4
"""0.4 × title + 0.6 × lead for two reports of one event in other words."""

SHARED_MASS = 2.0
"""Informative concepts two reports must share: two names, or a name and two half-common words."""

RECORD_TITLE = 0.55
"""Titles of one trial in two registers, the official and the public one."""

EVERGREEN_TITLE = 0.55
"""Guides, opinions and clinics' pages have their own subject unless the title says it is the event's."""

MOST_CITED = 2
"""Identifiers of one paper (DOI and PMID) that coverage of it gives."""

_PUBLISHER = re.compile(r"(?<=\w{4})\s+[-|]\s+(?:[A-Z0-9][\w.&'’]*\s?(?:of |the |and )?){1,5}$")
"""" - The New York Times" at the end of a title: news searches put it there."""

TITLE_MASS = 1.9
"""What an equal title must say before it is the name of one thing ("OCD and ketamine" is not)."""

_RECURRING = re.compile(
    r"\b((awareness|prevention|history|appreciation|recovery|health) (month|week|day)"
    r"|(movie|film|book|album|game|tv) reviews?|reviews? (movie|film|book)|squad reviews?"
    r"|tropical (depression|storm)|round ?up|newsletter|horoscope|this week in|weekly (update|digest)|daily briefing"
    r"|job (opening|posting)s?|podcast episodes?|calendar of events)\b"
)
"""Things of one name that come again each year, week or publisher (on folded titles)."""

_EXPLAINER = re.compile(
    r"^(why|how|what|when|who|should|can|could|is|are|does|do|will|everything|understanding"
    r"|\d+ (things|ways|reasons|facts))\b"
)

_STAGES: tuple[tuple[str, frozenset[str]], ...] = (
    ("verdict", frozenset({"sentence", "prison", "confinement", "probation", "acquit"})),
    ("plead", frozenset({"plead"})),
    ("charge", frozenset({"charge"})),
)
"""Stages of a case, the latest first: news of a sentence also tells the plea."""

_ACTIONS = frozenset({"approve", "reject", "reclassify", "buy", "bankrupt", "acquire", "close"})
"""What happened, when it is one of these."""

_QUALIFIERS = frozenset(
    {"monotherapy", "child", "ect", "quetiapine", "psilocybin", "mdma", "crps", "ocd", "aud", "phq9"}
)
"""Concepts that make another announcement of the same actor: both reports of one event name them."""

_ANNOUNCED = frozenset({"approve", "recommend", "reject"})

_SCOPES = frozenset({"monotherapy", "child", "suicide", "bipolar", "ptsd", "psilocybin", "mdma"})
"""What a decision is about: an approval as monotherapy is not the first approval."""

_PLACES = frozenset({"fda", "eu", "canada", "australia", "japan", "china", "scotland", "nice"})
"""Who decided: the same drug is approved in many places."""

_OUTCOMES = frozenset({"prison", "confinement", "probation", "acquit"})
_PHASES = frozenset({"phase1", "phase2", "phase3", "phase4"})

_SMALL = frozenset("12345")
"""Counts of persons and things; they differ between reports of one event ("2 doctors", "indictment of 5")."""

_NEGATION = re.compile(r"\b(will not|wont|won t|not be|no longer)\b")

_PEOPLE = "participants|patients|subjects|adults|veterans|inpatients|people|volunteers|women|men|children|adolescents"
_SAMPLE = re.compile(
    rf"\b(\d{{1,3}}(?:,\d{{3}})+|\d{{2,6}})\s+(?:[a-z-]+\s+){{0,2}}?(?:{_PEOPLE})\b|\bn\s*=\s*(\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}})",
    re.IGNORECASE,
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
_WORDED_SAMPLE = re.compile(rf"\b({'|'.join(_TENS)})\s+(?:[a-z-]+\s+){{0,2}}?(?:{_PEOPLE})\b", re.IGNORECASE)
_WORDS = {word: str(10 * number) for number, word in enumerate(_TENS, 2)}
_COUNTS = {
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13",
    "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TITLE_NUMBER = re.compile(r"\b(\d[\d,.]*)(?:st|nd|rd|th)?\b")

_EVERGREEN: frozenset[EntryKind] = frozenset({"guide", "opinion", "provider"})
_PAPERS: frozenset[EntryKind] = frozenset({"research", "review", "preprint", "trial-record", "guideline"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What story rules look at in an entry."""

    id: str
    source: str
    host: str
    title: str  # folded
    sketch: Sketch
    kind: EntryKind
    identifiers: frozenset[str]  # that name the entry
    cited: frozenset[str]  # papers that coverage names in its text, when they are one or two
    keys: tuple[str, ...]  # exact ones
    earliest: datetime | None  # when it was published, as far as is known
    latest: datetime | None
    dated: bool  # by its own date, not the time it was seen
    samples: frozenset[str]
    title_numbers: frozenset[str]
    negated: bool
    explains: bool  # the title asks or promises to explain


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two reports are one story, how strongly, and why."""

    same: bool = False
    against: bool = False
    score: float = 0.0
    reasons: tuple[str, ...] = ()


def report(
    entry: Entry, tagging: Tagging, seen: datetime | None = None, span: tuple[datetime, datetime] | None = None
) -> Report:
    """An entry as story rules see it. ``seen`` dates an entry without a date; ``span`` is a date known only roughly."""
    excerpt = entry.excerpt or entry.summary
    title, made, samples, numbers, negated = _read(entry.title, excerpt)
    own = frozenset(main_identifiers(entry, tagging.identifiers))
    cited = _cited(tagging, own)
    keys = tuple(sorted(own | cited)) + (
        (f"link:{entry.canonical_link}",) if entry.canonical_link and not entry.link_is_redirect else ()
    )
    earliest, latest = span or (entry.published or seen, entry.published or seen)
    return Report(
        id=entry.id,
        source=entry.source_id,
        host=(urlsplit(entry.link).hostname or "").removeprefix("www.") if entry.link else "",
        title=title,
        sketch=made,
        kind=tagging.kind,
        identifiers=own,
        cited=cited,
        keys=keys,
        earliest=earliest,
        latest=latest,
        dated=span is not None or entry.published is not None,
        samples=samples,
        title_numbers=numbers,
        negated=negated,
        explains=bool(_EXPLAINER.match(title)),
    )


def _cited(tagging: Tagging, own: frozenset[str]) -> frozenset[str]:
    """The paper a news item is about. Papers cite papers; a long list of sources is no subject either."""
    if tagging.kind in _PAPERS:
        return frozenset()
    papers = [name for name in tagging.identifiers if not name.startswith("nct:") and name not in own]
    return frozenset(papers) if len(papers) <= MOST_CITED else frozenset()


@lru_cache(maxsize=4096)
def _read(title: str, excerpt: str) -> tuple[str, Sketch, frozenset[str], frozenset[str], bool]:
    title = _PUBLISHER.sub("", title)
    folded = fold(title)
    lead = f"{title}. {excerpt[:600]}"
    samples = {(match.group(1) or match.group(2)).replace(",", "") for match in _SAMPLE.finditer(lead)}
    samples |= {_WORDS[match.group(1).lower()] for match in _WORDED_SAMPLE.finditer(lead)}
    numbers = {match.group(1).rstrip(".,").replace(",", "") for match in _TITLE_NUMBER.finditer(title)}
    numbers |= {_COUNTS[word] for word in folded.split() if word in _COUNTS}
    return (
        folded,
        sketch(title, excerpt),
        frozenset(samples),
        frozenset(numbers - _SMALL),
        bool(_NEGATION.search(folded)),
    )


def compare(one: Report, other: Report) -> Verdict:
    """Whether two reports are one story; the same in both directions."""
    shared = one.identifiers & other.identifiers
    papers = {identifier for identifier in shared if not identifier.startswith("nct:")}
    if papers:
        return Verdict(same=True, score=3.0, reasons=(f"same identifier {min(papers)}",))
    links = {key for key in set(one.keys) & set(other.keys) if key.startswith("link:")}
    if links:
        return Verdict(same=True, score=2.5, reasons=(f"same page {min(links)[5:]}",))
    covered = one.identifiers & other.cited | other.identifiers & one.cited | one.cited & other.cited
    if covered:
        return Verdict(same=True, score=2.4, reasons=(f"coverage of the paper {min(covered)}",))
    title = title_overlap(one.sketch, other.sketch)
    equal = bool(one.title) and one.title == other.title
    against = _against(one, other, equal=equal)
    if against:
        return Verdict(against=True, reasons=(against,))
    if shared and one.kind == other.kind == "trial-record":
        return Verdict(same=True, score=2.2, reasons=(f"records of one trial, {min(shared)}",))
    shared_title = mass(one.sketch.title & other.sketch.title)
    if equal and (shared_title >= TITLE_MASS or (one.host and _site(one.host) == _site(other.host))):
        return Verdict(same=True, score=2.0, reasons=("equal titles",))
    return _alike(one, other, title, shared_title)


def _site(host: str) -> str:
    """The last two labels of a host: copies on a test server are of one publisher."""
    return ".".join(host.split(".")[-2:])


def _alike(one: Report, other: Report, title: float, shared_title: float) -> Verdict:
    """Judge by words: papers by their titles, reports of events by titles and leads."""
    lead = lead_overlap(one.sketch, other.sketch)
    shared = one.sketch.lead & other.sketch.lead
    shared_mass = mass(shared)
    numbers = one.samples & other.samples
    papers = (one.kind in _PAPERS) + (other.kind in _PAPERS)
    score = 0.4 * title + 0.6 * lead + (0.12 if numbers else 0.0)
    if shared_title >= TITLE_MASS and ((title >= TITLE_ALIKE and lead >= 0.25) or _contained(one.sketch, other.sketch)):
        return Verdict(same=True, score=1.0 + score, reasons=(f"titles alike ({title:.0%}): {_words(shared)}",))
    if score < _needed(one, other, papers, title, bool(numbers)) or shared_mass < SHARED_MASS:
        return Verdict(score=score)
    reasons = [f"same report in other words ({score:.0%}): {_words(shared)}"]
    if numbers:
        reasons.append(f"same number of people: {min(numbers)}")
    return Verdict(same=True, score=score, reasons=tuple(reasons))


def _words(shared: frozenset[str]) -> str:
    """The most telling shared concepts, for a person."""
    return ", ".join(sorted(shared, key=lambda word: (-weight(word), word))[:6])


def _needed(one: Report, other: Report, papers: int, title: float, numbers: bool) -> float:
    """The score two reports need to be one story; above 1 means never by words alone."""
    if one.kind == other.kind == "trial-record" and title >= RECORD_TITLE:
        return EVENT_SCORE
    if papers == 2 and not numbers:
        return 2.0
    if papers == 1 and not numbers and not one.sketch.names & other.sketch.names:
        return 0.6  # coverage of a paper repeats its figures or its people
    if one.explains and other.explains:
        return 0.7  # everybody's own explainer
    if one.kind in _EVERGREEN and other.kind in _EVERGREEN and title < TITLE_ALIKE:
        return 0.7
    if {one.kind, other.kind} & _EVERGREEN and title < EVERGREEN_TITLE:
        return 0.55
    return EVENT_SCORE


def _contained(one: Sketch, other: Sketch) -> bool:
    """One title is the other's beginning: a paper without and with its subtitle."""
    short, long = sorted((one.order, other.order), key=len)
    return len(short) >= 5 and long[: len(short)] == short


def _stage(one: Report) -> str | None:
    for name, concepts in _STAGES:
        if concepts & one.sketch.title:
            return name
    for name, concepts in _STAGES:
        if concepts & one.sketch.lead:
            return name
    return None


def _against(one: Report, other: Report, *, equal: bool) -> str:
    """The first thing that speaks against one story, or nothing."""
    for check in (
        _dates_apart,
        _other_item,
        _comes_again,
        _other_paper,
        _other_figures,
        _other_stage,
        _other_decision,
        _other_form,
    ):
        reason = check(one, other, equal)
        if reason:
            return reason
    return ""


def _dates_apart(one: Report, other: Report, equal: bool) -> str:
    if one.earliest is None or other.earliest is None or one.latest is None or other.latest is None:
        return ""
    gap = max(one.earliest, other.earliest) - min(one.latest, other.latest)
    if equal and not (one.dated and other.dated):
        return ""
    return f"published {gap.days} days apart" if gap > timedelta(days=WINDOW_DAYS) else ""


def _other_item(one: Report, other: Report, equal: bool) -> str:
    same_source = one.source == other.source or (bool(one.host) and one.host == other.host)
    return "two items of one source" if same_source and not equal else ""


def _comes_again(one: Report, other: Report, equal: bool) -> str:
    if _RECURRING.search(one.title) and _RECURRING.search(other.title):
        alike = equal and lead_overlap(one.sketch, other.sketch) >= 0.6
        return "" if alike else "a thing that comes again"
    return ""


def _other_paper(one: Report, other: Report, equal: bool) -> str:
    for scheme in ("doi:", "pmid:", "nct:"):
        mine = {identifier for identifier in one.identifiers if identifier.startswith(scheme)}
        theirs = {identifier for identifier in other.identifiers if identifier.startswith(scheme)}
        if mine and theirs and not mine & theirs and not (equal and scheme == "doi:"):
            return f"different papers: {min(mine)}, {min(theirs)}"
    return ""


def _other_figures(one: Report, other: Report, equal: bool) -> str:
    if equal:
        return ""
    if one.samples and other.samples and not one.samples & other.samples:
        return f"different numbers of people: {min(one.samples)}, {min(other.samples)}"
    if one.title_numbers and other.title_numbers and not one.title_numbers & other.title_numbers:
        return f"different figures in the title: {min(one.title_numbers)}, {min(other.title_numbers)}"
    return ""


def _other_stage(one: Report, other: Report, equal: bool) -> str:
    if equal:
        return ""
    stages = (_stage(one), _stage(other))
    if stages[0] and stages[1] and stages[0] != stages[1]:
        return f"another stage: {stages[0]}, {stages[1]}"
    for report, silent in ((one, stages[1]), (other, stages[0])):
        told = [name for name, concepts in _STAGES if concepts & report.sketch.title]
        if told and not silent:
            return f"only one tells a {told[0]}"
    return ""


def _other_decision(one: Report, other: Report, equal: bool) -> str:
    """What was decided, where and about what."""
    if equal:
        return ""
    mine, theirs = one.sketch.title & _ACTIONS, other.sketch.title & _ACTIONS
    if mine and theirs and not (mine & other.sketch.lead or theirs & one.sketch.lead):
        return f"another event: {min(mine)}, {min(theirs)}"
    for concepts, name in ((_OUTCOMES, "outcome"), (_PHASES, "phase"), (_PLACES, "place")):
        left, right = one.sketch.lead & concepts, other.sketch.lead & concepts
        if left and right and not left & right:
            return f"another {name}: {min(left)}, {min(right)}"
    if mine & _ANNOUNCED and theirs & _ANNOUNCED:
        for named, silent in ((one, other), (other, one)):
            only = (named.sketch.lead & _SCOPES) - silent.sketch.lead
            if only and (only & named.sketch.title or silent.sketch.lead - silent.sketch.title):
                return f"only one decision is about {min(only)}"
    if one.negated != other.negated:
        return "one says it will not happen"
    for named, silent in ((one, other), (other, one)):
        only = (named.sketch.title & _QUALIFIERS) - silent.sketch.lead
        if only:
            return f"only one is about {min(only)}"
    return ""


def _other_form(one: Report, other: Report, equal: bool) -> str:
    return "an explainer beside a report" if one.explains != other.explains and not equal else ""
