"""The words of ketfeed as frozen values, without any input or output.

Read from the top in the order of the road: what an editor wrote (Source, RuleSet, Catalog), what came over the
network (FetchResult), what the document said (ParsedFeed), what we made of it (Entry, NormalisedFeed), what it is
about (Tagging), and what is remembered and published (Poll, SourceState, Edit, FeedQuery).

All times are aware and in UTC. All sequences are tuples, in the order of the document unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha1
from typing import Literal, NamedTuple, get_args
from uuid import UUID

Outcome = Literal[
    "ok", "not_modified",
    "timeout", "connection_error", "dns", "tls", "protocol_error", "truncated", "bad_encoding", "too_large",
    "http_error", "auth_required", "gone", "rate_limited", "bad_url", "unsupported_scheme", "blocked_address",
    "blocked_port", "redirect_error", "too_many_redirects", "self_loop", "not_a_feed", "forbidden_xml",
    "parse_error", "parse_timeout", "storage", "internal",
]  # fmt: skip
"""How a poll ended; a closed list (docs/design.md)."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
GOOD_OUTCOMES: tuple[Outcome, ...] = ("ok", "not_modified")

SourceKind = Literal[
    "agency", "registry", "search", "preprint", "journal", "news", "trade", "press-release", "opinion",
    "nonprofit", "university", "database", "community", "video", "podcast", "provider", "page",
]  # fmt: skip
SOURCE_KINDS: tuple[SourceKind, ...] = get_args(SourceKind)

EntryKind = Literal[
    "research", "preprint", "trial-record", "review", "guideline", "news", "press-release", "opinion", "guide",
    "video", "podcast", "provider", "safety-alert",
]  # fmt: skip
ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)

Publish = Literal["full", "summary", "link"]
"""How much of an entry the source lets us republish."""

RelevancePolicy = Literal["filter", "all"]
"""filter: only relevant entries are published; all: every entry is."""

Field = Literal["title", "summary", "content", "category", "source", "link", "kind", "edit"]
"""Where in an entry a reason was found; ``source`` is the source's default topics, ``edit`` an editor's word."""


