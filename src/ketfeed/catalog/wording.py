"""What pydantic found wrong, in an editor's words: where it stands, what is wrong, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ketfeed.catalog import schema
from ketfeed.catalog.address import Fault, find_fault
from ketfeed.catalog.imports import propose_id
from ketfeed.catalog.marks import Marked, Path

SHAPES: dict[str, type[BaseModel]] = {
    "site": schema.SiteSpec,
    "defaults": schema.DefaultsSpec,
    "sources": schema.SourceSpec,
    "page": schema.PageSpec,
    "sitemap": schema.SitemapSpec,
    "auth": schema.AuthSpec,
    "feeds": schema.NamedFeedSpec,
    "relevance": schema.RelevanceSpec,
    "topics": schema.TopicSpec,
    "terms": schema.TermSpec,
}
"""Key above a mapping → the shape of the mapping."""

TAGS = ("text", "list", "mapping")  # pydantic puts them into the location; the file has no such key
WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "union_tag_not_found": "text, a list or a mapping as shown",
    "union_tag_invalid": "text, a list or a mapping as shown",
}
PATTERNS = {
    schema.ID_PATTERN: "lower-case letters, digits, . _ and -, beginning and ending with a letter or digit",
    schema.DURATION_PATTERN: "a number and s, m, h or d",
    schema.ADDRESS_PATTERN: "an http:// or https:// address",
    schema.HEADER_PATTERN: "a header name",
    schema.HEADER_VALUE_PATTERN: "a header value in one line",
    schema.ENVIRONMENT_PATTERN: "the name of an environment variable",
    schema.LANGUAGE_PATTERN: "a BCP 47 language tag",
    schema.GROUP_NAME_PATTERN: "a lower-case name",
}


def explain(marked: Marked, model: type[BaseModel], item: Mapping[str, Any]) -> None:
    """Turn one error of pydantic into a complaint, unless its place has been complained about already."""
    path, at_key = locate(marked, item["loc"])
    kind = item["type"]
    if kind != "extra_forbidden" and any(path[:length] in marked.trapped for length in range(len(path) + 1)):
        return
    if kind == "missing":
        name = str(path[-1])
        field = _field(model, path)
        advice = f"add {name}: {example(field)}" if field is not None else f"add {name}:"
        marked.complain(path[:-1], f"no {name}", advice)
    elif kind == "extra_forbidden":
        marked.complain(path, "unknown key", _did_you_mean(model, path), at_key=True)
    elif kind == "string_type" and isinstance(item.get("input"), int | float) and not _is_duration(model, path):
        shown = _show(item["input"])
        marked.complain(path, f"{shown} is not text", f'write "{shown}" in quotes', at_key=at_key)
    elif (fault := _address_fault(kind, item)) is not None:
        marked.complain(path, fault.problem, fault.advice, at_key=at_key)
    else:
        problem, wanted = _problem(kind, item)
        advice = _wrapped(model, path, item) or _advice(model, path, wanted)
        marked.complain(path, problem, advice, at_key=at_key)


def _address_fault(kind: str, item: Mapping[str, Any]) -> Fault | None:
    """What is wrong with an address in the words the loader has for it, so that it is said once."""
    pattern = (item.get("ctx") or {}).get("pattern")
    if kind != "string_pattern_mismatch" or pattern != schema.ADDRESS_PATTERN:
        return None
    return find_fault(str(item.get("input")))


def _is_duration(model: type[BaseModel], path: Path) -> bool:
    """Whether the field wants ``1h``: a bare number there wants a unit, not quotes."""
    field = _field(model, path)
    return field is not None and "1h" in (field.examples or ())


def locate(marked: Marked, location: tuple[str | int, ...]) -> tuple[Path, bool]:
    """pydantic's location → a path of the file, and whether the key is meant rather than its value."""
    data: Any = marked.data
    path: list[str | int] = []
    for index, part in enumerate(location):
        if part == "[key]":
            return tuple(path), True
        last = index == len(location) - 1
        if isinstance(data, dict) and (part in data or (last and part not in TAGS)):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path), False


