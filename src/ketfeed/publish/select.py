"""Which feeds there are, what each is called, and which entries it holds: addresses ↔ queries.

```
/feeds/all  /feeds/{topic}  /feeds/{named}  /feeds/kind/{kind}  /feeds/source/{id}  /feeds/story/{id}
           └─ each but a story also as …/daily  …/weekly  …/archive/{n}
/feeds/q?topic=…&match=…&kind=…&source=…&not_source=…&q=…&lang=…&limit=…
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID, uuid5

from ketfeed.errors import UsageError
from ketfeed.model import ENTRY_KINDS, Catalog, EntryKind, FeedQuery, NamedFeed, Source, TopicRule
from ketfeed.publish.wording import language, plain

FEED_NAMESPACE = UUID("0e6a6dd4-7c57-5a06-8f0c-6e5b7f3f2d10")
"""Ids of feeds and digests: the same for ever, whatever the address of the site."""

DEFAULT_LIMIT = FeedQuery().limit
MAX_LIMIT = 200
MAX_WORDS = 200  # characters of q
MAX_VALUES = 50  # of one parameter

KIND_TITLES: dict[EntryKind, str] = {
    "research": "Research",
    "preprint": "Preprints",
    "trial-record": "Trial records",
    "review": "Reviews",
    "guideline": "Guidelines",
    "news": "News",
    "press-release": "Press releases",
    "opinion": "Opinion",
    "guide": "Guides",
    "video": "Video",
    "podcast": "Podcasts",
    "provider": "Providers",
    "safety-alert": "Safety alerts",
}

View = Literal["live", "daily", "weekly", "archive"]
Group = Literal["all", "topic", "named", "kind", "source", "story", "query"]

_ARCHIVE = re.compile(r"(?P<key>.+)/archive/(?P<number>[1-9][0-9]{0,8})")
_DIGEST = re.compile(r"(?P<key>.+)/(?P<view>daily|weekly)")
_STORY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class QueryError(UsageError):
    """A query no feed can answer; ``parameter`` names what is wrong, the text says why and what to write."""

    def __init__(self, parameter: str, problem: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed as it is addressed, before any entry is read."""

    base: str  # "ptsd", "kind/research", "q?topic=ptsd"
    group: Group
    title: str
    description: str
    query: FeedQuery
    view: View = "live"
    number: int = 0  # page of an archive, from 1, the oldest
    story: str | None = None

    @property
    def key(self) -> str:
        """The address below /feeds/ without its ending; the base of a query keeps its parameters."""
        if self.view == "live":
            return self.base
        return f"{self.base}/archive/{self.number}" if self.view == "archive" else f"{self.base}/{self.view}"

    @property
    def name(self) -> str:
        """The title without the site's and without the view: "PTSD"."""
        return self.title.rpartition(" · ")[0].removesuffix(f", {self.view}")

    @property
    def id(self) -> str:
        return f"urn:uuid:{uuid5(FEED_NAMESPACE, self.key)}"

    def path(self, ending: str) -> str:
        """The address on the site: ``path("atom")`` → "/feeds/ptsd.atom"."""
        name, mark, parameters = self.key.partition("?")
        return f"/feeds/{quote(name)}.{ending}{mark}{parameters}"

    @property
    def page(self) -> str:
        """The address of the HTML twin."""
        if self.group == "topic" and self.view == "live":
            return f"/topics/{quote(self.base)}/"
        name, mark, parameters = self.key.partition("?")
        return f"/feeds/{quote(name)}{mark}{parameters}" if mark else f"/feeds/{quote(name)}/"


def listed(catalog: Catalog) -> list[Feed]:
    """Every feed with an address of its own: all, topics, named feeds, kinds, sources; in that order."""
    site = catalog.site.title
    feeds = [
        Feed(
            base="all",
            group="all",
            title=f"All topics · {site}",
            description=catalog.site.description or f"Everything {site} publishes, each story once.",
            query=FeedQuery(),
        )
    ]
    feeds += [_topic_feed(topic, site) for topic in catalog.rules.topics]
    feeds += [_named_feed(named, site) for named in catalog.feeds]
    feeds += [_kind_feed(kind, site) for kind in ENTRY_KINDS]
    feeds += [_source_feed(source, site) for source in catalog.sources]
    return feeds


