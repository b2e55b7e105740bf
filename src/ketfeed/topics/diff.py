"""What other rules would change: taggings before and after, as lists an editor can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ketfeed.model import Entry, Reason, Tagging

RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that would gain or lose something, with the reasons that gave it."""

    entry: Entry
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class Difference:
    """Gains and losses per topic and of relevance, in the order the entries were looked at."""

    topics: dict[str, tuple[list[Change], list[Change]]] = field(default_factory=dict)  # topic → added, removed
    relevance: tuple[list[Change], list[Change]] = field(default_factory=lambda: ([], []))
    entries: int = 0  # looked at, counted by who looks

    def add(self, entry: Entry, before: Tagging, after: Tagging) -> None:
        """Compare the two taggings of one entry."""
        had = {match.topic: match for match in before.matches}
        has = {match.topic: match for match in after.matches}
        for topic in had.keys() - has.keys():
            self._of(topic)[1].append(Change(entry, had[topic].reasons))
        for topic in has.keys() - had.keys():
            self._of(topic)[0].append(Change(entry, has[topic].reasons))
        if before.relevant != after.relevant:
            gained, lost = self.relevance
            (gained if after.relevant else lost).append(
                Change(entry, after.relevance_reasons if after.relevant else before.relevance_reasons)
            )

    def _of(self, topic: str) -> tuple[list[Change], list[Change]]:
        return self.topics.setdefault(topic, ([], []))

    def __bool__(self) -> bool:
        return any(self.relevance) or any(added or removed for added, removed in self.topics.values())

    def as_json(self) -> dict[str, Any]:
        """``{topics: {ID: {added, removed}}, relevance: {added, removed}, entries: {ENTRY: {title, link, reasons}}}``.

        The reasons of an entry are by topic (and ``relevance``): the new ones of what it gains, the old ones of what
        it loses.
        """
        entries: dict[str, dict[str, Any]] = {}
        for name, (added, removed) in [*sorted(self.topics.items()), (RELEVANCE, self.relevance)]:
            for change in (*added, *removed):
                one = entries.setdefault(
                    change.entry.id, {"title": change.entry.title, "link": change.entry.link, "reasons": {}}
                )
                one["reasons"][name] = [
                    {"term": reason.term, "field": reason.field, "start": reason.start, "text": reason.text}
                    for reason in change.reasons
                ]
        return {
            "topics": {topic: _ids(*lists) for topic, lists in sorted(self.topics.items())},
            "relevance": _ids(*self.relevance),
            "entries": entries,
        }


def _ids(added: Sequence[Change], removed: Sequence[Change]) -> dict[str, list[str]]:
    return {"added": [change.entry.id for change in added], "removed": [change.entry.id for change in removed]}
