"""Which entries tell the same story: the same event, paper, trial record or announcement.

new entry ─▶ story_keys     what to look up: identifiers and links (exact), bands of a sketch of its words (near)
store     ─▶ candidates     entries that share a key; an index lookup, so the cost does not grow with the store
          ─▶ decide         join which story, and why
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ketfeed.model import Entry, Tagging

WINDOW = timedelta(days=21)
"""How far apart two reports of one event may be; identifiers and links join without a bound."""


@dataclass(frozen=True, slots=True)
class StoryKeys:
    """What to look up to find an entry's possible companions; all short strings."""

    exact: tuple[str, ...] = ()  # identifiers and canonical links: looked up without a time bound
    near: tuple[str, ...] = ()  # at most 12 bands of the sketch: looked up within WINDOW of the sort date


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryCandidate:
    """A stored entry that shares a key with a new one."""

    entry: Entry  # title, excerpt, links, published, source_id and identifiers are looked at; nothing bigger
    tagging: Tagging
    story: str  # opaque id of its story
    sort_at: datetime
    priority: int = 0  # of its source


@dataclass(frozen=True, slots=True)
class StoryDecision:
    """The story to join, or None for a story of its own, and the reasons an editor can read."""

    join: str | None
    reasons: tuple[str, ...] = ()
