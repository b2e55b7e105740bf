"""Subscription lists: OPML of any version in, OPML 2.0 out.

read_opml    bytes → Candidates (imports.py decides about them)         never raises
write_opml   sources → OPML 2.0 with a folder per group; our settings stand in a namespace of their own, so that
             other readers see plain feeds and we lose nothing
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from pydantic import TypeAdapter, ValidationError

from ketfeed.catalog.imports import Candidate
from ketfeed.catalog.outlines import Outline, Outlines, read_outlines, squeeze
from ketfeed.catalog.schema import SourceSpec, duration
from ketfeed.catalog.spans import Value
from ketfeed.model import PageRule, SitemapRule, Source, TopicRule

NAMESPACE = "urn:ketfeed:source"
PREFIX = "ketfeed"
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2

PLAIN_KEYS = ("id", "kind", "publish", "relevance", "language", "licence", "group", "every")
JSON_KEYS = ("topics", "priority", "paused", "headers", "auth", "page", "sitemap")
"""Keys of feeds.yaml written as ``ketfeed:KEY``, as text and as JSON."""


# ---------------------------------------------------------------- in


def read_opml(raw: bytes, topics: Sequence[TopicRule] = ()) -> tuple[Outlines, list[Candidate]]:
    """The outlines of a list and, one for each, what it could be as a source.

    A folder named as a topic of ours (id or title) gives that topic; other folders are the group.
    """
    found = read_outlines(raw)
    names = {name.casefold(): topic.id for topic in topics for name in (topic.id, topic.title)}
    return found, [_candidate(outline, names) for outline in found.outlines]


def _candidate(outline: Outline, topic_names: Mapping[str, str]) -> Candidate:
    given = outline.attributes
    ours = {name.removeprefix(f"{PREFIX}:"): value for name, value in given.items() if name.startswith(f"{PREFIX}:")}
    kind = given.get("type", "").strip().lower()
    url = given.get("xmlurl") or given.get("xml_url") or ""
    kind_of = ours.get("type", "feed")
    if not url and (kind_of in ("page", "sitemap") or kind in ("rss", "atom", "feed")):
        url = given.get("url", "")
    title = outline.title
    if not url.strip():
        return Candidate(title, None, refusal=_refusal(outline, kind))
    fields = read_settings(ours)
    folders = [folder for folder in outline.folders if folder.casefold() not in topic_names]
    by_folder = [topic_names[folder.casefold()] for folder in outline.folders if folder.casefold() in topic_names]
    if by_folder and "topics" not in fields:
        fields["topics"] = list(dict.fromkeys(by_folder))
    if folders and "group" not in fields:
        fields["group"] = " / ".join(folders)
    if squeeze(given.get("htmlurl", "")):
        fields["homepage"] = squeeze(given["htmlurl"])
    if "language" not in fields and "language" in given and _is_valid("language", squeeze(given["language"])):
        fields["language"] = squeeze(given["language"])
    type_: str = kind_of if kind_of in ("feed", "page", "sitemap") else "feed"
    return Candidate(title, url, type_, fields)  # type: ignore[arg-type]  # one of the three words


def _refusal(outline: Outline, kind: str) -> str:
    given = outline.attributes
    if kind == "include" or (kind in ("link", "include") and given.get("url", "").lower().endswith(".opml")):
        return f"another list ({squeeze(given.get('url', '')) or 'no address'}): download it and import the file"
    page = squeeze(given.get("htmlurl", "") or given.get("url", ""))
    if page:
        return f"no feed address: try `ketfeed discover {page}`"
    return "a folder or note: no feed address"


def read_settings(ours: Mapping[str, str]) -> dict[str, Value]:
    """Our own attributes back as settings; whatever the file format would refuse is left out."""
    fields: dict[str, Value] = {}
    for key in (*PLAIN_KEYS, *JSON_KEYS):
        if key not in ours:
            continue
        value: Value | None = ours[key]
        if key in JSON_KEYS:
            try:
                value = json.loads(ours[key])
            except ValueError:
                continue
        if value is not None and _is_valid(key, value):
            fields[key] = value
    return fields


def _is_valid(key: str, value: object) -> bool:
    field = SourceSpec.model_fields[key]
    if key in ("page", "sitemap"):
        return isinstance(value, dict) and all(isinstance(item, str) and item for item in value.values())
    try:
        TypeAdapter(field.rebuild_annotation()).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


# ---------------------------------------------------------------- out


def write_opml(title: str, sources: Sequence[Source], now: datetime) -> bytes:
    """OPML 2.0 of all sources, a folder per group, groups in the order of their first source.

    Pages and sitemaps are outlines of type ``link``: a feed reader must not subscribe to them.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:{PREFIX}="{NAMESPACE}">',
        "  <head>",
        f"    <title>{escape(_legal(title))}</title>",
        f"    <dateCreated>{format_datetime(now, usegmt=True)}</dateCreated>",
        "    <docs>http://opml.org/spec2.opml</docs>",
        "  </head>",
        "  <body>",
    ]
    groups = dict.fromkeys(source.group for source in sources)
    for group in groups:
        inside = [source for source in sources if source.group == group]
        if group is None:
            lines += [f"    {_outline(source)}" for source in inside]
            continue
        name = quoteattr(_legal(group))
        lines.append(f"    <outline text={name} title={name}>")
        lines += [f"      {_outline(source)}" for source in inside]
        lines.append("    </outline>")
    lines += ["  </body>", "</opml>", ""]
    return "\n".join(lines).encode()


def _outline(source: Source) -> str:
    attributes: list[tuple[str, str]] = [("text", source.title), ("title", source.title)]
    if source.type == "feed":
        attributes += [("type", "rss"), ("xmlUrl", source.url)]
    else:
        attributes += [("type", "link"), ("url", source.url), (f"{PREFIX}:type", source.type)]
    if source.homepage:
        attributes.append(("htmlUrl", source.homepage))
    if source.language:
        attributes.append(("language", source.language))
    attributes += [(f"{PREFIX}:{key}", value) for key, value in settings_of(source).items()]
    return "<outline " + " ".join(f"{name}={quoteattr(_legal(value))}" for name, value in attributes) + "/>"


def settings_of(source: Source) -> dict[str, str]:
    """What a source says beside title and addresses: key of feeds.yaml → text, JSON where it is no text."""
    texts: dict[str, str | None] = {
        "id": source.id, "kind": source.kind, "publish": source.publish, "relevance": source.relevance,
        "language": source.language, "licence": source.licence, "group": source.group,
        "every": duration(source.every) if source.every else None,
    }  # fmt: skip
    values: dict[str, object] = {"topics": list(source.topics), "priority": source.priority, "paused": source.paused}
    if source.headers:
        values["headers"] = dict(source.headers)
    if source.auth is not None:
        values["auth"] = {f"{source.auth.scheme}_env": source.auth.env}
    for key, rule, empty in (("page", source.page, PageRule()), ("sitemap", source.sitemap, SitemapRule())):
        if rule != empty:
            values[key] = {name: value for name, value in asdict(rule).items() if value is not None}
    written = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return {key: value for key, value in texts.items() if value is not None} | written


def _legal(text: str) -> str:
    return ILLEGAL.sub("", text)