# ---------------------------------------------------------------- what an editor writes


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials by the names of environment variables; the values are never kept."""

    scheme: Literal["basic", "bearer"]
    env: str  # basic: the variable holds "user:password"; bearer: the token


@dataclass(frozen=True, slots=True)
class PageRule:
    """How to read entries off an HTML page. CSS selectors, or XPath when they start with ``/`` or ``./``.

    None everywhere means: find the structure yourself (JSON-LD, microdata, <article>/<time>, else the link rule).
    """

    items: str | None = None
    link: str | None = None
    title: str | None = None
    date: str | None = None
    summary: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class SitemapRule:
    """Which addresses of a sitemap are entries: regular expressions searched in the address."""

    include: str | None = None
    exclude: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A feed, page or sitemap that ketfeed follows, as ``feeds.yaml`` has it with defaults filled in."""

    id: str  # slug, unique, stable: it names the source's history
    url: str  # as written by the editor
    type: Literal["feed", "page", "sitemap"] = "feed"
    title: str = ""
    homepage: str | None = None
    kind: SourceKind = "news"
    topics: tuple[str, ...] = ()  # given to every entry, with the reason "source"
    publish: Publish = "summary"
    relevance: RelevancePolicy = "filter"
    every: int | None = None  # seconds between polls; None: adaptive
    priority: int = 0  # higher wins when a story picks its primary entry
    paused: bool = False
    language: str | None = None  # BCP 47, for entries that do not say
    licence: str | None = None
    group: str | None = None  # folder of an OPML export
    headers: tuple[tuple[str, str], ...] = ()
    auth: Auth | None = None
    page: PageRule = PageRule()
    sitemap: SitemapRule = SitemapRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One rule of a topic: a folded whole-word phrase, or a regular expression where ``regex`` is set."""

    text: str  # as the editor wrote it; a trailing * matches any end of the last word
    weight: float = 1.0  # negative weights argue against
    regex: bool = False
    unless: tuple[str, ...] = ()  # phrases around the term that cancel it
    near: tuple[str, ...] = ()  # YAML ``with``: one of these must stand in the same entry, near the term
    fields: tuple[Field, ...] = ()  # empty: every field
    languages: tuple[str, ...] = ()  # empty: every language


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRule:
    """A topic and what makes an entry belong to it."""

    id: str
    title: str
    description: str = ""
    terms: tuple[Term, ...] = ()
    unless: tuple[str, ...] = ()  # contexts that cancel a term of this topic
    threshold: float | None = None  # None: the rule set's
    requires: tuple[str, ...] = ()  # one of these must stand somewhere in the entry; empty: nothing is required
    indication: bool = False  # a condition: it counts little where many conditions are listed
    gathers: int | None = None  # from this many different indications named together the entry belongs here
    matches: tuple[str, ...] = ()  # example sentences, proved by ``ketfeed check``
    rejects: tuple[str, ...] = ()  # YAML ``not``


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """``topics.yaml`` with groups expanded: topics in file order, relevance as one more rule, field weights."""

    topics: tuple[TopicRule, ...] = ()
    relevance: TopicRule = TopicRule(id="relevance", title="Relevance")
    weights: Mapping[str, float] = field(default_factory=dict)  # Field → factor; missing: the matcher's default
    threshold: float | None = None  # None: the matcher's default
    asides: tuple[str, ...] = ()  # phrases that make an indication after them a side remark ("also used for")
    boilerplate: tuple[str, ...] = ()  # phrases after which the rest of a field counts little ("about the company")
    digest: str = ""  # hash of the file: a match knows which rules made it


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedQuery:
    """Which entries a feed holds; the canonical form has sorted values and leaves defaults out."""

    topics: tuple[str, ...] = ()
    match: Literal["any", "all"] = "any"
    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    not_sources: tuple[str, ...] = ()
    words: str | None = None  # YAML and URL ``q``: full text
    languages: tuple[str, ...] = ()
    limit: int = 50  # 1 .. 200
    pinned: bool | None = None  # True: only entries an editor pinned
    untagged: bool = False  # only entries without any topic


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFeed:
    """A query with an address of its own, from ``feeds:`` in feeds.yaml."""

    slug: str
    title: str
    query: FeedQuery
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What ketfeed says of itself in feeds and pages."""

    title: str = "ketfeed"
    description: str = ""
    base_url: str | None = None
    language: str = "en"
    icon: str | None = None
    hubs: tuple[str, ...] = ()  # WebSub
    max_per_source: int = 15  # entries of one source in one feed
    backfill: int = 20  # newest entries announced when a source is first polled


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything editors wrote, checked; sources in file order."""

    site: Site = Site()
    sources: tuple[Source, ...] = ()
    feeds: tuple[NamedFeed, ...] = ()
    rules: RuleSet = RuleSet()
    digest: str = ""  # hash over both files


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in a configuration file: where, what, and what to write instead."""

    file: str
    line: int  # from 1
    column: int  # from 1
    key: str  # full path, such as sources[3].every
    problem: str
    advice: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        parts = [f"{self.file}:{self.line}:{self.column}", self.key, self.problem, self.advice]
        return ": ".join(part for part in parts if part)


# ---------------------------------------------------------------- what came over the network


