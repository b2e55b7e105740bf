"""The JSON Schema that editors' plug-ins read says what the loader says."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from ketfeed.catalog.load import load_marked
from ketfeed.catalog.marks import Marked, read_marked
from ketfeed.catalog.schema import json_schema

CONFIG = Path(__file__).parents[2] / "config"
VALIDATORS = {which: jsonschema.Draft202012Validator(json_schema(which)) for which in ("feeds", "topics")}
BEYOND = (
    "stands in line", "no topic", "no source ", "no kind", "no group", "groups in a circle", "is an address of its own",
    "a topic has this address", "never match", "not a regular expression", "not a public", "phrases",
    "is not a host name", "user, password", "blank to fill in", "a port", "without a host",
    "a public address ends", "no letter or digit", "nested", "characters",
)  # fmt: skip
"""What needs two places, a look-up or a program: a JSON Schema cannot say it, the loader does."""


def by_loader(which: str, data: object) -> list[str]:
    """What the loader finds wrong in one value or key by itself."""
    text = json.dumps(data, ensure_ascii=False).encode()
    other = read_marked("topics.yaml", b"topics: []") if which == "feeds" else read_marked("feeds.yaml", b"sources: []")
    marked: Marked = read_marked(f"{which}.yaml", text)
    loaded = load_marked(marked, other) if which == "feeds" else load_marked(other, marked)
    found = [one for one in loaded.errors if one.file == marked.name]
    found = [one for one in found if (one.key, one.problem) != ("sources", "no sources")]  # an empty list: our own rule
    return [str(one) for one in found if not any(word in one.problem for word in BEYOND)]


def plain(which: str) -> Any:  # noqa: ANN401  # YAML
    return YAML(typ="safe", pure=True).load(CONFIG / f"{which}.yaml")


@pytest.mark.parametrize("which", ["feeds", "topics"])
def test_the_shipped_file_fits_its_schema_and_names_it_in_the_first_line(which: str) -> None:
    assert list(VALIDATORS[which].iter_errors(plain(which))) == []
    first = (CONFIG / f"{which}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={which}.schema.json"
    shipped = json.loads((CONFIG / f"{which}.schema.json").read_text(encoding="utf-8"))
    assert shipped == json_schema(which)  # type: ignore[arg-type]  # one of the two words


VALUES: tuple[Any, ...] = (
    0, 1, -1, 15, 200, 201, 1.5, True, False, "", "x", "Psy Post", "psypost", "1h", "90s", "1 h", "filter", "all",
    "news", "https://example.org/", "ftp://example.org/", "https://a b/", [], ["x"], [1], [["x"]], {}, {"a": "b"},
    {"url": "x"}, {"url": "https://example.org/"}, {"basic_env": "A"}, {"basic_env": "A", "bearer_env": "B"},
    {"term": "x"}, {"any": ["x"]}, {"term": "x", "any": ["y"]}, ["any"], "title", ["title"], ["edit"], "en", "e",
    "summary", {"A B": "c"}, {"Accept": "x"}, {"title": 1}, {"headline": 1}, {"drug": ["a"]}, {"Drug": ["a"]},
    ["", "x"], 5000,
)  # fmt: skip
KEYS = (
    "id", "feed", "page", "sitemap", "title", "topics", "every", "kind", "headers", "auth", "paused", "priority",
    "slug", "terms", "unless", "weights", "groups", "x-mine", "nonsense", "Title", "relevance", "requires", "gathers",
    "threshold", "weight", "with", "fields", "languages", "regex", "matches", "not", "site", "defaults", "sources",
    "feeds", "limit",
)  # fmt: skip


def small(which: str) -> Any:  # noqa: ANN401  # YAML
    """The head of the shipped file: enough shapes, quick to read two thousand times."""
    data = plain(which)
    if which == "feeds":
        return {**data, "sources": data["sources"][:3], "feeds": data["feeds"][:3]}
    topics = [{**topic, "terms": topic["terms"][:2], "matches": topic["matches"][:1]} for topic in data["topics"][:2]]
    topics[0]["terms"].append({"term": "x", "weight": 2, "with": ["y"], "fields": ["title"]})
    relevance = {**data["relevance"], "terms": data["relevance"]["terms"][:2], "matches": [], "not": []}
    return {"groups": {"drug": ["ketamine"]}, "weights": data["weights"], "relevance": relevance, "topics": topics}


def mutate(data: Any, random_: random.Random) -> Any:  # noqa: ANN401  # YAML
    """One value somewhere replaced, one key added, renamed or taken out."""
    data = copy.deepcopy(data)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:  # noqa: ANN401
        for key, item in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
            places.append((value, key))
            if isinstance(item, dict | list):
                walk(item)

    walk(data)
    holder, key = random_.choice(places)
    way = random_.choice(["value", "value", "value", "add", "rename", "drop"])
    if way == "value" or isinstance(holder, list):
        holder[key] = copy.deepcopy(random_.choice(VALUES))
    elif way == "add":
        holder[random_.choice(KEYS)] = copy.deepcopy(random_.choice(VALUES))
    elif way == "rename":
        holder[random_.choice(KEYS)] = holder.pop(key)
    else:
        del holder[key]
    return data


@pytest.mark.parametrize("which", ["feeds", "topics"])
def test_schema_and_loader_agree_on_a_thousand_changed_files(which: str) -> None:
    random_ = random.Random(20260305)  # noqa: S311  # the same changes every time
    base = small(which)
    assert by_loader(which, base) == []
    counted: Counter[bool] = Counter()
    for _ in range(1000):
        data = mutate(base, random_)
        by_schema = [error.message[:200] for error in VALIDATORS[which].iter_errors(data)]
        loader = by_loader(which, data)
        counted[not loader] += 1
        assert bool(by_schema) == bool(loader), f"schema: {by_schema}\nloader: {loader}\n{json.dumps(data)[:3000]}"
    assert min(counted.values()) > 100, counted
