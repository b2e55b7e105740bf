"""A folder with ``feeds.yaml`` and ``topics.yaml`` → Catalog, or every complaint at once.

    bytes ─▶ marks.read_marked ─▶ schema (pydantic) ─▶ what needs two places ─▶ model.Catalog
              YAML and its traps    types, keys          ids, topics, addresses    defaults filled in

Nothing here raises for content: a file that cannot be read, is empty or is half written is a complaint, and there is
no Catalog, so that the caller keeps the last good one. An empty file never means "no sources".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ketfeed.catalog.checks import UNKNOWN, Surroundings, check_feeds, check_unique, items
from ketfeed.catalog.marks import Marked, read_marked
from ketfeed.catalog.rules import build_rules, check_groups
from ketfeed.catalog.schema import (
    FEEDS,
    RESERVED_SLUGS,
    TOPICS,
    DefaultsSpec,
    FeedsFile,
    NamedFeedSpec,
    SourceSpec,
    TopicsFile,
    seconds,
)
from ketfeed.catalog.wording import explain
from ketfeed.model import (
    Auth,
    Catalog,
    Complaint,
    FeedQuery,
    NamedFeed,
    PageRule,
    RuleSet,
    Site,
    SitemapRule,
    Source,
)

F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder says: a catalog unless there is an error, and every complaint in file and line order."""

    catalog: Catalog | None
    complaints: tuple[Complaint, ...]

    @property
    def errors(self) -> tuple[Complaint, ...]:
        """The complaints that must be mended."""
        return tuple(complaint for complaint in self.complaints if complaint.severity == "error")


def load_catalog(folder: FilePath, around: Surroundings = UNKNOWN) -> Loaded:
    """Read both files of a folder."""
    return load_marked(_read(folder / FEEDS), _read(folder / TOPICS), folder, around)


def load_marked(
    feeds: Marked | None,
    topics: Marked | None,
    folder: FilePath = FilePath(),
    around: Surroundings = UNKNOWN,
) -> Loaded:
    """Two files already read (None: not there in ``folder``) → Catalog. The files' names stand in the complaints."""
    rules = _rules(topics, _given_topics(feeds))
    # with errors in topics.yaml a topic that seems unknown may only be misspelt there
    topic_ids = None if topics is None or rules is None else _topic_ids(topics)
    catalog: Catalog | None = None
    if feeds is None:
        missing = Complaint(
            str(folder / FEEDS), 1, 1, "", "there is no such file", "write one: docs/editors.md shows three lines"
        )
        return Loaded(None, (missing, *_sorted(topics)))
    spec = _validate(feeds, FeedsFile, check_feeds(topic_ids, around))
    complaints = (*_sorted(feeds), *_sorted(topics))
    if topics is None:
        complaints += (
            Complaint(
                str(folder / TOPICS), 1, 1, "", "there is no such file", "without it nothing has a topic", "warning"
            ),
        )
    if spec is not None and rules is not None and not any(one.severity == "error" for one in complaints):
        catalog = _build(spec, rules)
    return Loaded(catalog, complaints)


def _sorted(marked: Marked | None) -> tuple[Complaint, ...]:
    if marked is None:
        return ()
    unique = dict.fromkeys(marked.complaints)
    return tuple(sorted(unique, key=lambda one: (one.line, one.column, one.severity)))