def example(field: FieldInfo | None) -> str:
    """What to write for a field, as YAML on one line."""
    examples = field.examples if field is not None else None
    return _yaml(examples[0]) if examples else "…"


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    return str(value)


def _problem(kind: str, item: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and what is wanted in general (may be empty)."""
    given = item.get("input")
    shown = _show(given)
    context = item.get("ctx") or {}
    if kind in WANTED:
        return (f"{shown} is not {WANTED[kind]}" if given is not None else "nothing is written here"), ""
    if kind == "literal_error":
        return f"{shown} is not one of the words allowed here", _near(given, str(context.get("expected", "")))
    if kind == "string_pattern_mismatch":
        return f"{shown} does not fit", PATTERNS.get(str(context.get("pattern")), "")
    if kind == "string_too_short":
        return "empty text", ""
    if kind in ("string_too_long", "too_long"):
        return f"longer than {context.get('max_length')} characters", ""
    bounds = {
        "greater_than_equal": ("below", "ge"),
        "less_than_equal": ("above", "le"),
        "greater_than": ("not above", "gt"),
    }
    if kind in bounds:
        word, key = bounds[kind]
        return f"{shown} is {word} {context.get(key)}", ""
    return str(item.get("msg", "wrong")).lower(), ""


def _wrapped(model: type[BaseModel], path: Path, item: Mapping[str, Any]) -> str:
    """What to write for a bare text where a mapping or a list is wanted, with that text in it; empty: no such case.

    ``- https://example.org/feed`` → ``write - {id: example-org-feed, feed: https://example.org/feed}``
    """
    given, field = item.get("input"), _field(model, path)
    examples = field.examples if field is not None else None
    if not examples:
        return ""
    if item["type"] == "list_type" and isinstance(given, str | int) and isinstance(examples[0], list):
        return f"write {path[-1]}: [{_yaml(given)}]" if _is_word(given) else ""
    if item["type"] != "model_type" or not isinstance(path[-1], int):
        return ""
    shown = dict(examples[0][0])
    if "feed" in shown and isinstance(given, str) and find_fault(given) is None:
        shown |= {"id": propose_id("", given), "feed": given}
    elif _is_word(given):
        shown |= {next(iter(shown)): given}
    return f"write - {_yaml(shown)}"


def _is_word(given: object) -> bool:
    return isinstance(given, str) and re.fullmatch(schema.ID_PATTERN, given) is not None


def _near(given: object, expected: str) -> str:
    words = [word.strip(" '\"") for word in expected.replace(" or ", ",").split(",")]
    close = get_close_matches(str(given), words, n=1)
    return f"did you mean {close[0]}? one of {', '.join(words)}" if close else f"one of {', '.join(words)}"


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _shape(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The shape of the mapping at ``path``."""
    names = [part for part in path if isinstance(part, str)]
    return SHAPES.get(names[-1], model) if names else model


def _names(shape: type[BaseModel]) -> dict[str, FieldInfo]:
    """Keys as the file has them (``not``, ``with``) → fields."""
    return {field.alias or name: field for name, field in shape.model_fields.items()}


def _field(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field that the last key of ``path`` names; of a list item, the list's."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return _names(_shape(model, path[:-1])).get(str(path[-1])) if path else None


def _did_you_mean(model: type[BaseModel], path: Path) -> str:
    known = _names(_shape(model, path[:-1]))
    close = get_close_matches(str(path[-1]).lower(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _advice(model: type[BaseModel], path: Path, wanted: str) -> str:
    field = _field(model, path)
    if field is None:
        return wanted and f"write {wanted}"
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    shown = f"write {name}: {example(field)}" if field.examples else ""
    if wanted.startswith(("did you mean", "one of")):
        return wanted
    return ", ".join(
        part
        for part in (wanted and f"write {wanted}", shown and shown.removeprefix("write ") if wanted else shown)
        if part
    )
