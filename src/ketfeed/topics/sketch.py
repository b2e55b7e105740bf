"""What an entry reports, as weighted concepts: the form in which two reports of one event look alike.

    "FDA greenlights J&J's Spravato as a standalone treatment"     → fda approve esketamine monotherapy treatment
    "Esketamine nasal spray gets FDA nod for use without a pill"   → fda approve esketamine monotherapy pill

Words of one meaning are one concept; the field's everyday words weigh little, names and numbers much. The weights are a
fixed table and not counted from the store, so that a decision does not depend on what else is stored.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import log
from zlib import crc32

from ketfeed.topics.synonyms import SYNONYMS
from ketfeed.topics.terms import fold


def _read_synonyms(table: str) -> dict[str, str]:
    """Folded word or phrase → concept."""
    found: dict[str, str] = {}
    for line in table.replace("\n    ", " ").splitlines():
        concept, _, words = line.partition(": ")
        found.update((fold(word), concept) for word in words.split(" | "))
    return found


_CONCEPTS = _read_synonyms(SYNONYMS)

STOP_WORDS = frozenset("""\
    a about above after again all also am an and any are as at be because been before being between both but by can
    could did do does doing down during each few for from further get gets getting give given gives had has have
    having he her here hers him his how i if in into is it its itself just like made make makes many may me might
    more most much must my new no nor not now of off on once only or other our out over own per said same she should
    since so some such than that the their them then there these they this those through to too under until up upon
    us very via was we were what when where which while who whom whose why will with within without would you your
    year years one two three four five seven eight nine ten
    s t ll re ve d m de la le el di un una il der die das und et des du en y e o que per con per
    w po na z do i
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text

