"""Where the pieces of a YAML text begin and end, and how a value is written: what edit.py cuts with.

The composer's end of a block collection is the beginning of whatever comes next, comments included; here an end is
the end of the last character that belongs to the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ketfeed.catalog.marks import BASE_SIXTY, INVISIBLE, LEADING_ZERO, OLD_BOOLEAN, OTHER_BASE, compose

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]
"""What can be written as one value."""

ALIAS = re.compile(r"[ \t]*:[ \t]*(\*[^\s,\[\]{}]+)")
AFTER_KEY = re.compile(r"\s*:")
NON_PRINTABLE = re.compile(
    "[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|" + INVISIBLE.pattern
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One ``key: value`` of a mapping as it stands in the text; positions are characters from the start."""

    name: str
    key: ScalarNode
    node: Node
    start: int  # of the key
    value_start: int  # where a new value would begin; an alias or nothing may stand here
    end: int  # behind the last character of the value
    alias: bool  # the value is *name


def pairs(text: str, mapping: MappingNode) -> list[Pair]:
    """The pairs of a mapping in the order of the text; merge keys have the name ``<<``."""
    found: list[Pair] = []
    for key, node in mapping.value:
        if not isinstance(key, ScalarNode):
            continue
        start, key_end = key.start_mark.index, key.end_mark.index
        alias = ALIAS.match(text, key_end) if node.start_mark.index < key_end else None
        if alias is not None:
            found.append(Pair(str(key.value), key, node, start, alias.start(1), alias.end(1), True))
            continue
        colon = AFTER_KEY.match(text, key_end)
        after = colon.end() if colon else key_end
        if is_nothing(node):
            found.append(Pair(str(key.value), key, node, start, after, after, False))
        else:
            found.append(Pair(str(key.value), key, node, start, node.start_mark.index, end_of(text, node), False))
    return found


def is_nothing(node: Node) -> bool:
    """Whether a value is left out: ``key:`` and the line ends."""
    return isinstance(node, ScalarNode) and node.value == "" and not node.style and str(node.tag).endswith(":null")


def end_of(text: str, node: Node) -> int:
    """Behind the last character of a value, without the comments and blank lines that follow it."""
    if isinstance(node, ScalarNode):
        end = int(node.end_mark.index)
        if node.style in ("|", ">"):
            header = text[node.start_mark.index : line_end(text, node.start_mark.index)].split("#")[0]
            if "+" in header:
                return end  # the blank lines below are part of the value
            while end > node.start_mark.index and text[end - 1] in "\r\n":
                end -= 1
        return end
    if isinstance(node, MappingNode) and not node.flow_style:
        return max((pair.end for pair in pairs(text, node)), default=int(node.start_mark.index))
    if isinstance(node, SequenceNode) and not node.flow_style:
        return max((end for _, end in items(text, node)), default=int(node.start_mark.index))
    return int(node.end_mark.index)


def items(text: str, sequence: SequenceNode) -> list[tuple[int, int]]:
    """Start and end of each item of a sequence; of a block item without its dash."""
    found: list[tuple[int, int]] = []
    position = int(sequence.start_mark.index)
    for item in sequence.value:
        if item.start_mark.index < position:  # an alias: the node stands further up
            star = text.index("*", position)
            end = re.compile(r"[^\s,\[\]{}]+").match(text, star)
            found.append((star, end.end() if end else star + 1))
        else:
            found.append((int(item.start_mark.index), end_of(text, item)))
        position = found[-1][1]
    return found


def line_start(text: str, position: int) -> int:
    """Start of the line a position is in."""
    return text.rfind("\n", 0, position) + 1


def line_end(text: str, position: int) -> int:
    """Behind the line break of the line a position is in, or the end of the text."""
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def behind(text: str, end: int) -> int:
    """Where the next line begins after a value that ends here; a kept block text ends at the line break itself."""
    return end if end and text[end - 1] == "\n" else line_end(text, end)


def line_break(text: str) -> str:
    """The line break the file uses."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def is_blank(text: str, start: int) -> bool:
    """Whether the line that starts here is there and empty."""
    return 0 <= start < len(text) and not text[start : line_end(text, start)].strip()


# ---------------------------------------------------------------- writing


def write_value(value: Value, *, quote: str = "", flow: bool = False) -> str:
    """A value on one line. ``quote``: the quotes the old value had, kept; ``flow``: it stands inside [] or {}."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return write_text(value, quote=quote, flow=flow)
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{write_text(k, flow=True)}: {write_value(v, flow=True)}" for k, v in value.items()) + "}"
        )
    return "[" + ", ".join(write_value(item, flow=True) for item in value) + "]"


def write_text(text: str, *, quote: str = "", flow: bool = False) -> str:
    """A text as a scalar: plain where every YAML reader reads the same text back, else in quotes."""
    if quote == "'" and not NON_PRINTABLE.search(text) and "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    if quote != '"' and _is_plain(text, flow=flow):
        return text
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + NON_PRINTABLE.sub(lambda found: _escape(found.group()), escaped) + '"'


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _is_plain(text: str, *, flow: bool) -> bool:
    traps = (OLD_BOOLEAN, LEADING_ZERO, OTHER_BASE, BASE_SIXTY)
    if not text or text != text.strip() or "\n" in text or any(trap.match(text) for trap in traps):
        return False
    if NON_PRINTABLE.search(text) or "\t" in text or text.startswith(("---", "...")):
        return False
    try:
        root = compose(f"[{text}]" if flow else f"k: {text}\n")
    except (YAMLError, RecursionError):
        return False
    if isinstance(root, SequenceNode) and flow:
        node = root.value[0] if len(root.value) == 1 else None
    elif isinstance(root, MappingNode) and not flow:
        node = root.value[0][1]
    else:
        return False
    return (
        isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:str" and node.value == text and not node.style
    )
