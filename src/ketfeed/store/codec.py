"""Model values to columns and back; pure, and the only place that knows how a value is spelt in the database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from hashlib import blake2b
from html import unescape
from operator import attrgetter
from typing import Any, NamedTuple, cast

from pydantic_core import from_json, to_json

from ketfeed.model import (
    Auth,
    Category,
    Enclosure,
    Entry,
    EntryKind,
    HealthSpell,
    Image,
    PageRule,
    Person,
    Poll,
    RawText,
    Reason,
    SitemapRule,
    Source,
    SourceState,
    Tagging,
    TopicMatch,
    Validators,
)
from ketfeed.store.times import EPOCH, from_us, from_us_or_none, to_us, to_us_or_none

Row = Mapping[Any, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")


def dump(value: object) -> str:
    """Compact JSON with characters as they are; pydantic's writer is five times as fast as the standard library's."""
    try:
        return to_json(value).decode()
    except ValueError:  # half of a surrogate pair, which UTF-8 has no form for
        return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def key64(text: str) -> int:
    """A signed 64-bit hash of a text: what a database indexes best."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def clean(text: str) -> str:
    """Half of a surrogate pair cannot be written in UTF-8 and a zero ends a string in C: both become U+FFFD."""
    if text.isascii():
        return text if "\0" not in text else text.replace("\0", "�")
    return _SURROGATE.sub("�", text).replace("\0", "�")


