"""What the store takes and gives, as frozen values. Times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ketfeed.model import Entry, Outcome, Poll, Publish, Source, SourceState, Tagging
from ketfeed.store.codec import TagColumns, tagging_of
from ketfeed.store.ready import ReadyFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class PollWrite:
    """Everything one poll leaves behind. ``feed`` None: not modified, unchanged or failed; only state is written."""

    poll: Poll  # its counts are filled in by the store
    state: SourceState  # the new one; counts and ``entries`` are filled in by the store
    source: Source
    feed: ReadyFeed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCounts:
    """What became of one PollWrite."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    known: bool = False  # at least one entry of the document was stored before
    error: str | None = None  # a sentence: this poll could not be stored, nothing of its entries or validators was
    outcome: Outcome | None = None  # storage, or internal for a bug of ours, when there is an error


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryMember:
    """Another entry of the same story, as "also covered by" shows it."""

    id: str
    title: str
    link: str | None
    source_id: str
    source_title: str
    kind: str
    published: datetime | None
    first_seen: datetime
    reasons: tuple[str, ...] = ()  # why it joined the story; empty for the first


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What a feed says about an entry's source; kept for sources that left the file, too."""

    id: str
    title: str
    homepage: str | None
    url: str
    publish: Publish
    language: str | None
    licence: str | None
    priority: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as remembered: what the document said, what rules and editors say, and where it stands."""

    number: int  # grows with every entry stored; for iteration, never shown
    entry: Entry
    tagging: Tagging  # the rules' word with the editors' decisions applied
    rule_tagging: Tagging  # the rules' word alone
    source: SourceFacts
    first_seen: datetime
    sort_at: datetime  # min(published or updated, first seen), never later than before
    changed_at: datetime  # when its public face last changed
    announced: bool  # False: older than the backfill of the source's first poll
    hidden: bool
    pinned: bool
    visible: bool  # may stand in public feeds
    story_id: str  # id of the first entry of the story: stable when the primary changes
    primary: bool  # the story shows itself by this entry
    also: tuple[StoryMember, ...] = ()  # the other visible members, the better ones first
    story_reasons: tuple[str, ...] = ()  # why it joined the story; empty for the first

    @property
    def public_id(self) -> str:
        """The id of the item in a feed: the story's when this entry stands for the story, else its own."""
        return self.story_id if self.primary else self.entry.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an entry's story stands in one feed of the listing."""

    feed: str  # all, t:TOPIC, k:KIND, s:SOURCE ID, p (pinned), u (without topic)
    entry_id: str  # the entry the story is shown by there
    rank: int  # 1: the newest; counted to 1,000
    source_rank: int  # 1: the newest of its source in this feed; counted to 1,000


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """What new rules changed about one entry, editors' decisions applied; empty fields: nothing of that sort."""

    id: str
    title: str
    link: str | None
    source_id: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    relevant: bool | None = None  # the new value, None when unchanged
    kind: tuple[str, str] | None = None  # before, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A stored entry handed out to be tagged or normalised again."""

    number: int
    entry: Entry
    source: Source
    tags: TagColumns  # the rules' word as stored
    content_hash: bytes  # an entry that changed meanwhile has another one and is left alone
    sort_at: int  # microseconds

    @property
    def tagging(self) -> Tagging:
        """The rules' word as stored."""
        return tagging_of(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a walk over all entries has come."""

    digest: str  # of the rules it applies
    after: int  # number of the last entry done
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedVersion:
    """When a listing feed last showed something new."""

    version: int
    changed_at: datetime
