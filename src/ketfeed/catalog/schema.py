"""The shape of ``feeds.yaml`` and ``topics.yaml``: one pydantic model per mapping, also the source of the JSON Schema.

Only what one value can say by itself stands here: types, ranges, patterns, required keys. What needs two places
to be compared (duplicate ids, unknown topics, groups) is in load.py and rules.py. ``description`` is what an
editor sees as a hint while typing; the first of ``examples`` is what a complaint tells him to write instead.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from ketfeed.model import Field as EntryField
from ketfeed.model import Publish, RelevancePolicy, SourceKind

ID_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$"
"""Ids stand in addresses and file names: lower case, at most 100 characters, no separator at either end."""

DURATION_PATTERN = r"^[1-9][0-9]{0,6}[smhd]$"
ADDRESS_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]\S*$"
HEADER_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # token of RFC 9110 section 5.6.2
HEADER_VALUE_PATTERN = r"^[^\x00-\x08\x0a-\x1f\x7f]*$"  # RFC 9110 section 5.5: no line break ever
ENVIRONMENT_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
LANGUAGE_PATTERN = r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$"  # BCP 47
GROUP_NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"

FEEDS, TOPICS = "feeds.yaml", "topics.yaml"
"""The names of the two files."""

DURATION_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

RESERVED_SLUGS = frozenset({"all", "q", "kind", "source", "story", "ops", "operations"})
"""Words that stand for something else in the address of a feed."""


class Strict(BaseModel):
    """A mapping without unknown keys and without silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _shape(value: object) -> str | None:
    """Which of "text", "list" and "mapping" a value is; None for anything else."""
    for kind, name in ((str, "text"), (list, "list"), (dict, "mapping")):
        if isinstance(value, kind):
            return name
    return None


Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=100)]
Address = Annotated[str, Field(pattern=ADDRESS_PATTERN, max_length=4096)]
Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, examples=["1h", "90s", "15m", "2d"])]
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN, examples=["en"])]
Texts = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Tag("list")],
    Discriminator(_shape),
]
"""One phrase, or a list of phrases."""


# ---------------------------------------------------------------- feeds.yaml


class SiteSpec(Strict):
    """What ketfeed says of itself in feeds and pages."""

    title: Text = Field("ketfeed", description="name of the site", examples=["Ketamine feeds"])
    description: str = Field("", description="one sentence for feeds and pages", examples=["News by topic"])
    base_url: Address | None = Field(
        None, description="public address; KETFEED_BASE_URL wins", examples=["https://feeds.example.org"]
    )
    language: Language = Field("en", description="BCP 47 tag of the site's own words", examples=["en"])
    icon: Text | None = Field(None, description="address of an image", examples=["https://feeds.example.org/icon.png"])
    hubs: list[Address] = Field([], description="WebSub hubs to ping", examples=[["https://hub.example.org/"]])
    max_per_source: int = Field(15, ge=1, le=200, description="entries of one source in one feed", examples=[15])
    backfill: int = Field(20, ge=0, le=1000, description="newest entries announced of a new source", examples=[20])


class DefaultsSpec(Strict):
    """What a source gets that does not say otherwise."""

    every: Duration | None = Field(None, description="time between polls; without it: adaptive", examples=["1h"])
    publish: Publish | None = Field(None, description="full, summary or link", examples=["summary"])
    relevance: RelevancePolicy | None = Field(None, description="filter or all", examples=["filter"])
    kind: SourceKind | None = Field(None, description="kind of source", examples=["news"])
    language: Language | None = Field(None, description="for entries that do not say", examples=["en"])
    priority: int | None = Field(None, ge=-1000, le=1000, description="higher wins in a story", examples=[0])


class PageSpec(Strict):
    """An HTML page read as a feed; CSS selectors, or XPath when they start with / or ./"""

    url: Address = Field(description="address of the page", examples=["https://example.org/news"])
    items: Text | None = Field(None, description="one match per entry", examples=["article"])
    link: Text | None = Field(None, description="the entry's link, inside an item", examples=["h2 a"])
    title: Text | None = Field(None, description="the entry's title, inside an item", examples=["h2"])
    date: Text | None = Field(None, description="the entry's date, inside an item", examples=["time"])
    summary: Text | None = Field(None, description="the entry's summary, inside an item", examples=["p"])
    image: Text | None = Field(None, description="the entry's image, inside an item", examples=["img"])


class SitemapSpec(Strict):
    """A sitemap read as a feed; regular expressions are searched in each address."""

    url: Address = Field(description="address of the sitemap", examples=["https://example.org/sitemap.xml"])
    include: Text | None = Field(None, description="addresses that are entries", examples=["/blog/"])
    exclude: Text | None = Field(None, description="addresses that are not", examples=["/tag/"])