def _storable(text: str) -> bool:
    """Would ``clean`` leave a text as it is? Encoding is quicker than searching."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def plain(html: str) -> str:
    """The words of safe HTML, for the search index: ``<p>A&amp;B</p>`` → ``A&B``."""
    if "<" in html:
        html = _TAG.sub(" ", html)
    if "&" in html:
        html = unescape(html)
    return _SPACE.sub(" ", html).strip()


# ---------------------------------------------------------------- entries


class EntryColumns(NamedTuple):
    """The columns of an entry that come from the document alone."""

    raw_id: str
    same_key: int | None
    content_hash: bytes
    published: int | None
    updated: int | None
    language: str | None
    title: str
    link: str | None
    canonical_link: str | None
    excerpt: str
    data: str
    names: str
    summary: str
    summary_text: str
    text: str
    content: str
    raw: str | None


def entry_columns(entry: Entry) -> EntryColumns:
    """The columns that come from the document alone, ``content_hash`` and ``same_key`` included.

    ``content_hash`` is a fingerprint of everything an editor or a subscriber would call a change of the entry. Left
    out: the number of comments, which moves with every visit, and the notes about repairs, which are about our reading
    and not about the document.
    """
    summary_text = ""  # one copy of the words is enough for the index; without content, ``text`` is the summary's
    if entry.summary and (entry.content or not entry.text):
        said = plain(entry.summary)
        summary_text = "" if said in entry.text else said
    rare = _rare(entry)
    lasting = dump(rare) if rare else "{}"
    data = _with_passing(lasting, entry)
    published, updated, language = to_us_or_none(entry.published), to_us_or_none(entry.updated), entry.language
    texts: tuple[str | None, ...] = (
        entry.raw_id,
        entry.title,
        entry.link,
        entry.canonical_link,
        entry.excerpt,
        data,
        ", ".join([person.name for person in entry.authors]) if entry.authors else "",
        entry.summary,
        summary_text,
        entry.text,
        entry.content,
        _raw(entry),
    )
    if not _storable("".join(filter(None, texts))):  # one look: hardly any holds what a database cannot
        texts = tuple([text and clean(text) for text in texts])
    raw_id, title, link, canonical, excerpt, data, names, summary, summary_text, text, content, raw = cast(
        "tuple[str, str, str | None, str | None, str, str, str, str, str, str, str, str | None]", texts
    )
    hashed = "\0".join((title, link or "", summary, text, content, raw or ""))
    said = f"{published}\0{updated}\0{language}\0{lasting}\0{hashed}"
    return EntryColumns(
        raw_id,
        same_key(entry),
        blake2b(said.encode(), digest_size=16).digest(),
        published,
        updated,
        language,
        title,
        link,
        canonical,
        excerpt,
        data,
        names,
        summary,
        summary_text,
        text,
        content,
        raw,
    )


def _raw(entry: Entry) -> str | None:
    raws = (entry.raw_title, entry.raw_summary, entry.raw_content)
    return dump([one and [one.value, one.type, one.base] for one in raws]) if any(raws) else None


def _with_passing(lasting: str, entry: Entry) -> str:
    """The JSON of the rarer fields together with what is no edit when it changes: number of comments, notes."""
    passing: dict[str, Any] = {}
    if entry.comments_count is not None:
        passing["comments_count"] = entry.comments_count
    if entry.notes:
        passing["notes"] = entry.notes
    if not passing:
        return lasting
    return dump(passing) if lasting == "{}" else f"{lasting[:-1]},{dump(passing)[1:]}"


def _rare(entry: Entry) -> dict[str, Any]:
    """The rarer fields, only those that say something."""
    rare: dict[str, Any] = {}
    if entry.link_is_redirect:
        rare["link_is_redirect"] = True
    if entry.authors:
        rare["authors"] = [[person.name, person.uri, person.email] for person in entry.authors]
    if entry.categories:
        rare["categories"] = [[category.term, category.scheme, category.label] for category in entry.categories]
    if entry.enclosures:
        rare["enclosures"] = [[one.url, one.type, one.length] for one in entry.enclosures]
    if entry.image:
        rare["image"] = [entry.image.url, entry.image.alt]
    if entry.comments_link is not None:
        rare["comments_link"] = entry.comments_link
    if entry.rights is not None:
        rare["rights"] = entry.rights
    if entry.identifiers:
        rare["identifiers"] = entry.identifiers
    return rare


def same_key(entry: Entry) -> int | None:
    """What an entry keeps when its publisher gives everything new ids: link and title. None without a link.

    An entry without a title adds its excerpt: many notes of a day may point at one page.
    """
    link = entry.canonical_link or entry.link
    if not link:
        return None
    return key64(f"{link}\n{entry.title or entry.excerpt}")


def entry_from(row: Row, source_id: str) -> Entry:
    """The inverse of ``entry_columns``."""
    data = from_json(row["data"])
    raw = from_json(row["raw"]) if row["raw"] else (None, None, None)
    image = data.get("image")
    return Entry(
        id=row["id"],
        source_id=source_id,
        raw_id=row["raw_id"],
        title=row["title"],
        link=row["link"],
        canonical_link=row["canonical_link"],
        link_is_redirect=data.get("link_is_redirect", False),
        summary=row["summary"],
        content=row["content"],
        excerpt=row["excerpt"],
        text=row["text"],
        authors=tuple(Person(*one) for one in data.get("authors", ())),
        published=from_us_or_none(row["published"]),
        updated=from_us_or_none(row["updated"]),
        categories=tuple(Category(*one) for one in data.get("categories", ())),
        enclosures=tuple(Enclosure(*one) for one in data.get("enclosures", ())),
        image=Image(*image) if image else None,
        language=row["language"],
        comments_link=data.get("comments_link"),
        comments_count=data.get("comments_count"),
        rights=data.get("rights"),
        identifiers=tuple(data.get("identifiers", ())),
        notes=tuple(data.get("notes", ())),
        raw_title=RawText(*raw[0]) if raw[0] else None,
        raw_summary=RawText(*raw[1]) if raw[1] else None,
        raw_content=RawText(*raw[2]) if raw[2] else None,
    )


# ---------------------------------------------------------------- taggings


def reasons_text(reasons: Iterable[Reason]) -> str:
    return dump([(one.term, one.field, one.start, one.text, one.weight) for one in reasons])


def reasons_from(text: str) -> tuple[Reason, ...]:
    return tuple(Reason(*one) for one in from_json(text))


def tagging_text(tagging: Tagging) -> str:
    """A tagging without its matches and without what has a column of its own, as JSON."""
    said: dict[str, Any] = {}
    if tagging.relevance_reasons:
        said["relevance"] = [
            (one.term, one.field, one.start, one.text, one.weight) for one in tagging.relevance_reasons
        ]
    if tagging.kind_reasons:
        said["kind"] = tagging.kind_reasons
    if tagging.identifiers:
        said["identifiers"] = tagging.identifiers
    if tagging.facts:
        said["facts"] = tagging.facts
    return dump(said) if said else "{}"


class TagColumns(NamedTuple):
    """A tagging as the tables have it: equal when the taggings are, and cheaper to compare and to hand on."""

    relevant: bool
    kind: str
    tagging: str
    matches: tuple[tuple[str, int, float, str], ...]  # topic, position, score, reasons; by position


def tag_columns(tagging: Tagging) -> TagColumns:
    """A tagging as the tables have it."""
    return TagColumns(tagging.relevant, tagging.kind, tagging_text(tagging), tuple(match_values(tagging)))


def tagging_of(tags: TagColumns) -> Tagging:
    """The inverse of ``tag_columns``."""
    said = from_json(tags.tagging)
    return Tagging(
        matches=tuple(
            TopicMatch(topic=topic, reasons=reasons_from(reasons), score=score)
            for topic, _, score, reasons in tags.matches
        ),
        relevant=tags.relevant,
        relevance_reasons=tuple(Reason(*one) for one in said.get("relevance", ())),
        kind=cast("EntryKind", tags.kind),
        kind_reasons=tuple(said.get("kind", ())),
        identifiers=tuple(said.get("identifiers", ())),
        facts=tuple((name, value) for name, value in said.get("facts", ())),
    )


def tagging_from(row: Row, matches: Iterable[Row]) -> Tagging:
    """A tagging from an entry's row and its rows of ``match``."""
    ordered = sorted((one["position"], one["topic"], one["score"], one["reasons"]) for one in matches)
    values = tuple((topic, position, score, reasons) for position, topic, score, reasons in ordered)
    return tagging_of(TagColumns(bool(row["relevant"]), row["kind"], row["tagging"], values))


