"""The text of feeds.yaml with one key, value or item put in, taken out or replaced, and nothing else touched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ketfeed.catalog.spans import (
    Pair,
    Value,
    behind,
    is_nothing,
    items,
    line_break,
    line_end,
    line_start,
    pairs,
    write_text,
    write_value,
)
from ketfeed.errors import UsageError

KEY_ORDER = (
    "id", "title", "homepage", "feed", "page", "sitemap", "kind", "topics", "publish", "relevance", "every", "priority",
    "paused", "language", "licence", "group", "headers", "auth",
)  # fmt: skip
"""Where a new key is put: behind the last key that stands before it here."""


PREFIX = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]+)*")  # anchor and tag before a value


class EditRefused(UsageError):
    """The change cannot be made without touching more than was asked; the text says what to do by hand."""


def with_pair(text: str, mapping: MappingNode, key: str, value: Value) -> str:
    """One more key in a mapping, behind the last that stands before it in KEY_ORDER."""
    known = [pair for pair in pairs(text, mapping) if pair.name != "<<"]
    every = pairs(text, mapping)
    if mapping.flow_style:
        last = every[-1].end
        written = f"{key}: {write_value(value, flow=True)}"
        return f"{text[:last]}, {written}{text[last:]}"
    place = KEY_ORDER.index(key) if key in KEY_ORDER else len(KEY_ORDER)
    before = [pair for pair in known if pair.name in KEY_ORDER and KEY_ORDER.index(pair.name) < place]
    after = max(before, key=lambda pair: pair.end) if before else every[0]
    newline = line_break(text)
    end = behind(text, after.end)
    lead = "" if text[:end].endswith("\n") else newline
    column = int(every[0].key.start_mark.column)
    if text[every[0].start - 2 : every[0].start] == "? ":
        column -= 2
    tail = newline if not lead else ""
    return f"{text[:end]}{lead}{' ' * column}{key}: {write_value(value)}{tail}{text[end:]}"


def replaced(text: str, mapping: MappingNode, pair: Pair, value: Value) -> str:
    """Another value of a key, with the quotes and the anchor the old one had."""
    if isinstance(value, list) and isinstance(pair.node, SequenceNode) and not pair.alias:
        by_item = _replaced_items(text, pair.node, value)
        if by_item is not None:
            return by_item
    prefix = "" if pair.alias else PREFIX.match(text, pair.value_start).group()  # type: ignore[union-attr]  # may be ""
    if not isinstance(value, str) or not isinstance(pair.node, ScalarNode):
        prefix = f"&{pair.node.anchor} " if pair.node.anchor and not pair.alias else ""
    quote = pair.node.style if isinstance(pair.node, ScalarNode) and not pair.alias else ""
    written = write_value(value, quote=quote if quote in ("'", '"') else "", flow=bool(mapping.flow_style))
    start = pair.value_start
    between = text[pair.key.end_mark.index : start]
    if "\n" in between or is_nothing(pair.node):
        start = text.index(":", pair.key.end_mark.index) + 1
        written = f" {written}"
    if prefix and written.startswith(" "):
        prefix, written = f" {prefix}", written[1:]
    if pair.end and text[pair.end - 1] == "\n":  # a kept block text ended with its line
        written += line_break(text)
    return f"{text[:start]}{prefix}{written}{text[pair.end :]}"


def _replaced_items(text: str, sequence: SequenceNode, value: Sequence[Value]) -> str | None:
    """A block list with other items, line by line; None when it has to be written anew."""
    old = [node.value if isinstance(node, ScalarNode) else None for node in sequence.value]
    if sequence.flow_style or not value or not old or None in old or not all(isinstance(item, str) for item in value):
        return None
    kept = [item for item in old if item in value]
    added = [str(item) for item in value if item not in old]
    if not kept or [*kept, *added] != list(value) or len(set(old)) != len(old):
        return None
    spans = items(text, sequence)
    newline = line_break(text)
    column = int(sequence.start_mark.column)
    last = max(index for index, item in enumerate(old) if item in value)
    for index in range(len(old) - 1, -1, -1):
        if index == last and added:
            end = behind(text, spans[index][1])
            lead = "" if text[:end].endswith("\n") else newline
            lines = "".join(f"{' ' * column}- {write_text(item)}{newline}" for item in added)
            text = text[:end] + lead + (lines if not lead else lines.removesuffix(newline)) + text[end:]
        if old[index] not in value:
            if text[line_start(text, spans[index][0]) : spans[index][0]].strip() != "-":
                return None
            text = without_lines(text, line_start(text, spans[index][0]), behind(text, spans[index][1]))
    return text


def without_pair(text: str, mapping: MappingNode, pair: Pair) -> str:
    """A mapping without one of its keys. Raises EditRefused when there is no other."""
    every = pairs(text, mapping)
    index = next(number for number, one in enumerate(every) if one.start == pair.start)
    if len(every) == 1:
        raise EditRefused(f"{pair.name} is the only key: change the file by hand")
    if mapping.flow_style:
        if index == 0:
            return text[: pair.start] + text[every[1].start :]
        return text[: every[index - 1].end] + text[pair.end :]
    if index == 0:
        return text[: pair.start] + text[every[1].start :]
    return without_lines(text, line_start(text, pair.start), behind(text, pair.end))


def without_lines(text: str, start: int, end: int) -> str:
    """Whole lines taken out; the new last line ends as the old one did, with or without a line break."""
    if end == len(text) and not text.endswith("\n"):
        return text[:start].removesuffix("\n").removesuffix("\r")
    return text[:start] + text[end:]


def without_item(text: str, spans: Sequence[tuple[int, int]], index: int) -> str:
    """A list in brackets without one item; an item on lines of its own takes only these."""
    start, end = spans[index]
    own = line_start(text, start)
    comma = re.compile(r"[ \t]*,").match(text, end)
    rest = re.compile(r"[ \t]*(?:#.*)?\r?\n").match(text, comma.end() if comma else end)
    if rest and not text[own:start].strip() and index:
        head = text[:own]
        if not comma:  # the last one: the comma before it is no longer needed
            before = spans[index - 1][1]
            head = head[:before] + head[before:].replace(",", "", 1)
        return head + text[rest.end() :]
    if index == 0:
        return text[: spans[0][0]] + text[spans[1][0] :]
    return text[: spans[index - 1][1]] + text[spans[index][1] :]


def dash_of(text: str, sequence: SequenceNode, spans: Sequence[tuple[int, int]], index: int) -> int:
    """Where the dash of a block item stands; its value may begin lines below."""
    floor = spans[index - 1][1] if index else int(sequence.start_mark.index)
    column = int(sequence.start_mark.column)
    start = line_start(text, spans[index][0])
    while start >= line_start(text, floor):
        dash = start + column
        if text[dash : dash + 1] == "-" and not text[start:dash].strip():
            return dash
        start = line_start(text, start - 1)
    raise EditRefused("the dash of this source was not found: change the file by hand")


def behind_inner_comments(text: str, end: int, column: int, *, commented_out: bool = False) -> int:
    """Where the lines of a block item end, with the comments right below it that are indented as its keys are.

    ``commented_out``: also ``#    every: 1h`` at the margin, a key that was put out of use.
    """
    position = behind(text, end)
    while position < len(text):
        line = text[position : line_end(text, position)]
        inside = line.lstrip(" ").startswith("#") and len(line) - len(line.lstrip(" ")) >= column
        if not inside and not (commented_out and re.match(r"#  +[A-Za-z_]+\s*:", line)):
            break
        position = line_end(text, position)
    return position


def has_gap(text: str, sequence: SequenceNode, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether sources are set apart by a blank line; of a single one: whether the file has any there."""
    if len(spans) < 2:
        return False
    dash = dash_of(text, sequence, spans, len(spans) - 1)
    between = text[spans[-2][1] : line_start(text, dash)]
    return any(not line.strip() for line in between.splitlines()[1:])


def key_column(sequence: SequenceNode, index: int) -> int:
    """How far to the right the keys of a list item stand, from 0."""
    item: Node = sequence.value[index]
    if isinstance(item, MappingNode) and item.value and not item.flow_style:
        column = int(item.value[0][0].start_mark.column)
        if column > sequence.start_mark.column:
            return column
    return int(sequence.start_mark.column) + 2


def write_block(fields: Mapping[str, Value], dash: int, width: int, newline: str) -> str:
    """A list item over several lines; ``dash``: its column, ``width``: columns from there to the keys."""
    lines = [f"{key}: {write_value(value)}" for key, value in fields.items()]
    first = f"{' ' * dash}-{' ' * (width - 1)}{lines[0]}{newline}"
    return first + "".join(f"{' ' * (dash + width)}{line}{newline}" for line in lines[1:])


def same_quotes(text: str, node: ScalarNode, new: str) -> str:
    """Another text in the quotes and with the anchor and tag of an old one."""
    prefix = PREFIX.match(text, int(node.start_mark.index))
    return (prefix.group() if prefix else "") + write_text(
        new, quote=node.style if node.style in ("'", '"') else "", flow=True
    )
