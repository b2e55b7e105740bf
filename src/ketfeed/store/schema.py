"""The tables, as SQLModel defines them; SQLAlchemy Core reads and writes them (docs/design.md, decision 21).

```
source ─┬─ source_state    one row each: what the editor wrote, what polling learnt
        ├─ source_name     every id a source ever had
        ├─ poll            one row per visit, kept 30 days
        └─ entry ─┬─ match        topic and reasons, as the rules say
                  ├─ edit         what an editor decided, append-only
                  ├─ story_key    by what else this story could be found
                  ├─ story_link   why an entry joined a story
                  ├─ entry_fts    full text (SQLite: FTS5 over the entry's own columns)
                  └─ listing      in which feeds the entry stands; nothing else is public
feed_version   when a feed's list last changed      host_hold   until when a host asked for peace
archive_page   closed pages of a feed's history     meta        counters and marks
```

Times (times.py) are whole microseconds since 1970 in UTC: they compare and index as numbers on every database and come
back exactly as they were. Lists and reasons are JSON. Large columns stand last, so that a scan over the small ones does
not read them.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text
from sqlmodel import Field, SQLModel

# On SQLite only INTEGER PRIMARY KEY is the row's own number; on PostgreSQL numbers pass 32 bits.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class SourceRow(SQLModel, table=True):
    """A source as feeds.yaml last had it; a row is never removed, because entries belong to it."""

    __tablename__ = "source"

    number: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    id: str = Field(unique=True)
    active: bool  # still in the file
    position: int  # in the file
    relevance: str  # filter | all: decides what is public
    priority: int  # higher wins when a story picks its primary
    salt: str | None = None  # set when the id once belonged to another source: keeps entry ids unique for ever
    definition: str = Field(sa_column=Column(Text, nullable=False))  # JSON of model.Source


class SourceNameRow(SQLModel, table=True):
    """Every id a source ever had, so that a rename keeps history and a reused id gets new entry ids."""

    __tablename__ = "source_name"

    id: str = Field(primary_key=True)
    source: int = Field(sa_column=Column(NUMBER, ForeignKey("source.number"), nullable=False))
    renamed_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class SourceStateRow(SQLModel, table=True):
    """model.SourceState in columns: small, because a poll without news rewrites only this row."""

    __tablename__ = "source_state"
    __table_args__: ClassVar = (
        Index("source_state_due", "next_poll_at", sqlite_where=text("next_poll_at IS NOT NULL")),
    )

    source: int = Field(sa_column=Column(NUMBER, ForeignKey("source.number"), primary_key=True, autoincrement=False))
    url: str
    paused: bool = False
    gone: bool = False
    validators_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    entries_hash: str | None = None
    next_poll_at: int | None = Field(None, sa_column=Column(BigInteger))
    next_poll_reason: str = ""
    last_poll_at: int | None = Field(None, sa_column=Column(BigInteger))
    last_ok_at: int | None = Field(None, sa_column=Column(BigInteger))
    last_full_at: int | None = Field(None, sa_column=Column(BigInteger))
    last_outcome: str | None = None
    last_http_status: int | None = None
    last_error: str | None = None
    last_bytes: int = Field(0, sa_column=Column(BigInteger, nullable=False))
    last_seconds: float = 0.0
    last_new: int = 0
    last_updated: int = 0
    last_unchanged: int = 0
    failures: int = 0
    entries: int = 0
    health: str = "new"
    health_since: int | None = Field(None, sa_column=Column(BigInteger))
    moved_to: str | None = None
    moved_since: int | None = Field(None, sa_column=Column(BigInteger))
    moved_days: int = 0
    newest_at: int | None = Field(None, sa_column=Column(BigInteger))
    learnt: str = Field("{}", sa_column=Column(Text, nullable=False))  # JSON: the fields without a column


class PollRow(SQLModel, table=True):
    """One visit. Clustered by source: that is how polls are asked for and how old ones are removed."""

    __tablename__ = "poll"
    __table_args__: ClassVar = ({"sqlite_with_rowid": False},)

    source: int = Field(sa_column=Column(NUMBER, ForeignKey("source.number"), primary_key=True, autoincrement=False))
    started_at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    url: str
    outcome: str
    http_status: int | None = None
    error: str | None = None
    bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    seconds: float
    new: int
    updated: int
    unchanged: int


class EntryRow(SQLModel, table=True):
    """model.Entry as last read, with what the store itself knows of it."""

    __tablename__ = "entry"
    __table_args__: ClassVar = (
        Index("entry_identity", "source", "raw_id", unique=True),
        Index("entry_same", "source", "same_key"),
        Index("entry_story", "story"),
        Index("entry_sort", "sort_at", "source"),
    )

    number: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    id: str = Field(unique=True)
    source: int = Field(sa_column=Column(NUMBER, ForeignKey("source.number"), nullable=False))
    raw_id: str
    same_key: int | None = Field(None, sa_column=Column(BigInteger))  # link and title: what a new raw id cannot hide
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    story: int = Field(sa_column=Column(BigInteger, nullable=False))  # number of the story's first entry
    published: int | None = Field(None, sa_column=Column(BigInteger))
    updated: int | None = Field(None, sa_column=Column(BigInteger))
    first_seen: int = Field(sa_column=Column(BigInteger, nullable=False))
    sort_at: int = Field(
        sa_column=Column(BigInteger, nullable=False)
    )  # min(published or updated, first_seen), never later
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # last time its public face changed
    announced: bool  # False: older than the backfill of a first poll
    relevant: bool
    edited: bool  # an editor decided something about it
    kind: str
    language: str | None = None
    title: str = Field(sa_column=Column(Text, nullable=False))
    link: str | None = Field(None, sa_column=Column(Text))
    canonical_link: str | None = Field(None, sa_column=Column(Text))
    excerpt: str = Field(sa_column=Column(Text, nullable=False))
    data: str = Field(sa_column=Column(Text, nullable=False))  # JSON: the rarer fields of model.Entry
    tagging: str = Field(sa_column=Column(Text, nullable=False))  # JSON: model.Tagging without its matches
    names: str = Field(sa_column=Column(Text, nullable=False))  # authors, for search
    summary: str = Field(sa_column=Column(Text, nullable=False))
    summary_text: str = Field(sa_column=Column(Text, nullable=False))  # plain, for search; empty where text says it
    text: str = Field(sa_column=Column(Text, nullable=False))
    content: str = Field(sa_column=Column(Text, nullable=False))
    raw: str | None = Field(None, sa_column=Column(Text))  # JSON: raw_title, raw_summary, raw_content


class MatchRow(SQLModel, table=True):
    """A topic the rules give an entry, with the reasons."""

    __tablename__ = "match"
    __table_args__: ClassVar = ({"sqlite_with_rowid": False},)

    entry: int = Field(sa_column=Column(NUMBER, ForeignKey("entry.number"), primary_key=True, autoincrement=False))
    topic: str = Field(primary_key=True)
    position: int  # in the rule set
    score: float
    reasons: str = Field(sa_column=Column(Text, nullable=False))  # JSON, strongest first


class ListingRow(SQLModel, table=True):
    """A place in a feed. ``feed`` is ``all``, ``t:TOPIC``, ``k:KIND``, ``s:SOURCE NUMBER``, ``p`` (pinned) or ``u``
    (without topic). The primary key answers "the newest of this feed" by reading only what is shown."""

    __tablename__ = "listing"
    __table_args__: ClassVar = (
        Index("listing_story", "story"),
        Index("listing_archive", "feed", "seq", "story", sqlite_where=text("seq IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )

    feed: str = Field(primary_key=True)
    sort_at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry: int = Field(sa_column=Column(NUMBER, ForeignKey("entry.number"), primary_key=True, autoincrement=False))
    story: int = Field(sa_column=Column(BigInteger, nullable=False))
    source: int = Field(sa_column=Column(NUMBER, nullable=False))
    kind: str
    language: str | None = None
    seq: int | None = Field(None, sa_column=Column(BigInteger))  # store version that listed it; None: no archive


class StoryKeyRow(SQLModel, table=True):
    """By what a story can be found: a span of time in the upper bits, a hash in the lower 48 (linking.py).

    Keys of one time lie side by side, so that looking up and adding touches a few warm pages however many entries
    are stored."""

    __tablename__ = "story_key"
    __table_args__: ClassVar = ({"sqlite_with_rowid": False},)

    key: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))


class StoryReportRow(SQLModel, table=True):
    """An entry as story rules see it (keys.pack), for as long as the entry stays as it was; kept to save time alone.

    Working it out again for each new entry it is compared with was a third of storing at 6,000 sources."""

    __tablename__ = "story_report"

    entry: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    form: str  # keys.form
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))  # of the entry, as its content_hash
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    report: str = Field(sa_column=Column(Text, nullable=False))  # JSON


class StoryLinkRow(SQLModel, table=True):
    """Why an entry joined a story of others."""

    __tablename__ = "story_link"

    entry: int = Field(sa_column=Column(NUMBER, ForeignKey("entry.number"), primary_key=True, autoincrement=False))
    reasons: str = Field(sa_column=Column(Text, nullable=False))  # JSON list of sentences


class SplitStoryRow(SQLModel, table=True):
    """The name of a story whose first entry an editor moved away from, or back into, a story of others.

    Such a story has a negative number, because its first entry's number names the story it left.
    """

    __tablename__ = "split_story"

    story: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    id: str = Field(unique=True)


class EditRow(SQLModel, table=True):
    """An editor's decision; rows are only added. ``entry`` is empty until the entry is stored: edits read back from
    YAML may come before the first poll of a new database."""

    __tablename__ = "edit"

    number: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    entry: int | None = Field(None, sa_column=Column(NUMBER, ForeignKey("entry.number"), index=True))
    entry_id: str = Field(index=True)
    action: str
    value: str | None = None
    by: str
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    why: str


class FeedVersionRow(SQLModel, table=True):
    """When what a feed shows last changed: the store's version and the time."""

    __tablename__ = "feed_version"

    feed: str = Field(primary_key=True)
    places: int = Field(sa_column=Column(BigInteger, nullable=False))  # stories that stand in it
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    changed_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class ArchivePageRow(SQLModel, table=True):
    """A page of a feed's history (RFC 5005 section 4): closed when full, the same for ever after."""

    __tablename__ = "archive_page"

    feed: str = Field(primary_key=True)
    page: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})  # from 1, the oldest
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))  # the last place it holds
    story: int = Field(sa_column=Column(BigInteger, nullable=False))
    closed_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    entries: str = Field(sa_column=Column(Text, nullable=False))  # JSON list of entry numbers, newest first