class AuthSpec(Strict):
    """Credentials by the name of an environment variable, exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    basic_env: Annotated[str, Field(pattern=ENVIRONMENT_PATTERN)] = Field(
        "", description="variable holding user:password", examples=["JOURNAL_LOGIN"]
    )
    bearer_env: Annotated[str, Field(pattern=ENVIRONMENT_PATTERN)] = Field(
        "", description="variable holding a token", examples=["JOURNAL_TOKEN"]
    )


HeaderName = Annotated[str, Field(pattern=HEADER_PATTERN)]
HeaderValue = Annotated[str, Field(pattern=HEADER_VALUE_PATTERN)]


class SourceSpec(Strict):
    """A feed, page or sitemap to follow; exactly one of the three names its address."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [name]} for name in ("feed", "page", "sitemap")]}
    )

    id: Id = Field(description="unique and stable: it names the source's history", examples=["psypost"])
    title: Text | None = Field(None, description="name shown beside entries", examples=["PsyPost"])
    homepage: Address | None = Field(None, description="site for people", examples=["https://www.psypost.org/"])
    feed: Address = Field("", description="RSS, Atom or JSON feed", examples=["https://www.psypost.org/feed/"])
    page: Annotated[Annotated[Address, Tag("text")] | Annotated[PageSpec, Tag("mapping")], Discriminator(_shape)] = (
        Field("", description="HTML page without a feed", examples=["https://example.org/news"])
    )
    sitemap: Annotated[
        Annotated[Address, Tag("text")] | Annotated[SitemapSpec, Tag("mapping")], Discriminator(_shape)
    ] = Field("", description="sitemap without a feed", examples=["https://example.org/sitemap.xml"])
    kind: SourceKind | None = Field(None, description="kind of source", examples=["news"])
    topics: list[Id] | None = Field(None, description="given to every entry of this source", examples=[["research"]])
    publish: Publish | None = Field(None, description="how much may be republished", examples=["summary"])
    relevance: RelevancePolicy | None = Field(
        None, description="filter: publish relevant entries only; all: every entry", examples=["filter"]
    )
    every: Duration | None = Field(None, description="time between polls; without it: adaptive", examples=["1h"])
    priority: int | None = Field(None, ge=-1000, le=1000, description="higher wins in a story", examples=[10])
    paused: bool = Field(False, description="true: not polled, nothing is lost", examples=[True])
    language: Language | None = Field(None, description="for entries that do not say", examples=["en"])
    licence: Text | None = Field(None, description="licence of the texts", examples=["CC BY 4.0"])
    group: Text | None = Field(None, description="folder of an OPML export", examples=["Journals"])
    headers: dict[HeaderName, HeaderValue] = Field(
        {}, description="sent with each poll", examples=[{"Accept-Language": "en"}]
    )
    auth: AuthSpec | None = Field(
        None, description="credentials from the environment", examples=[{"basic_env": "JOURNAL_LOGIN"}]
    )


class NamedFeedSpec(Strict):
    """A query with an address of its own: /feeds/SLUG.atom"""

    slug: Id = Field(description="name in the address", examples=["in-the-news"])
    title: Text = Field(description="title of the feed", examples=["Ketamine in the News"])
    description: str = Field("", description="one sentence for subscribers", examples=["Press coverage"])
    topics: list[Id] = Field([], description="topics, joined by match", examples=[["ptsd"]])
    match: Literal["any", "all"] = Field("any", description="any: one topic is enough", examples=["any"])
    kinds: list[Text] = Field([], description="kinds of entry", examples=[["news"]])
    sources: list[Id] = Field([], description="only these sources", examples=[["psypost"]])
    not_sources: list[Id] = Field([], description="all but these sources", examples=[["psypost"]])
    q: Text | None = Field(None, description="full text search", examples=["esketamine"])
    languages: list[Language] = Field([], description="BCP 47 tags", examples=[["en"]])
    limit: int = Field(50, ge=1, le=200, description="entries in the feed", examples=[50])
    pinned: bool | None = Field(None, description="true: only entries an editor pinned", examples=[True])
    untagged: bool = Field(False, description="true: only entries without any topic", examples=[True])


class FeedsFile(Strict):
    """config/feeds.yaml: what ketfeed follows and the feeds it publishes beside one per topic."""

    model_config = ConfigDict(title="ketfeed feeds.yaml", json_schema_extra={"patternProperties": {"^x-": {}}})

    site: SiteSpec = Field(
        SiteSpec(), description="what ketfeed says of itself", examples=[{"title": "Ketamine feeds"}]
    )
    defaults: DefaultsSpec = Field(
        DefaultsSpec(), description="for sources that do not say", examples=[{"every": "1h"}]
    )
    sources: list[SourceSpec] = Field(
        description="what is followed, in your order",
        examples=[[{"id": "psypost", "feed": "https://www.psypost.org/feed/"}]],
    )
    feeds: list[NamedFeedSpec] = Field(
        [], description="named feeds", examples=[[{"slug": "in-the-news", "title": "In the news"}]]
    )


# ---------------------------------------------------------------- topics.yaml


