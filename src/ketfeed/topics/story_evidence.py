"""How much two reports share that few others have: evidence where no single rule of story_rules.py is met.

Reports of one event in quite other words share a company, a place, a companion drug or an unusual word, each of which
would be chance alone. Their shares are added up: most what both titles say, less what only one title says, least what
only the leads say. The shares are a fixed table, so that a decision does not depend on what else is stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from ketfeed.model import EntryKind
from ketfeed.topics.frequent import share
from ketfeed.topics.sketch import Sketch
from ketfeed.topics.story_events import CASES, DEALS, DEEDS, DISORDERS, DRUGS, ONE_BY_ONE, RARE_DRUGS
from ketfeed.topics.story_report import PAPERS, Concepts, Report

__all__ = ["ENOUGH", "RELATED", "echoed", "evidence", "of_a_series", "other_payer", "other_subject", "share_enough"]

ENOUGH = 6.5
"""Evidence that makes two reports one story when nothing speaks against it: three rare words, some in both titles.

From 3.8 up nothing wrong was joined on the five labelled sets the rules were made on; a sixth, never looked at, had
more wrong than right ones below this."""

RELATED = 0.09
"""The score below which two reports are not looked at: one pair in twenty-five is above."""

IN_LEADS = 0.4
IN_A_TITLE = 1.4
IN_BOTH_TITLES = 2.4
"""What a shared word of full share counts, by where it stands."""

OF_A_DEED = 0.3
OF_A_CONDITION = 1.2
"""What a deed and a condition count besides, when a title names them."""

OF_A_NAME = 0.8
"""What a name counts besides that both write with a capital inside a sentence."""

KINDS: frozenset[EntryKind] = PAPERS | {"news", "press-release", "safety-alert"}
"""Who reports events; an opinion has its own subject."""

_NEWS = KINDS - PAPERS
_ECHOED = frozenset({*DEEDS, *DEALS}) - {"acquire"}

CONDITIONS = DISORDERS - {"depression"}
_DEEDS = frozenset({
    *DEEDS, *CASES, *DEALS, "die", "fail", "meet", "open", "fund", "offer", "sign", "recall", "recommend", "reclassify",
})  # fmt: skip

_ENDS = frozenset({"meet", "fail", "delay"})

SERIAL = frozenset({"open", "acquire", "fund", "submit", "extend"})
"""What one company does again and again, elsewhere or with another."""

SUBJECTS = (
    DRUGS | RARE_DRUGS | CONDITIONS - {"pain", "anxiety"} | frozenset({"ketamine", "kap", "ibogaine", "migraine"})
)
"""One of these at least both reports name: how rare a word is elsewhere than in this field is not known."""


def share_enough(one: Report, other: Report) -> bool:
    """Whether two reports, of which one at most is a paper, are one story by evidence; nothing speaks against it.

    Each person pleads and is sentenced alone, and one investigator begins many studies: for these it is not enough.
    """
    kinds = (one.kind, other.kind)
    if not KINDS.issuperset(kinds) or PAPERS.issuperset(kinds) or one.marks.explains or other.marks.explains:
        return False
    if one.marks.begins != other.marks.begins or {one.marks.told, other.marks.told} & ONE_BY_ONE:
        return False
    if one.marks.begins and not any(share(concept) == 1.0 for concept in one.sketch.title & other.sketch.title):
        return False
    return not of_a_series(one.sketch, other.sketch) and evidence(one.sketch, other.sketch) >= ENOUGH


def of_a_series(one: Sketch, other: Sketch) -> bool:
    """Whether two titles tell different deeds of one company, or openings and purchases each with a name of its own."""
    left, right = one.title & _DEEDS, other.title & _DEEDS
    if left and right and not left & right:
        return True
    return bool(left & right & SERIAL) and all(
        any(share(concept) == 1.0 for concept in mine.title - theirs.lead)
        for mine, theirs in ((one, other), (other, one))
    )


def echoed(one: Report, other: Report) -> Concepts:
    """Events that one title tells and only the lead of the other names, which tells no other deed itself.

    Papers and explainers name many decisions that are not their subject.
    """
    if not _NEWS.issuperset((one.kind, other.kind)) or one.marks.explains or other.marks.explains:
        return frozenset()
    return _told_and_named(one, other) | _told_and_named(other, one)


def _told_and_named(teller: Report, echo: Report) -> Concepts:
    found = set()
    own = {event.partition(" ")[0] for event in echo.marks.events}
    for event in teller.marks.events:
        deed, _, subject = event.partition(" ")
        if subject in DRUGS and deed in echo.sketch.title:
            continue  # it tells such a deed itself, of something else
        if deed in _ECHOED and own <= {deed} and deed in echo.sketch.lead and subject in echo.sketch.lead:
            found.add(event)
    return frozenset(found)


def other_payer(one: Report, other: Report) -> str:
    """What speaks against one story of two reports that tell of reimbursement: each country has its own."""
    if "reimburse" in one.marks.sketch.lead and "reimburse" in other.marks.sketch.lead:
        left, right = one.countries, other.countries
        if left and right and not left & right:
            return f"another country: {min(left)}, {min(right)}"
    return ""


def other_subject(one: Sketch, other: Sketch) -> str:
    """What speaks against one story of two titles: each names a condition, or an end of a study, of its own."""
    for name, words in _OWN:
        left = one.title & words
        if left and not left <= other.lead:
            right = other.title & words
            if not right <= one.lead and not left & right:
                return f"another {name}: {min(left)}, {min(right)}"
    return ""


_OWN = (("condition", CONDITIONS), ("end", _ENDS))


def evidence(one: Sketch, other: Sketch) -> float:
    """How much two reports share that few others have; the same in both directions."""
    shared = one.lead & other.lead
    if not shared & SUBJECTS:
        return 0.0
    both = one.title & other.title
    either = (one.title & other.lead) | (other.title & one.lead)
    if not any(share(concept) == 1.0 for concept in either):
        return 0.0  # frequent words do not add up to a rare one
    found = IN_LEADS * _sum(shared - either) + IN_A_TITLE * _sum(either - both)
    found += IN_BOTH_TITLES * _sum(both) + OF_A_DEED * len(either & _DEEDS) + OF_A_CONDITION * len(either & CONDITIONS)
    found += OF_A_NAME * _sum(one.names & other.names)
    return round(found, 6)  # sums over sets differ in the last bits from process to process


def _sum(concepts: Iterable[str]) -> float:
    return sum(map(share, concepts))