def _read(path: FilePath) -> Marked | None:
    """None when the file is not there; a file that cannot be opened is a complaint."""
    name = str(path)
    try:
        return read_marked(name, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        marked = Marked(name, broken=True)
        marked.complain((), f"cannot be read ({error.strerror})", "check its owner and permissions")
        return marked


# ---------------------------------------------------------------- one file


def _validate(marked: Marked, model: type[F], more: Callable[[Marked], None]) -> F | None:
    """The file as a pydantic model, None with complaints when it is not one. ``more`` adds what pydantic cannot see."""
    if marked.broken:
        return None
    if marked.empty:
        marked.complain((), "the file is empty", "put the sources back: an empty file is never taken as 'no sources'")
        return None
    if not isinstance(marked.data, dict):
        keys = ", ".join(f"{name}:" for name in model.model_fields)
        marked.complain((), "not a mapping", f"begin with the keys {keys}")
        return None
    data = {key: value for key, value in marked.data.items() if not key.startswith("x-")}
    spec: F | None = None
    try:
        spec = model.model_validate(data)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            explain(marked, model, item)
    more(marked)
    return spec


def _rules(marked: Marked | None, given: frozenset[str]) -> RuleSet | None:
    """The rule set of topics.yaml; an empty one when the file is missing or empty; None with errors.

    ``given``: topics that sources give to all their entries.
    """
    if marked is None:
        return RuleSet()
    if marked.empty and not marked.broken:
        marked.complain((), "the file is empty", "without topics only /feeds/all is published", warning=True)
        return RuleSet()

    def more(marked: Marked) -> None:
        check_groups(marked)
        check_unique(marked, "topics", "id", "topic")
        for index, item in items(marked, "topics"):
            if isinstance(item.get("id"), str) and item["id"] in RESERVED_SLUGS:
                marked.complain(("topics", index, "id"), f"{item['id']} is an address of its own", "choose another id")
            if not item.get("terms") and str(item.get("id")) not in given:
                problem = "no terms, and no source gives it: it is never used"
                marked.complain(("topics", index), problem, "add terms:", warning=True)

    spec = _validate(marked, TopicsFile, more)
    if spec is None or any(one.severity == "error" for one in marked.complaints):
        return None
    return build_rules(spec)


def _given_topics(feeds: Marked | None) -> frozenset[str]:
    if feeds is None or feeds.broken:
        return frozenset()
    listed = [item.get("topics") for _, item in items(feeds, "sources")]
    return frozenset(str(topic) for topics in listed if isinstance(topics, list) for topic in topics)


def _topic_ids(marked: Marked) -> frozenset[str]:
    return frozenset(str(item["id"]) for _, item in items(marked, "topics") if isinstance(item.get("id"), str))


# ---------------------------------------------------------------- building


def _build(spec: FeedsFile, rules: RuleSet) -> Catalog:
    site = Site(
        title=spec.site.title,
        description=spec.site.description,
        base_url=spec.site.base_url.rstrip("/") if spec.site.base_url else None,
        language=spec.site.language,
        icon=spec.site.icon,
        hubs=tuple(spec.site.hubs),
        max_per_source=spec.site.max_per_source,
        backfill=spec.site.backfill,
    )
    catalog = Catalog(
        site=site,
        sources=tuple(_build_source(source, spec.defaults) for source in spec.sources),
        feeds=tuple(_build_feed(feed) for feed in spec.feeds),
        rules=rules,
    )
    # the sentences a topic shows are part of what is published, the rules' own digest is only about matching
    basis = repr((catalog.site, catalog.sources, catalog.feeds, rules.digest,
                  [(topic.id, topic.title, topic.description) for topic in rules.topics]))  # fmt: skip
    return replace(catalog, digest=hashlib.sha256(basis.encode("utf-8", "surrogatepass")).hexdigest()[:32])


def _build_source(spec: SourceSpec, defaults: DefaultsSpec) -> Source:
    every = spec.every or defaults.every
    page = spec.page if not isinstance(spec.page, str) else None
    sitemap = spec.sitemap if not isinstance(spec.sitemap, str) else None
    if spec.feed:
        kind_of, url = "feed", spec.feed
    elif spec.page:
        kind_of, url = "page", page.url if page else str(spec.page)
    else:
        kind_of, url = "sitemap", sitemap.url if sitemap else str(spec.sitemap)
    auth = None
    if spec.auth is not None:
        basic = spec.auth.basic_env
        auth = Auth("basic", basic) if basic else Auth("bearer", spec.auth.bearer_env)
    return Source(
        id=spec.id,
        url=url.strip(),
        type=kind_of,  # type: ignore[arg-type]  # one of the three words by construction
        title=spec.title or spec.id,
        homepage=spec.homepage,
        kind=spec.kind or defaults.kind or "news",
        topics=tuple(dict.fromkeys(spec.topics or ())),
        publish=spec.publish or defaults.publish or "summary",
        relevance=spec.relevance or defaults.relevance or "filter",
        every=seconds(every) if every else None,
        priority=spec.priority if spec.priority is not None else defaults.priority or 0,
        paused=spec.paused,
        language=spec.language or defaults.language,
        licence=spec.licence,
        group=spec.group,
        headers=tuple(spec.headers.items()),
        auth=auth,
        page=PageRule(page.items, page.link, page.title, page.date, page.summary, page.image) if page else PageRule(),
        sitemap=SitemapRule(sitemap.include, sitemap.exclude) if sitemap else SitemapRule(),
    )


def _build_feed(spec: NamedFeedSpec) -> NamedFeed:
    query = FeedQuery(
        topics=tuple(sorted(set(spec.topics))),
        match=spec.match,
        kinds=tuple(sorted(set(spec.kinds))),
        sources=tuple(sorted(set(spec.sources))),
        not_sources=tuple(sorted(set(spec.not_sources))),
        words=spec.q,
        languages=tuple(sorted(set(spec.languages))),
        limit=spec.limit,
        pinned=spec.pinned,
        untagged=spec.untagged,
    )
    return NamedFeed(slug=spec.slug, title=spec.title, description=spec.description, query=query)