@dataclass(frozen=True, slots=True)
class Validators:
    """What to send back to ask "has it changed?" (RFC 9110 section 13), byte for byte as received.

    They belong to one address: when the source's address differs from ``url`` they are not sent.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: from an address, with a status (301, 302, 303, 307, 308), to an absolute address."""

    url: str
    status: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """Any HTTP reply after redirects; also 304, 410, 429 and 503, whose headers the cadence needs."""

    url: str  # asked for
    final_url: str  # answered from
    status: int
    headers: tuple[tuple[str, str], ...]  # lower-case names, in order, repeated names kept
    body: bytes  # decoded, complete, within the limits; empty for 304 and other statuses without a feed
    wire_bytes: int  # of all hops
    seconds: float  # of all hops
    redirects: tuple[Redirect, ...] = ()
    conditional: bool = False  # validators went with the request that was answered; a 304 without them is a fault

    def header(self, name: str) -> str | None:
        """The values of a header joined with ", ", or None; ``name`` in lower case."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


# ---------------------------------------------------------------- what we made of it


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    uri: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """The source's own label; our labels are topics."""

    term: str
    scheme: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Enclosure:
    url: str
    type: str | None = None  # media type
    length: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Image:
    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class RawText:
    """A text construct as the document had it, kept so that a better sanitiser can be run again."""

    value: str
    type: Literal["text", "html", "xhtml"]
    base: str | None = None  # for relative addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of a source: clean, absolute, dated and identified. Identity is (source_id, raw_id)."""

    id: str  # entry_id(source_id, raw_id) when first seen; public and stable for ever
    source_id: str
    raw_id: str  # guid or atom:id untouched, else the link as written, else a hash
    title: str  # plain text, at most 1,000 characters; may be empty
    link: str | None  # absolute http or https
    canonical_link: str | None = None  # key of "the same page": scheme, www, slash, AMP and trackers folded
    link_is_redirect: bool = False  # Google News, FeedBurner and the like
    summary: str = ""  # safe HTML: the document's own summary
    content: str = ""  # safe HTML: the document's content
    excerpt: str = ""  # plain text of summary or content, cut at a sentence
    text: str = ""  # plain text of content, for topics and search
    authors: tuple[Person, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None
    categories: tuple[Category, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    image: Image | None = None
    language: str | None = None  # BCP 47
    comments_link: str | None = None
    comments_count: int | None = None
    rights: str | None = None
    identifiers: tuple[str, ...] = ()  # from fields of the document: "doi:10.1/x", "pmid:1", "nct:NCT01234567"
    notes: tuple[str, ...] = ()  # one per repair: "date: missing, first seen used"
    raw_title: RawText | None = None
    raw_summary: RawText | None = None
    raw_content: RawText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedInfo:
    """What a document says of itself, beside its entries."""

    format: str  # rss2.0, rss1.0, atom1.0, jsonfeed1.1, cdf, page, sitemap ...
    title: str = ""
    homepage: str | None = None
    self_link: str | None = None
    language: str | None = None
    generator: str | None = None
    hubs: tuple[str, ...] = ()
    new_feed_url: str | None = None  # itunes:new-feed-url
    ttl: int | None = None  # seconds: <ttl>, or sy:updatePeriod / sy:updateFrequency, the longer
    skip_hours: tuple[int, ...] = ()  # 0 .. 23, UTC
    skip_days: tuple[int, ...] = ()  # Monday is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedFeed:
    """A document read to the end: what it says of itself, its entries newest first as written, repairs."""

    info: FeedInfo
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    taggings: tuple[Tagging, ...] = ()  # one per entry, same order; empty when tagging was not asked for
    more: tuple[str, ...] = ()  # addresses that hold the rest: the sitemaps of an index file, newest first


# ---------------------------------------------------------------- what it is about


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: which rule, where it stands, and the words of the entry that fulfilled it."""

    term: str  # the rule as the editor wrote it
    field: Field
    start: int  # characters from the start of the field as plain text
    text: str  # as the entry has it
    weight: float = 1.0  # what this place added to the score


@dataclass(frozen=True, slots=True)
class TopicMatch:
    topic: str
    reasons: tuple[Reason, ...]  # strongest first, never empty
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """Everything rules say of one entry; recomputable at any time."""

    matches: tuple[TopicMatch, ...] = ()  # in the order of the rule set
    relevant: bool = False
    relevance_reasons: tuple[Reason, ...] = ()
    kind: EntryKind = "news"
    kind_reasons: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()  # "doi:", "pmid:", "pmcid:", "nct:", "euct:", "isrctn:" + value, sorted
    facts: tuple[tuple[str, str], ...] = ()  # ("phase", "Phase 2"), in the source's words


# ---------------------------------------------------------------- what is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One visit of one source, kept for 30 days; the row of ``poll --json``."""

    source_id: str
    url: str
    started_at: datetime
    outcome: Outcome
    http_status: int | None = None
    error: str | None = None  # a sentence for a person, control characters escaped
    bytes: int = 0  # on the wire
    seconds: float = 0.0
    new: int = 0
    updated: int = 0
    unchanged: int = 0


HealthState = Literal["new", "healthy", "quiet", "failing", "blocked", "moved", "gone", "paused"]


class HealthSpell(NamedTuple):
    """A time for which a source was doing the same."""

    health: HealthState
    since: datetime
    error: str | None  # the last one, when it was doing badly


SPELLS_KEPT = 10  # of a source, beside the one it is in


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What the store remembers of a source; None where nothing is known yet."""

    source_id: str
    url: str
    active: bool = True  # still in feeds.yaml
    paused: bool = False  # by the editor
    gone: bool = False  # 410: not polled until resumed
    validators: Validators | None = None
    body_hash: str | None = None
    entries_hash: str | None = None
    next_poll_at: datetime | None = None  # None: never (gone or paused)
    next_poll_reason: str = ""  # "Cache-Control: max-age=3600" and the like
    last_poll_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_full_at: datetime | None = None  # last unconditional fetch
    last_outcome: Outcome | None = None
    last_http_status: int | None = None
    last_error: str | None = None
    last_bytes: int = 0
    last_seconds: float = 0.0
    last_new: int = 0
    last_updated: int = 0
    last_unchanged: int = 0
    failures: int = 0  # in a row
    entries: int = 0  # stored
    newest_at: datetime | None = None  # date of the newest entry seen
    gap: int | None = None  # seconds between entries: the median of the source's own recent gaps
    ttl: int | None = None  # seconds, as the last document read said; a 304 does not repeat it
    skip_hours: tuple[int, ...] = ()  # 0 .. 23, UTC, of the last document read
    skip_days: tuple[int, ...] = ()  # Monday is 0, of the last document read
    health: HealthState = "new"
    health_since: datetime | None = None
    moved_to: str | None = None  # proposed permanent redirect
    moved_since: datetime | None = None
    moved_days: int = 0  # different days on which it was seen
    searched_at: datetime | None = None  # when its site was last searched for another feed
    alternative: str | None = None  # the feed found then; proposed, never taken up by itself
    alternative_how: str = ""  # where it was found and what speaks for it, in words
    spells: tuple[HealthSpell, ...] = ()  # how it was doing before, newest first; the time it was new is none

    def turned(self, health: HealthState, now: datetime, error: str | None = None) -> SourceState:
        """The state with its word of health; when the word changes, what it was is kept (``error``: of that time)."""
        if health == self.health:
            return self
        spells = self.spells
        if self.health != "new" and self.health_since is not None:
            spells = (HealthSpell(self.health, self.health_since, error), *spells)[:SPELLS_KEPT]
        return replace(self, health=health, health_since=now, spells=spells)


EditAction = Literal["hide", "unhide", "pin", "unpin", "add-topic", "remove-topic", "set-kind", "split", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An editor's decision: an append-only fact that wins over rules."""

    entry_id: str
    action: EditAction
    value: str | None = None  # topic, kind, or the other entry of a join
    by: str
    at: datetime
    why: str


ENTRY_NAMESPACE = UUID("6f1c3c0e-6d0f-5d3b-9a39-2f0a2c1e8b57")
_NAMESPACE = ENTRY_NAMESPACE.bytes


def entry_id(source_id: str, raw_id: str) -> str:
    """The public id of a new entry: a UUID (RFC 9562 version 5) of its identity, the same on every machine."""
    digest = sha1(_NAMESPACE + f"{source_id}\n{raw_id}".encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]  # section 4.1; the version stands in section 5.5
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