def _topic_feed(topic: TopicRule, site: str) -> Feed:
    return Feed(
        base=topic.id,
        group="topic",
        title=f"{plain(topic.title)} · {site}",
        description=plain(topic.description) or f"{plain(topic.title)}, each story once.",
        query=FeedQuery(topics=(topic.id,)),
    )


def _named_feed(named: NamedFeed, site: str) -> Feed:
    return Feed(
        base=named.slug,
        group="named",
        title=f"{plain(named.title)} · {site}",
        description=plain(named.description) or f"{plain(named.title)}, each story once.",
        query=named.query,
    )


def _source_feed(source: Source, site: str) -> Feed:
    title = plain(source.title) or source.id
    return Feed(
        base=f"source/{source.id}",
        group="source",
        title=f"{title} · {site}",
        description=f"What {site} publishes from {title}.",
        query=FeedQuery(sources=(source.id,)),
    )


def _kind_feed(kind: EntryKind, site: str) -> Feed:
    return Feed(
        base=f"kind/{kind}",
        group="kind",
        title=f"{KIND_TITLES[kind]} · {site}",
        description=f"{KIND_TITLES[kind]} on every topic of {site}, each story once.",
        query=FeedQuery(kinds=(kind,)),
    )


def find(catalog: Catalog, key: str) -> Feed | None:
    """The feed at an address below /feeds/ without its ending, or None. Queries are read by ``query_feed``."""
    known = {feed.base: feed for feed in listed(catalog)}
    if key in known:
        return known[key]
    if key.startswith("story/") and _STORY.fullmatch(key.removeprefix("story/")):
        story = key.removeprefix("story/")
        return Feed(
            base=key,
            group="story",
            title=f"One story · {catalog.site.title}",
            description="Every report of one story, newest first.",
            query=FeedQuery(),
            story=story,
        )
    if found := _DIGEST.fullmatch(key):
        feed = known.get(found["key"])
        return digest_of(feed, "daily" if found["view"] == "daily" else "weekly") if feed else None
    if found := _ARCHIVE.fullmatch(key):
        feed = known.get(found["key"])
        return archive_of(feed, int(found["number"])) if feed else None
    return None


def digest_of(feed: Feed, view: Literal["daily", "weekly"]) -> Feed:
    """The digest of a feed: one item for the last finished day or week."""
    span = "day" if view == "daily" else "week"
    return replace(
        feed,
        view=view,
        title=_titled(feed, view),
        description=f"One item for each {span}: its stories, those with the most reports first. {feed.description}",
    )


def archive_of(feed: Feed, number: int) -> Feed:
    """Page ``number`` of a feed's history, from 1, the oldest."""
    return replace(feed, view="archive", number=number, title=_titled(feed, f"archive {number}"))


def _titled(feed: Feed, addition: str) -> str:
    name, mark, site = feed.title.rpartition(" · ")
    return f"{name}, {addition}{mark}{site}"


# ---------------------------------------------------------------- queries

PARAMETERS = ("kind", "lang", "limit", "match", "not_source", "q", "source", "topic")


def query_feed(catalog: Catalog, raw: str) -> Feed:
    """The feed of a query string as it stands behind "?" in an address.

    Its ``base`` holds the canonical form: parameters and values sorted, defaults left out. Raises QueryError.
    """
    query = parse_query(catalog, raw)
    canonical = canonical_query(query)
    titles = {topic.id: plain(topic.title) for topic in catalog.rules.topics}
    words = _describe(query, titles, {source.id: plain(source.title) or source.id for source in catalog.sources})
    return Feed(
        base=f"q?{canonical}" if canonical else "all",
        group="query" if canonical else "all",
        title=f"{words} · {catalog.site.title}",
        description=f"{words}, each story once. A feed of your own query on {catalog.site.title}.",
        query=query,
    )