_COMMON = frozenset("""\
    ketamine depression treatment therapy patient patients drug drugs medicine medication health mental clinic
    clinical study trial research researchers treat treating treated adults people disorder disorders use effects
    effect dose doses risk safety new first news report show say says doctor doctors medical brain care help helps
    helping week weeks month months day days hour hours percent response efficacy symptoms symptom infusion
    infusions pain anxiety ptsd ocd suicide bipolar severe chronic acute major resistant university hospital center
    centre program service services group company million world time today latest update based associated using long
    term short high low results data analysis randomized controlled double blind placebo review page blog article
    paper journal video podcast episode story experts expert scientists guide question questions way ways life work
    potential benefits common different available options option non oral good better best large small full part
    case cases number numbers rate rates government versus ect science public open rapid rapidly acting fast single
    repeated low-dose anesthetic anaesthetic psychiatry psychiatric psychiatrist substance abuse alcohol cocaine
    smoking postpartum crps aud fibromyalgia migraine headache psychotherapy assisted kap separation dog dogs cat
    cats pet pets owner phobia panic social generalized schizophrenia autism consider argue safe lead led john david
    michael department emergency surgery postoperative perioperative anesthesia lithium opioid opioids addiction
    los angeles york san francisco las vegas
    awareness national september prevention lifeline psychedelic psychedelics nasal spray weeks
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text
"""Words that most entries of this field share: they say the subject, not the event."""

_MEDIUM = frozenset(
    [
        "esketamine",
        "approve",
        "fda",
        "veteran",
        "trial",
        "kap",
        "monotherapy",
        "reject",
        "fund",
        "open",
        "review",
        "offer",
        "employee",
        "j&j",
        "suicide",
        "die",
        "charge",
    ]
)

_NUMBER = re.compile(r"(\d(?<![\w.,]\d)(?:\d{0,2}(?:,\d{3})+|\d*))(\.\d+)?")


def _stem(word: str) -> str:
    """A crude English stem: plural and -ing/-ed ends go where enough of the word is left."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 6 and word.endswith("ing"):
        return word[:-3]
    if len(word) > 5 and word.endswith("ed"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def concepts(text: str) -> list[str]:
    """The concepts of a text in order, repeated ones kept; stop words are left out."""
    words = fold(text).split()
    found: list[str] = []
    index = 0
    count = len(words)
    while index < count:
        word = words[index]
        for length in _LENGTHS.get(word, ()):
            concept = _CONCEPTS.get(" ".join(words[index : index + length]) if length > 1 else word)
            if concept and index + length <= count:
                found.append(concept)
                index += length
                break
        else:
            index += 1
            if stem := _STEMS[word]:
                found.append(stem)
    return found


class _Stems(dict[str, str]):
    """Word that is no phrase's → its stem; empty for a stop word. Emptied when feeds have brought too many words."""

    def __missing__(self, word: str) -> str:
        if len(self) > 8_000:
            self.clear()
        found = self[word] = _stem(word) if len(word) > 1 and word not in STOP_WORDS else ""
        return found


_STEMS = _Stems()


def _lengths() -> dict[str, tuple[int, ...]]:
    """First word → lengths of the phrases that begin with it, longest first."""
    lengths: dict[str, set[int]] = {}
    for phrase in _CONCEPTS:
        words = phrase.split()
        lengths.setdefault(words[0], set()).add(len(words))
    return {word: tuple(sorted(found, reverse=True)) for word, found in lengths.items()}


_LENGTHS = _lengths()

_COMMON_STEMS = frozenset(_stem(word) for word in _COMMON)


def _weigh(concept: str) -> float:
    if concept in _COMMON or concept in _COMMON_STEMS:
        return 0.25
    if concept in _MEDIUM:
        return 0.6
    if concept.isdigit():
        return 0.5 if len(concept) == 4 and concept.startswith(("19", "20")) else 1.3
    return 1.0


class _Weights(dict[str, float]):
    """Weights worked out once per concept; emptied when feeds have brought too many different words."""

    def __missing__(self, concept: str) -> float:
        if len(self) > 20_000:
            self.clear()
        found = self[concept] = _weigh(concept)
        return found


_WEIGHTS = _Weights()


def weight(concept: str) -> float:
    """How much a shared concept says about the event: everyday words little, names and numbers much."""
    return _WEIGHTS[concept]


def mass(concepts: Iterable[str]) -> float:
    """The sum of the weights."""
    return sum(map(_WEIGHTS.__getitem__, concepts))


@dataclass(frozen=True, slots=True)
class Sketch:
    """An entry's report reduced to what two reports of one event share."""

    title: frozenset[str]
    lead: frozenset[str]  # title and the first 400 characters of the excerpt
    names: frozenset[
        str
    ]  # concepts written with a capital inside a sentence of the excerpt, and title words so written
    numbers: frozenset[str]
    order: tuple[str, ...]  # concepts of the title, in order
    title_mass: float
    lead_mass: float


_NAME = re.compile(r"[A-Z](?<!\w[A-Z])(?<!^[A-Z])(?<![.!?:;\"“] [A-Z])[A-Za-z’'-]+")
"""What stands before it is looked at last: searching for a capital letter is fast, looking back everywhere is not."""


def _names(text: str) -> set[str]:
    """Words with a capital letter that do not begin a sentence."""
    found: set[str] = set()
    for match in _NAME.finditer(text):
        found.update(concepts(match.group()))
    return {name for name in found if weight(name) >= 0.6}


def sketch(title: str, excerpt: str) -> Sketch:
    """The sketch of a title and the plain text after it."""
    lead_text = excerpt[:400]
    order = tuple(concepts(title))
    words = title.split()
    title_case = sum(word[:1].isupper() for word in words) > 0.7 * len(words) if words else True
    names = _names(lead_text) | (set() if title_case else _names(title))
    numbers = {
        match.group(1).replace(",", "") + (match.group(2) or "") for match in _NUMBER.finditer(f"{title} {lead_text}")
    }
    title_concepts = frozenset(order)
    lead = title_concepts.union(concepts(lead_text))
    return Sketch(
        title=title_concepts,
        lead=lead,
        title_mass=mass(title_concepts),
        lead_mass=mass(lead),
        names=frozenset(names),
        numbers=frozenset(numbers),
        order=order,
    )


def overlap(shared: float, one: float, other: float) -> float:
    """Weighted Dice coefficient, 0 .. 1, of the mass shared and the two whole ones."""
    total = one + other
    return 2 * shared / total if total else 0.0


def lead_overlap(one: Sketch, other: Sketch) -> float:
    """How alike two titles with their leads are, 0 .. 1."""
    return overlap(mass(one.lead & other.lead), one.lead_mass, other.lead_mass)


def minhashes(entry: Sketch, count: int) -> tuple[str, ...]:
    """Weighted minhash values: two sketches share each with about the probability of their weighted Jaccard index.
    ``count``: at most MOST_HASHES.

    Everyday words take no part while there are others: half of all entries would share them. Consistent sampling: the
    concept with the smallest -ln(hash)/weight wins (Gollapudi and Panigrahy 2006).
    """
    weights, title = _WEIGHTS, entry.title
    telling = [token for token in entry.lead if weights[token] >= 0.5] or list(entry.lead)
    rows = [_DRAWS_OF_TITLE[token] if token in title else _DRAWS[token] for token in telling]
    found = []
    for number, column in enumerate(islice(zip(*rows, strict=True), count)):
        least = min(column)
        token = telling[column.index(least)]
        if column.count(least) > 1:  # two tokens of one hash: the order of a set is another in each process
            token = min(token for value, token in zip(column, telling, strict=True) if value == least)
        found.append(f"{number:x}:{token}"[:40])
    return tuple(found)


MOST_HASHES = 12
_STARTS = [crc32(f"{number}/".encode()) for number in range(MOST_HASHES)]


class _Draws(dict[str, "array[float]"]):
    """Fixed pseudo-random numbers with exponential distribution for a token, divided by its share.

    Emptied when feeds have brought too many different words.
    """

    def __init__(self, times: float) -> None:
        self._times = times

    def __missing__(self, token: str) -> array[float]:
        if len(self) > 2_000:
            self.clear()
        share = weight(token) ** 2 * self._times
        written = token.encode()
        draws = array("d", [-log((crc32(written, start) + 1) / 4294967297) / share for start in _STARTS])
        self[token] = draws
        return draws


_DRAWS, _DRAWS_OF_TITLE = _Draws(1.0), _Draws(2.0)