def match_values(tagging: Tagging) -> list[tuple[str, int, float, str]]:
    """Rows of ``match`` without the entry: topic, position, score, reasons."""
    return [(one.topic, at, one.score, reasons_text(one.reasons)) for at, one in enumerate(tagging.matches)]


# ---------------------------------------------------------------- sources and polls


def source_text(source: Source) -> str:
    """A source as JSON."""
    return dump(asdict(source))


def source_from(text: str) -> Source:
    """The inverse of ``source_text``; a field that a later ketfeed dropped is ignored."""
    said = from_json(text)
    known = {one.name for one in fields(Source)}
    said = {name: value for name, value in said.items() if name in known}
    said["topics"] = tuple(said.get("topics", ()))
    said["headers"] = tuple((name, value) for name, value in said.get("headers", ()))
    said["auth"] = Auth(**said["auth"]) if said.get("auth") else None
    said["page"] = PageRule(**said.get("page", {}))
    said["sitemap"] = SitemapRule(**said.get("sitemap", {}))
    return Source(**said)


_STATE_TIMES = frozenset(one.name for one in fields(SourceState) if "datetime" in str(one.type))
_STATE_TUPLES = frozenset(one.name for one in fields(SourceState) if str(one.type).startswith("tuple"))
_STATE_ELSEWHERE = frozenset({"source_id", "active", "validators"})
_STATE_COLUMNS = (
    "url", "paused", "gone", "body_hash", "entries_hash", "next_poll_at", "next_poll_reason", "last_poll_at",
    "last_ok_at", "last_full_at", "last_outcome", "last_http_status", "last_error", "last_bytes", "last_seconds",
    "last_new", "last_updated", "last_unchanged", "failures", "entries", "health", "health_since", "moved_to",
    "moved_since", "moved_days", "newest_at",
)  # fmt: skip
_COLUMNS = len(_STATE_COLUMNS)
_COLUMN_TIMES = tuple(name for name in _STATE_COLUMNS if name in _STATE_TIMES)
STATE_NAMES = (*_STATE_COLUMNS, "validators_url", "etag", "last_modified", "learnt")
"""The columns of ``source_state`` that a SourceState is made of, as ``state_of`` takes them."""
_STATE_LEARNT = tuple(
    one.name for one in fields(SourceState) if one.name not in _STATE_COLUMNS and one.name not in _STATE_ELSEWHERE
)
"""Fields of SourceState without a column: kept as JSON, so that what polling learns may grow without a migration."""
_NOTHING_LEARNT = tuple(one.default for one in fields(SourceState) if one.name in _STATE_LEARNT)
_columns_of, _learnt_of = attrgetter(*_STATE_COLUMNS), attrgetter(*_STATE_LEARNT)


