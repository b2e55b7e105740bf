"""An entry as story rules see it: everything they ask for, read once.

Entry, Tagging ─▶ Report    identifiers, links, dates, and the Marks of its words
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from ketfeed.model import Entry, EntryKind, Tagging
from ketfeed.topics.frequent import STATES
from ketfeed.topics.identify import main_identifiers
from ketfeed.topics.sketch import Sketch, sketch
from ketfeed.topics.story_events import COUNTRIES, DOMAINS, PHASES, ROLES, TOLD_RESULTS, events, findings
from ketfeed.topics.terms import fold

Concepts = frozenset[str]

PAPERS: frozenset[EntryKind] = frozenset({"research", "review", "preprint", "trial-record", "guideline"})

MOST_CITED = 2
"""Identifiers of one paper (DOI and PMID) that coverage of it gives."""

_PUBLISHER = re.compile(r"(?<=\w{4})\s+[-|]\s+(?:[A-Z0-9][\w.&'’]*\s?(?:of |the |and )?){1,5}$")
"""" - The New York Times" at the end of a title: news searches put it there."""

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

STAGES: tuple[tuple[str, Concepts], ...] = (
    ("verdict", frozenset({"sentence", "prison", "confinement", "probation", "acquit"})),
    ("convict", frozenset({"convict"})),
    ("plead", frozenset({"plead"})),
    ("charge", frozenset({"charge"})),
)
"""Stages of a case, the latest first: news of a sentence also tells the plea."""

ACTIONS = frozenset({"approve", "reject", "reclassify", "buy", "bankrupt", "acquire", "close"})
"""What happened, when it is one of these."""

SCOPES = frozenset({"monotherapy", "child", "suicide", "bipolar"})
"""What a decision is about: an approval as monotherapy is not the first approval."""

TITLE_SCOPES = frozenset({"ptsd", "psilocybin", "mdma"})
"""What makes another decision only where a title says so: a summary need not name the disorder again."""

OUTCOMES = frozenset({"prison", "confinement", "probation", "acquit"})
PLACES = frozenset({"fda", "eu", "canada", "australia", "japan", "china", "scotland", "nice"})
"""Who decided: the same drug is approved in many places."""

QUALIFIERS = frozenset(
    {"monotherapy", "child", "ect", "quetiapine", "psilocybin", "mdma", "crps", "ocd", "aud", "phq9"}
)
"""Concepts that make another announcement of the same actor: both reports of one event name them."""

_BUYERS = frozenset({"va", "veteran", "trump", "nhs", "government", "hospital", "army", "pentagon", "state"})
_NEGATION = re.compile(r"\b(will not|wont|won t|not be|no longer)\b")  # "no" or "won" stands in each

_SMALL = frozenset("12345")
"""Counts of persons and things; they differ between reports of one event ("2 doctors", "indictment of 5")."""

_PEOPLE = (
    "participants|patients|subjects|adults|veterans|inpatients|people|volunteers|women|men|children|adolescents"
    "|members|soldiers|nurses|mothers|drinkers|smokers"
)
_SAMPLE = re.compile(
    r"(\d(?<!\w\d)(?:\d{0,2}(?:,\d{3})+|\d{1,5}))"
    rf"(?:\s+(?:[a-z-]+\s+){{0,2}}?(?:{_PEOPLE})|-(?:person|patient))\b",
    re.IGNORECASE,
)
_N_IS = re.compile(r"\bn\s*=\s*(\d{1,3}(?:,\d{3})+|\d{1,6})", re.IGNORECASE)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_COUNTS = {
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13",
    "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_WORDS = {word: str(10 * number) for number, word in enumerate(_TENS, 2)} | _COUNTS
_WORDS |= {
    f"{ten}-{unit}": str(10 * tens + ones)
    for tens, ten in enumerate(_TENS[:-1], 2)
    for ones, unit in enumerate(_UNITS, 1)
}
_WORDED = ("ty", "teen", "hundred")  # one of these stands in each of them that is looked for
_WORDED_SAMPLE = re.compile(
    rf"\b((?:{'|'.join(_TENS)})(?:-(?:{'|'.join(_UNITS)}))?|(?:thir|four|fif|six|seven|eigh|nine)teen)"
    rf"\s+(?:[a-z-]+\s+){{0,2}}?(?:{_PEOPLE})\b",
    re.IGNORECASE,
)

_TITLE_NUMBER = re.compile(
    r"(?<![A-Za-z]-)\b(\d[\d,.]*)(?:st|nd|rd|th|[Kk])?(?:\s?(million|billion|m|bn|b)\b|\b)", re.IGNORECASE
)
"""A figure of a title with its unit; the number of a substance ("NRX-100") is none."""

_QUARTER = re.compile(r"\b(first|second|third|fourth) quarter\b|\bq([1-4])\b|\b(full year|half year)\b")
_DAY = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}\b"
)
_YEAR = re.compile(r"(19|20)\d\d")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the words of a title and lead say that can tell two stories apart; equal texts share one."""

    title: str  # folded
    sketch: Sketch
    samples: Concepts  # numbers of people studied
    numbers: Concepts  # other figures of the title
    amounts: Concepts  # of these, those that are no year
    negated: bool  # the title says that it will not happen
    explains: bool  # the title asks or promises to explain
    periods: Concepts  # quarters that the title names
    days: Concepts  # "april 29", in title and lead of an update
    recurs: bool  # the title names a thing that comes again
    stage: str | None  # of a case
    told: str | None  # the stage, when the title tells it
    actions: Concepts
    scopes: Concepts
    events: Concepts  # what the title tells, as "deed subject"
    findings: Concepts  # what is told of a study, as "detail disorder"
    begins: bool  # a study that is to be done
    states: Concepts  # of the title
    roles: Concepts  # of those accused, in the title
    outcomes: Concepts
    phases: Concepts
    places: Concepts
    qualifiers: Concepts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """What story rules look at in an entry."""

    id: str
    source: str
    host: str
    kind: EntryKind
    marks: Marks
    identifiers: Concepts  # that name the entry
    papers: Concepts  # of these, DOI, PMID and PMCID
    cited: Concepts  # papers that coverage names in its text, when they are one or two
    keys: tuple[str, ...]  # exact ones
    link: str | None  # key of the page
    earliest: datetime | None  # when it was published, as far as is known
    latest: datetime | None
    dated: bool  # by its own date, not the time it was seen

    @property
    def sketch(self) -> Sketch:
        """The concepts of title and lead."""
        return self.marks.sketch

    @property
    def countries(self) -> Concepts:
        """Those that it names, or else the one where its outlet is at home."""
        home = DOMAINS.get(self.host.rpartition(".")[2])
        return self.sketch.lead & COUNTRIES or (frozenset({home}) if home else frozenset())