class HostHoldRow(SQLModel, table=True):
    """Until when a host asked not to be visited (Retry-After)."""

    __tablename__ = "host_hold"

    host: str = Field(primary_key=True)
    until: int = Field(sa_column=Column(BigInteger, nullable=False))


class MetaRow(SQLModel, table=True):
    """Counters and marks: ``version``, ``backfill``, ``rules`` and the like."""

    __tablename__ = "meta"

    key: str = Field(primary_key=True)
    value: str


def _table(row: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(row.__tablename__)]


SOURCE = _table(SourceRow)
SOURCE_NAME = _table(SourceNameRow)
STATE = _table(SourceStateRow)
POLL = _table(PollRow)
ENTRY = _table(EntryRow)
MATCH = _table(MatchRow)
LISTING = _table(ListingRow)
STORY_KEY = _table(StoryKeyRow)
STORY_REPORT = _table(StoryReportRow)
STORY_LINK = _table(StoryLinkRow)
SPLIT_STORY = _table(SplitStoryRow)
EDIT = _table(EditRow)
FEED_VERSION = _table(FeedVersionRow)
ARCHIVE_PAGE = _table(ArchivePageRow)
HOST_HOLD = _table(HostHoldRow)
META = _table(MetaRow)

METADATA = SQLModel.metadata