def state_columns(state: SourceState) -> dict[str, Any]:
    """All columns of ``source_state`` except the source's number."""
    columns: dict[str, Any] = dict(zip(_STATE_COLUMNS, _columns_of(state), strict=True))
    for name in _COLUMN_TIMES:
        moment = columns[name]
        if moment is not None:
            columns[name] = to_us(moment)
    validators = state.validators
    columns["validators_url"] = validators.url if validators else None
    columns["etag"] = validators.etag if validators else None
    columns["last_modified"] = validators.last_modified if validators else None
    if columns["last_error"]:
        columns["last_error"] = clean(columns["last_error"])
    columns["learnt"] = _learnt(state)
    return columns


def _learnt(state: SourceState) -> str:
    values = _learnt_of(state)
    if values == _NOTHING_LEARNT:
        return "{}"
    said: dict[str, Any] = {}
    for name, value, nothing in zip(_STATE_LEARNT, values, _NOTHING_LEARNT, strict=True):
        if value != nothing:
            said[name] = to_us(value) if name in _STATE_TIMES else value
    if state.spells:
        said["spells"] = [(one.health, to_us(one.since), one.error) for one in state.spells]
    return dump(said) if said else "{}"


def state_from(row: Row, source_id: str, active: bool) -> SourceState:
    """The inverse of ``state_columns``."""
    return state_of(source_id, active, [row[name] for name in STATE_NAMES])


def state_of(source_id: str, active: bool, values: Sequence[Any]) -> SourceState:
    """As ``state_from``, from values in the order of STATE_NAMES."""
    said: dict[str, Any] = dict(zip(_STATE_COLUMNS, values, strict=False))
    for name in _COLUMN_TIMES:
        number = said[name]
        if number is not None:
            said[name] = EPOCH + timedelta(microseconds=number)
    said["paused"], said["gone"] = bool(said["paused"]), bool(said["gone"])
    url, etag, last_modified, learnt = values[_COLUMNS:]
    if learnt != "{}":
        said |= _learnt_from(learnt)
    validators = None if url is None else Validators(url, etag, last_modified)
    return SourceState(source_id=source_id, active=active, validators=validators, **said)


def _learnt_from(text: str) -> dict[str, Any]:
    """The inverse of ``_learnt``; a field that a later ketfeed dropped is ignored."""
    said: dict[str, Any] = {name: value for name, value in from_json(text).items() if name in _STATE_LEARNT}
    for name in said.keys() & _STATE_TIMES:
        said[name] = from_us_or_none(said[name])
    for name in said.keys() & _STATE_TUPLES:
        said[name] = tuple(said[name])
    if "spells" in said:
        said["spells"] = tuple(HealthSpell(word, from_us(since), error) for word, since, error in said["spells"])
    return said


def poll_columns(poll: Poll, number: int) -> dict[str, Any]:
    """A row of ``poll``."""
    return {
        "source": number,
        "started_at": to_us(poll.started_at),
        "url": clean(poll.url),
        "outcome": poll.outcome,
        "http_status": poll.http_status,
        "error": poll.error and clean(poll.error),
        "bytes": poll.bytes,
        "seconds": poll.seconds,
        "new": poll.new,
        "updated": poll.updated,
        "unchanged": poll.unchanged,
    }


def poll_from(row: Row, source_id: str) -> Poll:
    """The inverse of ``poll_columns``."""
    names = ("url", "outcome", "http_status", "error", "bytes", "seconds", "new", "updated", "unchanged")
    return Poll(source_id=source_id, started_at=from_us(row["started_at"]), **{name: row[name] for name in names})