def report(
    entry: Entry, tagging: Tagging, seen: datetime | None = None, span: tuple[datetime, datetime] | None = None
) -> Report:
    """An entry as story rules see it. ``seen`` dates an entry without a date; ``span`` is a date known only roughly."""
    own = frozenset(main_identifiers(entry, tagging.identifiers))
    cited = _cited(tagging, own)
    link = f"link:{entry.canonical_link}" if _names_a_page(entry) else None
    earliest, latest = span or (entry.published or seen, entry.published or seen)
    return Report(
        id=entry.id,
        source=entry.source_id,
        host=(urlsplit(entry.link).hostname or "").removeprefix("www.") if entry.link else "",
        kind=tagging.kind,
        marks=_marks(entry.title, entry.excerpt or entry.summary),
        identifiers=own,
        papers=frozenset(name for name in own if not name.startswith("nct:")),
        cited=cited,
        keys=(*sorted(own | cited), *((link,) if link else ())),
        link=link,
        earliest=earliest,
        latest=latest,
        dated=span is not None or entry.published is not None,
    )


def _names_a_page(entry: Entry) -> bool:
    """Whether the link is one report's: the front page of a site is everybody's."""
    link = entry.canonical_link
    return link is not None and ("/" in link.rstrip("/") or "?" in link) and not entry.link_is_redirect