class TermSpec(Strict):
    """A term with conditions, or several that share them: exactly one of term and any."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in ("term", "any")]})

    term: Text = Field("", description="word or phrase, or a regular expression with regex: true", examples=["ptsd"])
    any: list[Text] = Field([], description="words and phrases that share the conditions", examples=[["$drug"]])
    weight: float = Field(1.0, ge=-1000, le=1000, description="negative argues against", examples=[2.0])
    regex: bool = Field(False, description="true: term is a regular expression", examples=[True])
    unless: Texts = Field([], description="phrases around the term that cancel it", examples=[["tropical"]])
    with_: Texts = Field([], alias="with", description="one of these must stand nearby", examples=[["$drug"]])
    fields: list[EntryField] = Field([], description="where it counts; empty: everywhere", examples=[["title"]])
    languages: list[Language] = Field([], description="entries in these languages only", examples=[["en"]])


TermItem = Annotated[Annotated[Text, Tag("text")] | Annotated[TermSpec, Tag("mapping")], Discriminator(_shape)]


class RelevanceSpec(Strict):
    """What makes an entry relevant: about ketamine as a medicine."""

    requires: Texts = Field([], description="one of these must stand in the entry", examples=[["$drug"]])

    title: Text = Field("Relevance", description="name", examples=["Relevance"])
    description: str = Field("", description="what it means", examples=["Ketamine as a medicine"])
    threshold: float | None = Field(None, ge=0, le=1000, description="score that is enough", examples=[1.0])
    terms: list[TermItem] = Field([], description="what speaks for it", examples=[["$drug"]])
    unless: Texts = Field([], description="contexts that cancel a term", examples=[["veterinary"]])
    matches: list[Text] = Field([], description="sentences that are relevant", examples=[["Ketamine for depression"]])
    not_: list[Text] = Field([], alias="not", description="sentences that are not", examples=[["Ketamine seized"]])


class TopicSpec(Strict):
    """A topic: one merged feed, and what makes an entry belong to it."""

    id: Id = Field(description="name in addresses", examples=["ptsd"])
    title: Text | None = Field(None, description="name for people", examples=["PTSD"])
    description: str = Field("", description="what belongs here", examples=["Post-traumatic stress disorder"])
    requires: Texts = Field([], description="one of these must stand in the entry", examples=[["$drug"]])
    indication: bool = Field(False, description="true: a condition; in a long list it counts little", examples=[True])
    gathers: int | None = Field(
        None, ge=2, le=20, description="this many conditions named together belong here", examples=[4]
    )
    threshold: float | None = Field(None, ge=0, le=1000, description="score that is enough", examples=[1.0])
    terms: list[TermItem] = Field([], description="words and phrases", examples=[["ptsd"]])
    unless: Texts = Field([], description="contexts that cancel a term of this topic", examples=[["tropical"]])
    matches: list[Text] = Field([], description="sentences that belong here", examples=[["PTSD in veterans"]])
    not_: list[Text] = Field([], alias="not", description="sentences that do not", examples=[["A stressful day"]])


FieldWeight = Annotated[float, Field(ge=0, le=1000)]


class TopicsFile(Strict):
    """config/topics.yaml: topics, what makes an entry relevant, and groups of terms to use again."""

    model_config = ConfigDict(title="ketfeed topics.yaml", json_schema_extra={"patternProperties": {"^x-": {}}})

    threshold: float | None = Field(None, ge=0, le=1000, description="score that is enough", examples=[1.0])
    weights: dict[EntryField, FieldWeight] = Field({}, description="how much a field counts", examples=[{"title": 3}])
    groups: dict[Annotated[str, Field(pattern=GROUP_NAME_PATTERN)], list[Text]] = Field(
        {}, description="phrases to use again as $name", examples=[{"drug": ["ketamine"]}]
    )
    asides: list[Text] = Field(
        [], description="a condition right after one of these is a side remark", examples=[["also used for"]]
    )
    boilerplate: list[Text] = Field(
        [], description="after one of these the rest of a field counts little", examples=[["about the company"]]
    )
    relevance: RelevanceSpec = Field(
        RelevanceSpec(), description="about ketamine as medicine", examples=[{"terms": ["$drug"]}]
    )
    topics: list[TopicSpec] = Field(
        [], description="in the order of menus", examples=[[{"id": "ptsd", "terms": ["ptsd"]}]]
    )


def json_schema(which: Literal["feeds", "topics"]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one of the files, as editors' YAML plug-ins read it."""
    model = FeedsFile if which == "feeds" else TopicsFile
    schema = model.model_json_schema(by_alias=True)
    said: dict[str, Any] = _without_null(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **said}


def _without_null(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """The loader refuses a key without a value; None is only how a model says that the key is not there."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _without_null(value) for key, value in schema.items() if (key, value) != ("default", None)}
    choices = [item for item in schema.get("anyOf", ()) if item != {"type": "null"}]
    if len(choices) == 1:
        schema.pop("anyOf")
        schema = {**choices[0], **schema}
    elif choices:
        schema["anyOf"] = choices
    return schema


def seconds(duration: str) -> int:
    """``90s``, ``15m``, ``1h``, ``2d`` → seconds; the text must fit DURATION_PATTERN."""
    return int(duration[:-1]) * DURATION_SECONDS[duration[-1]]


def duration(seconds: int) -> str:
    """Seconds as feeds.yaml has them: 3600 → ``1h``."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