def parse_query(catalog: Catalog, raw: str) -> FeedQuery:
    """Read the parameters of a query. Raises QueryError for the first one that is wrong."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=200)
    except (ValueError, UnicodeDecodeError) as error:
        raise QueryError("query", "cannot be read as parameters; write name=value pairs joined by &") from error
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in PARAMETERS:
            raise QueryError(plain(name)[:40] or "query", f"is not a parameter; there are {', '.join(PARAMETERS)}")
        given.setdefault(name, []).append(value.strip())
    topics = _values(given, "topic", [topic.id for topic in catalog.rules.topics])
    match = (_single(given, "match") or "any").lower()
    if match not in ("any", "all"):
        raise QueryError("match", "is any or all")
    return FeedQuery(
        topics=topics,
        match="all" if match == "all" and len(topics) > 1 else "any",
        kinds=_values(given, "kind", ENTRY_KINDS),
        sources=_values(given, "source", [source.id for source in catalog.sources]),
        not_sources=_values(given, "not_source", [source.id for source in catalog.sources]),
        words=_words(_single(given, "q")),
        languages=_languages(given.get("lang", [])),
        limit=_limit(_single(given, "limit")),
    )


def canonical_query(query: FeedQuery) -> str:
    """The one spelling of a query: parameters and values sorted, defaults left out; empty for everything."""
    pairs: list[tuple[str, str]] = []
    pairs += [("kind", value) for value in query.kinds]
    pairs += [("lang", value) for value in query.languages]
    if query.limit != DEFAULT_LIMIT:
        pairs.append(("limit", str(query.limit)))
    if query.match != "any":
        pairs.append(("match", query.match))
    pairs += [("not_source", value) for value in query.not_sources]
    if query.words:
        pairs.append(("q", query.words))
    pairs += [("source", value) for value in query.sources]
    pairs += [("topic", value) for value in query.topics]
    return urlencode(pairs)


def _single(given: dict[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(set(values)) > 1:
        raise QueryError(name, "is given more than once")
    return values[0] if values else None


def _values(given: dict[str, list[str]], name: str, known: Iterable[str]) -> tuple[str, ...]:
    values = sorted({one.strip().lower() for value in given.get(name, []) for one in value.split(",") if one.strip()})
    if len(values) > MAX_VALUES:
        raise QueryError(name, f"has {len(values)} values; {MAX_VALUES} are the most")
    choices = list(known)
    for value in values:
        if value not in choices:
            shown = f"; there are {', '.join(choices)}" if len(choices) <= MAX_VALUES else ""
            raise QueryError(name, f"{plain(value)[:60]!r} is not known{shown}")
    return tuple(values)


def _words(value: str | None) -> str | None:
    words = plain(value or "")
    if len(words) > MAX_WORDS:
        raise QueryError("q", f"is longer than {MAX_WORDS} characters")
    if words and not any(letter.isalnum() for letter in words):
        raise QueryError("q", "has no word to search for")
    return words or None


def _languages(values: Sequence[str]) -> tuple[str, ...]:
    found = set()
    for value in values:
        if value:
            code = language(value)
            if code is None:
                raise QueryError("lang", f"{plain(value)[:20]!r} is no language code; write one such as en or pt-BR")
            found.add(code)
    return tuple(sorted(found))


def _limit(value: str | None) -> int:
    if not value:
        return DEFAULT_LIMIT
    if not (value.isascii() and value.isdigit() and len(value) <= 4 and 1 <= int(value) <= MAX_LIMIT):
        raise QueryError("limit", f"is a whole number from 1 to {MAX_LIMIT}")
    return int(value)


def _describe(query: FeedQuery, topics: dict[str, str], sources: dict[str, str]) -> str:
    parts = []
    if query.topics:
        joint = " and " if query.match == "all" else " or "
        parts.append(joint.join(topics.get(topic, topic) for topic in query.topics))
    if query.kinds:
        parts.append(" or ".join(title for kind, title in KIND_TITLES.items() if kind in query.kinds))
    if query.words:
        parts.append(f"“{query.words}”")
    if query.sources:
        parts.append("from " + ", ".join(sources.get(source, source) for source in query.sources))
    if query.not_sources:
        parts.append("not from " + ", ".join(sources.get(source, source) for source in query.not_sources))
    if query.languages:
        parts.append("in " + ", ".join(query.languages))
    return ", ".join(parts) or "All topics"