def _cited(tagging: Tagging, own: Concepts) -> Concepts:
    """The paper a news item is about. Papers cite papers; a long list of sources is no subject either."""
    if tagging.kind in PAPERS or not tagging.identifiers:
        return frozenset()
    papers = [name for name in tagging.identifiers if not name.startswith("nct:") and name not in own]
    return frozenset(papers) if len(papers) <= MOST_CITED else frozenset()


@lru_cache(maxsize=64)  # for copies in a row; most texts are seen once
def _marks(title: str, excerpt: str) -> Marks:
    title = _PUBLISHER.sub("", title)
    folded = fold(title)
    made = sketch(title, excerpt)
    lead = f"{title}. {excerpt[:600]}"
    samples = {number.replace(",", "") for number in _SAMPLE.findall(lead)}
    if "=" in lead:
        samples |= {number.replace(",", "") for number in _N_IS.findall(lead)}
    lowered = lead.lower()
    if any(map(lowered.__contains__, _WORDED)):
        samples |= {_WORDS[match.group(1).lower()] for match in _WORDED_SAMPLE.finditer(lead)}
    numbers = {_figure(match) for match in _TITLE_NUMBER.finditer(title)} if _DIGIT.search(title) else set()
    numbers |= {_COUNTS[word] for word in folded.split() if word in _COUNTS}
    telling = numbers - _SMALL
    told = _stage(made.title)
    actions = _actions(made)
    return Marks(
        title=folded,
        sketch=made,
        samples=frozenset(samples),
        numbers=frozenset(telling),
        amounts=frozenset(number for number in telling if not _YEAR.fullmatch(number)),
        negated=("no" in folded or "won" in folded) and bool(_NEGATION.search(folded)),
        explains=bool(_EXPLAINER.match(folded)),
        recurs=bool(_RECURRING.search(folded)),
        periods=frozenset(match.group() for match in _QUARTER.finditer(folded)),
        days=frozenset(_DAY.findall(fold(lead)) if "update" in made.title else ()),
        stage=told or _stage(made.lead),
        told=told,
        actions=actions,
        scopes=made.lead & SCOPES | made.title & TITLE_SCOPES,
        events=events(title, made, told, actions),
        findings=findings(made),
        begins="study start" in made.title or ("study start" in made.lead and not made.title & TOLD_RESULTS),
        states=made.title & STATES,
        roles=made.title & ROLES,
        outcomes=made.lead & OUTCOMES,
        phases=made.lead & PHASES,
        places=made.lead & PLACES,
        qualifiers=_qualifiers(made),
    )


def may_be_equal(mine: Concepts, theirs: Concepts) -> bool:
    """Whether two reports may name one number of people: outlets round 1,247 to 1,200, or up to 1,300."""
    if mine & theirs:
        return True
    pairs = ((left, right) for left in mine for right in theirs)
    return any(
        round_one.endswith("00") and len(round_one) == len(exact) and abs(int(round_one) - int(exact)) * 20 < int(exact)
        for pair in pairs
        for round_one, exact in (pair, pair[::-1])
    )


def _figure(match: re.Match[str]) -> str:
    """A figure as written, without commas: "1,250" → "1250", "$1 billion" and "1bn" → "1b"."""
    unit = (match.group(2) or "")[:1].lower()
    return match.group(1).rstrip(".,").replace(",", "") + unit


def _qualifiers(made: Sketch) -> Concepts:
    """What the title is only about; for compounded ketamine also that it is a nasal spray, of which others warned."""
    return made.title & (QUALIFIERS | {"esketamine"} if "compounded" in made.lead else QUALIFIERS)


def _actions(made: Sketch) -> Concepts:
    """What happened. Who buys without being a state's health service buys a company."""
    actions = made.title & ACTIONS
    if "buy" in actions and not made.lead & _BUYERS:
        return actions - {"buy"} | {"acquire"}
    return actions


def _stage(told: Concepts) -> str | None:
    return next((name for name, signs in STAGES if signs & told), None)
