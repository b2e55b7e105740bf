"""What one value of feeds.yaml cannot say by itself: two places compared, both files, what the operator set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from ketfeed.catalog.address import address_key, find_fault, is_within
from ketfeed.catalog.marks import Marked, Path
from ketfeed.catalog.schema import DURATION_PATTERN, RESERVED_SLUGS, TOPICS, duration, seconds
from ketfeed.model import ENTRY_KINDS

PLACES = ("feed", "page", "sitemap")  # a source names exactly one
DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator set and a file may rely on; warnings depend on it, errors never do."""

    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    variables: frozenset[str] | None = None  # names of the environment; None: not looked at
    shortest: int = 60  # seconds between two polls of a source, whatever ``every`` says
    longest: int = 7 * DAY


UNKNOWN = Surroundings()
"""Nothing was set that we know of."""


def items(marked: Marked, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings of a top-level list, with their position; whatever else stands there was complained about."""
    listed = marked.data.get(key) if isinstance(marked.data, dict) else None
    for index, item in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(item, dict):
            yield index, item


def check_unique(marked: Marked, key: str, field: str, noun: str) -> None:
    """Complain about every item of a list whose ``field`` another item has."""
    seen: dict[object, int] = {}
    for index, item in items(marked, key):
        value = item.get(field)
        if not isinstance(value, str):
            continue
        path: Path = (key, index, field)
        if value in seen:
            marked.complain(path, f"{noun} {value} stands in line {seen[value]} already", f"choose another {field}")
        seen.setdefault(value, marked.place(path).line)


def check_feeds(topic_ids: frozenset[str] | None, around: Surroundings) -> Callable[[Marked], None]:
    """What needs two places of feeds.yaml, or both files; ``topic_ids`` None: topics.yaml says nothing."""

    def check(marked: Marked) -> None:
        check_unique(marked, "sources", "id", "source")
        check_unique(marked, "feeds", "slug", "feed")
        if marked.data.get("sources") == []:
            marked.complain(("sources",), "no sources", "an empty list is never taken as 'no sources': add one")
        _check_site(marked)
        _check_interval(marked, ("defaults",), marked.data.get("defaults"), around)
        keys: dict[str, int] = {}
        for index, item in items(marked, "sources"):
            if "topics" not in item:
                advice = "write topics: [] when the rules decide alone"
                marked.complain(("sources", index), "no topics", advice, warning=True)
            _check_source(marked, ("sources", index), item, keys, around)
            _check_interval(marked, ("sources", index), item, around)
            _check_topics(marked, ("sources", index, "topics"), item.get("topics"), topic_ids)
        sources = frozenset(str(item.get("id")) for _, item in items(marked, "sources"))
        for index, item in items(marked, "feeds"):
            _check_feed(marked, ("feeds", index), item, topic_ids or frozenset(), sources)
            _check_topics(marked, ("feeds", index, "topics"), item.get("topics"), topic_ids)

    return check


def _check_site(marked: Marked) -> None:
    site = marked.data.get("site")
    base = site.get("base_url") if isinstance(site, dict) else None
    if isinstance(base, str) and ("?" in base or "#" in base):
        marked.complain(("site", "base_url"), "a public address ends before ? and #", f"write {base.split('?')[0]}")


def _check_interval(marked: Marked, path: Path, item: object, around: Surroundings) -> None:
    """Warn of an interval that polling will not keep."""
    every = item.get("every") if isinstance(item, dict) else None
    if not isinstance(every, str) or not re.fullmatch(DURATION_PATTERN, every):
        return
    for limit, passed, words, name in (
        (around.shortest, seconds(every) < around.shortest, "below the shortest", "MIN"),
        (around.longest, seconds(every) > around.longest, "above the longest", "MAX"),
    ):
        if passed:
            problem = f"{every} is {words} interval of {duration(limit)} (KETFEED_{name}_INTERVAL)"
            marked.complain((*path, "every"), problem, f"write every: {duration(limit)}", warning=True)


def _check_source(marked: Marked, path: Path, item: dict[str, Any], keys: dict[str, int], around: Surroundings) -> None:
    given = [place for place in PLACES if place in item]
    if not given:
        marked.complain(path, "no feed, page or sitemap", "add feed: https://…")
        return
    for place in given[1:]:
        problem = f"{given[0]} and {place} cannot both be given"
        marked.complain((*path, place), problem, "keep the one that is polled", at_key=True)
    for place in given:
        value = item[place]
        here: Path = (*path, place, "url") if isinstance(value, dict) else (*path, place)
        url = value.get("url") if isinstance(value, dict) else value
        if isinstance(url, str):
            _check_address(marked, here, url, keys, around)
    auth = item.get("auth")
    if isinstance(auth, dict) and len(set(auth) & {"basic_env", "bearer_env"}) != 1:
        marked.complain((*path, "auth"), "needs exactly one of basic_env and bearer_env", "write {basic_env: NAME}")
    elif isinstance(auth, dict) and around.variables is not None:
        for key in ("basic_env", "bearer_env"):
            name = auth.get(key)
            if isinstance(name, str) and name not in around.variables:
                advice = "set it where ketfeed runs, or polls will say auth_required"
                marked.complain((*path, "auth", key), f"{name} is not set in this environment", advice, warning=True)


def _check_address(marked: Marked, path: Path, url: str, keys: dict[str, int], around: Surroundings) -> None:
    fault = find_fault(url)
    if fault is not None and not (fault.severity == "warning" and is_within(url, around.allow_networks)):
        marked.complain(path, fault.problem, fault.advice, warning=fault.severity == "warning")
    key = address_key(url)
    if key in keys:
        problem = f"the same address stands in line {keys[key]}"
        marked.complain(path, problem, "keep one of the two, or its entries come twice", warning=True)
    keys.setdefault(key, marked.place(path).line)


def _check_topics(marked: Marked, path: Path, given: object, topic_ids: frozenset[str] | None) -> None:
    for index, topic in enumerate(given if isinstance(given, list) else []):
        if topic_ids is not None and isinstance(topic, str) and topic not in topic_ids:
            marked.complain((*path, index), f"no topic {topic} in {TOPICS}", _suggest(topic, topic_ids))


def _check_feed(
    marked: Marked, path: Path, item: dict[str, Any], topics: frozenset[str], sources: frozenset[str]
) -> None:
    slug = item.get("slug")
    if isinstance(slug, str) and (slug in topics or slug in RESERVED_SLUGS):
        taken = "a topic has this address" if slug in topics else f"{slug} is an address of its own"
        marked.complain((*path, "slug"), taken, "choose another slug")
    for key, known, noun in (("kinds", frozenset(ENTRY_KINDS), "kind"), ("sources", sources, "source"),
                             ("not_sources", sources, "source")):  # fmt: skip
        listed = item.get(key)
        for index, value in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(value, str) and value not in known:
                marked.complain((*path, key, index), f"no {noun} {value}", _suggest(value, known))


def _suggest(word: str, known: frozenset[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(known)[:20]) or 'none is defined'}"
