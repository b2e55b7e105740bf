"""What a title tells in terms that two reports of one event share, however differently they are worded.

    events      "deed subject"        approve zuranolone · acquire delic · charge mcclain · warn compounded
    findings    "detail disorder"     midazolam suicide · abstain aud · phase3 psilocybin

An agency approves a drug once for a use, a company ends once; few studies compare ketamine with midazolam in suicidal
people. What makes another event of the same kind (place, date, use, stage) is told in story_rules.py.
"""

from __future__ import annotations

import re

from ketfeed.topics.frequent import STATES, share
from ketfeed.topics.sketch import Sketch, concepts, weight

Concepts = frozenset[str]

DEEDS = ("otc", "reimburse", "submit", "panel", "reject", "approve", "warn", "legalize", "extend")
"""What is decided about a drug; the first that a title tells: a panel that backs an approval has not approved."""

DRUGS = frozenset({
    "esketamine", "arketamine", "mdma", "psilocybin", "naloxone", "zuranolone", "suzetrigine", "compounded",
    "telehealth",
})  # fmt: skip
"""What such a decision is about, when it is not ketamine itself, on which something is decided every week."""

DEALS = frozenset({"acquire", "close", "bankrupt"})
"""What happens to a company."""

CASES = {"charge": 2, "convict": 2, "plead": 3, "verdict": 3}
"""How many names two reports of a stage of a case share: all the accused are charged together, but they plead and are
sentenced one by one, and two names may be those of the dead."""

ONE_BY_ONE = frozenset({"plead", "verdict"})
"""Stages that each of the accused has alone."""

ROLES = frozenset({"medic", "officer", "assistant", "nurse", "pharmacist"})
"""Who stands before a court."""

RARE_ROLES = frozenset({"medic", "nurse", "pharmacist"})
"""Of these, those whose cases are few."""

_NO_NAMES = STATES | frozenset("""\
    los angeles york san francisco diego las vegas county city state states district court justice department police
    attorney federal grand jury black man woman actor star friends american british
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text
"""Words in capitals that name no company and nobody in particular."""

COUNTRIES = frozenset("""\
    australia brazil canada china denmark france germany india ireland israel italy japan netherlands norway poland
    scotland spain sweden switzerland uk
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text

DOMAINS = {
    "au": "australia", "br": "brazil", "ca": "canada", "ch": "switzerland", "de": "germany", "dk": "denmark",
    "es": "spain", "fr": "france", "ie": "ireland", "it": "italy", "jp": "japan", "nl": "netherlands", "no": "norway",
    "pl": "poland", "se": "sweden", "uk": "uk",
}  # fmt: skip
"""Where an outlet is at home, by the end of its host."""

DISORDERS = frozenset({
    "depression", "ptsd", "aud", "ocd", "suicide", "pain", "bipolar", "crps", "anxiety", "cocaine", "postpartum",
    "socialanxiety", "anorexia", "opioiduse", "smoking", "braininjury", "parkinson", "epilepsy", "autism", "grief",
    "cancer", "migraine", "fibromyalgia",
})  # fmt: skip

RARER = DISORDERS - {"depression", "pain", "anxiety"}
"""Disorders on which a study of ketamine does not come out every day."""

STUDY = "study"
"""The detail of a finding that has none: a study of one of the RARER."""

FEW_STUDIES = COUNTRIES - {"uk", "china", "canada", "australia", "japan"}
"""Countries from which not so many studies come that the country would be no detail."""

DETAILS = frozenset({
    "midazolam", "etomidate", "delirium", "abstain", "extendedrelease", "lozenge", "intubation", "neurofeedback",
    "mindfulness", "memantine", "naltrexone", "lamotrigine", "rapamycin", "nicotine",
})  # fmt: skip
"""What few studies of ketamine have: a comparator, a companion, an outcome, a form of the drug."""

RARE_DRUGS = frozenset({"psilocybin", "mdma", "lsd", "arketamine"})
"""A phase of theirs ends a few times in a year."""

PHASES = frozenset({"phase1", "phase2", "phase3", "phase4"})

TOLD_RESULTS = frozenset({"show", "meet", "fail"})

RESULTS = TOLD_RESULTS | PHASES | {"trial"}
"""One of these is said where results of a study are told."""

_KETAMINE = frozenset({"ketamine", "esketamine", "arketamine", "kap"})

_BRAND = re.compile(r"\b(?=\w*[A-Z]\w*[A-Z])[A-Za-z0-9][A-Za-z0-9-]{3,}\b")
_CAPITAL = re.compile(r"\b[A-Z][A-Za-z’'-]+")


ADDRESSED = frozenset({"pharmacy", "pharmacist", "inspection", "letter", "clinic", "firm", "company", "doctor"})
"""Who gets a warning of his own, or how; others are told to everybody."""


def _is_of_ketamine(made: Sketch) -> bool:
    """Whether a word on compounded drugs is on compounded ketamine as such, which an agency says once in some years."""
    return "ketamine" in made.lead and not made.title & ADDRESSED


def events(title: str, made: Sketch, stage: str | None, actions: Concepts) -> Concepts:
    """What a title tells, as "deed subject": a decision on a drug, a company's end or sale, a stage of a case, a death.

    ``made``: the sketch of title and lead. ``stage``: of the case that the title tells. ``actions``: of the title.
    """
    told: set[str] = set()
    deed = next((name for name in DEEDS if name in made.title), None)
    if deed:
        told.update(f"{deed} {drug}" for drug in made.lead & DRUGS if drug != "compounded" or _is_of_ketamine(made))
        told.update(f"{deed} {brand}" for brand in _brands(title, made) if share(brand) == 1.0)
    if "reclassify" in made.title and "review" in made.lead:
        told.add("review class")
    for deal in actions & DEALS:
        actors = made.order[: made.order.index(deal)] if deal in made.order else made.order
        told.update(f"{deal} {name}" for name in _names(title) & frozenset(actors))
    if stage in CASES:
        told.update(f"{stage} {name}" for name in (_names(title) | made.names) - _NO_NAMES)
        told.update(f"{stage} {role}" for role in made.title & RARE_ROLES)
    elif stage is None and "die" in made.title:
        told.update(f"die {name}" for name in (_names(title) | made.names) - _NO_NAMES)
    return frozenset(told)


def _brands(title: str, made: Sketch) -> Concepts:
    """Names of a title not all in capitals; a word written like KETARX or NRx is one wherever it stands."""
    written = frozenset() if title.isupper() else {name for word in _BRAND.findall(title) for name in concepts(word)}
    return (made.names & made.title | written) - _NO_NAMES - DRUGS


def _names(title: str) -> Concepts:
    """The telling words that a title writes with a capital."""
    found = {name for word in _CAPITAL.findall(title) for name in concepts(word)}
    return frozenset(name for name in found - ROLES - DEALS - _NO_NAMES if weight(name) >= 1.0)


def findings(made: Sketch) -> Concepts:
    """What title and lead tell of a study, as "detail disorder"; empty when it is of no drug of ours."""
    lead = made.lead
    found = {f"{phase} {drug}" for phase in lead & PHASES for drug in lead & RARE_DRUGS}
    if "lsd" in lead:
        found.update(f"lsd {disorder}" for disorder in lead & DISORDERS)
    if lead & _KETAMINE:
        found.update(f"{detail} {disorder}" for detail in lead & DETAILS for disorder in lead & DISORDERS)
        if lead & RESULTS:
            found.update(f"{STUDY} {disorder}" for disorder in made.title & RARER)
        found.update(f"{country} {disorder}" for country in lead & FEW_STUDIES for disorder in lead & RARER)
    return frozenset(found)
