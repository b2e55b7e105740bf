"""JSON-LD of a page (schema.org): articles, and lists of articles, as flat dictionaries of what we read of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

ARTICLES = frozenset(
    [
        "Article",
        "NewsArticle",
        "BlogPosting",
        "ScholarlyArticle",
        "MedicalScholarlyArticle",
        "Report",
        "SocialMediaPosting",
        "TechArticle",
        "AnalysisNewsArticle",
        "OpinionNewsArticle",
        "ReviewNewsArticle",
        "BackgroundNewsArticle",
        "ReportageNewsArticle",
        "LiveBlogPosting",
        "VideoObject",
        "PodcastEpisode",
    ]
)
"""Types of schema.org that are one entry."""

MAX_NODES = 20_000
"""Objects looked at in one page's JSON-LD."""


def articles(blocks: list[str]) -> list[dict[str, Any]]:
    """Every article of the page's JSON-LD blocks in their order; broken blocks are passed over."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        try:
            data = json.loads(block.strip().removeprefix("<![CDATA[").removesuffix("]]>"), strict=False)
        except (ValueError, RecursionError):
            continue
        found += [node for node in _nodes(data) if is_article(node)]
    return found


def listed(blocks: list[str]) -> list[dict[str, Any]]:
    """Articles, and the elements of ItemLists that name a page."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        try:
            data = json.loads(block.strip(), strict=False)
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data):
            if is_article(node):
                found.append(node)
            elif "ListItem" in types(node):
                item = node.get("item")
                if isinstance(item, str):
                    found.append({"url": item, "name": node.get("name")})
                elif isinstance(item, dict) and not is_article(item) and not _breadcrumb(item):
                    found.append({**item, "url": item.get("url") or item.get("@id"), "name": item.get("name")})
                elif item is None and node.get("url"):
                    found.append(node)
    return found


def _breadcrumb(item: dict[str, Any]) -> bool:
    return bool({"WebPage", "Thing", "Organization"} & types(item))


def types(node: dict[str, Any]) -> set[str]:
    """The node's @type values without their address."""
    kind = node.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return {str(name).rsplit("/", 1)[-1] for name in kinds if isinstance(name, str)}


def is_article(node: dict[str, Any]) -> bool:
    return bool(types(node) & ARTICLES)


def _nodes(data: object) -> Iterator[dict[str, Any]]:
    """Objects in document order; a breadcrumb trail is not a list of entries."""
    stack: list[object] = [data]
    seen = 0
    while stack and seen < MAX_NODES:
        node = stack.pop()
        seen += 1
        if isinstance(node, list):
            stack += reversed(node)
        elif isinstance(node, dict):
            if "BreadcrumbList" in types(node):
                continue
            yield node
            if not is_article(node):
                stack += reversed([value for value in node.values() if isinstance(value, dict | list)])


def text(value: object) -> str | None:
    """A string, or the first of several, or the ``name``/``url``/``@value`` of an object."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        return next((found for item in value if (found := text(item))), None)
    if isinstance(value, dict):
        return next(
            (found for key in ("url", "@id", "name", "@value", "contentUrl") if (found := text(value.get(key)))), None
        )
    return None


def names(value: object) -> list[str]:
    """Names of a Person, an Organization, several of them, or plain strings."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, list):
        return [name for item in value[:100] for name in names(item)]
    if isinstance(value, dict):
        return names(value.get("name"))
    return []
