"""Precision, recall and F1 of the rules on labelled entries, as ../shared/tools/tag_score.py counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Row:
    """Counts of one topic."""

    found: int = 0  # rightly
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 0.0

    @property
    def f1(self) -> float:
        both = 2 * self.found + self.wrong + self.missed
        return 2 * self.found / both if both else 0.0

    def count(self, *, want: bool, got: bool) -> None:
        self.found += want and got
        self.wrong += got and not want
        self.missed += want and not got


@dataclass(slots=True)
class Card:
    """Rows by topic, relevance last, and a line for every disagreement."""

    topics: dict[str, Row]
    relevance: Row = field(default_factory=Row)
    disagreements: list[str] = field(default_factory=list)
    labelled: int = 0  # entries with labels

    @property
    def macro(self) -> float:
        """Mean F1 over the topics that occur among labels or answers."""
        met = [row.f1 for row in self.topics.values() if row.found + row.wrong + row.missed]
        return sum(met) / len(met) if met else 0.0

    def rows(self) -> Iterator[tuple[str, Row]]:
        yield from self.topics.items()
        yield "relevance", self.relevance

    def as_json(self) -> dict[str, Any]:
        rows = {
            name: {
                "p": row.precision,
                "r": row.recall,
                "f1": row.f1,
                "tp": row.found,
                "fp": row.wrong,
                "fn": row.missed,
            }
            for name, row in self.rows()
        }
        return {"scores": rows if self.labelled else {}, "macro_f1": self.macro, "disagreements": self.disagreements}


def score(given: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]], topics: Sequence[str]) -> Card:
    """Compare labels (``topics``, ``topics_maybe``, ``relevant``) with answers; others are passed over."""
    card = Card({topic: Row() for topic in topics})
    for item, answer in zip(given, answers, strict=True):
        labels = item.get("topics")
        if not isinstance(labels, (list, tuple)):
            continue
        card.labelled += 1
        want, got, maybe = set(labels), set(answer["topics"]), set(item.get("topics_maybe") or ())
        said = []
        for topic, row in card.topics.items():
            if topic not in maybe:
                row.count(want=topic in want, got=topic in got)
                if (topic in want) != (topic in got):
                    said.append(f"{'+' if topic in got else '−'}{topic}")
        relevant = item.get("relevant")
        if relevant in ("yes", "no", True, False):
            wanted = relevant in ("yes", True)
            card.relevance.count(want=wanted, got=bool(answer["relevant"]))
            if wanted != answer["relevant"]:
                said.append("+relevant" if answer["relevant"] else "−relevant")
        if said:
            card.disagreements.append(f"{item['id']}: {' '.join(said)}  {item.get('title', '')}")
    return card
