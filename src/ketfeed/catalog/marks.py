"""YAML text → plain data, with the place of every key and value, and the traps of YAML found on the way.

The text is composed into nodes (ruamel.yaml, YAML 1.2) and turned into data here rather than by a constructor, so
that every duplicate key is seen, not only the first, and a complaint can name the line an editor has to mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ketfeed.catalog.syntax import DIRECTIVE, MAX_DEPTH, locate, position, too_deep
from ketfeed.model import Complaint

Path = tuple[str | int, ...]

MAX_BYTES = 16 * 1024 * 1024  # a catalog of 100,000 sources; beyond it is not an editor's file
SPARE_NODES = 100_000  # beside two for each character: only an alias bomb grows past that

INVISIBLE = re.compile("[\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
"""Characters no editor sees: controls YAML lets pass, other line breaks, marks that turn the direction of writing."""

TAG = "tag:yaml.org,2002:"
OLD_BOOLEAN = re.compile(r"^(?:y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$")
LEADING_ZERO = re.compile(r"^[-+]?0[0-9_]+$")
OTHER_BASE = re.compile(r"^[-+]?0[xob][0-9a-fA-F_]+$")
BASE_SIXTY = re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$")
FALSE_WORDS = ("n", "no", "off")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Marked:
    """A document as plain data beside the places of its values and keys, by path."""

    name: str  # as complaints show the file
    data: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    trapped: set[Path] = field(default_factory=set)  # complained about already: other complaints there would be noise
    empty: bool = False  # nothing but comments
    broken: bool = False  # the text is not YAML: data says nothing

    def complain(
        self, path: Path, problem: str, advice: str = "", *, at_key: bool = False, warning: bool = False
    ) -> None:
        """Add a complaint at the value of ``path`` (or its key), or at the nearest thing above that exists."""
        place = self.place(path, at_key=at_key)
        self.complaints.append(
            Complaint(
                file=self.name,
                line=place.line,
                column=place.column,
                key=show_path(path),
                problem=problem,
                advice=advice,
                severity="warning" if warning else "error",
            )
        )

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Where ``path`` stands; of a missing one, where its nearest parent begins."""
        if at_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def show_path(path: Path) -> str:
    """``("sources", 3, "every")`` → ``sources[3].every``."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            shown += f".{part}" if shown else part
    return shown


def read_marked(name: str, raw: bytes) -> Marked:
    """Read one file; never raises for content. Complaints are in ``Marked.complaints``."""
    marked = Marked(name)
    text = _decode(raw, marked)
    if text is None:
        return marked
    try:
        root = compose(text)
    except YAMLError as error:
        marked.broken = True
        _at(marked, *locate(error, text))
        return marked
    except RecursionError:
        marked.broken = True
        advice = f"keep lists and mappings under {MAX_DEPTH} levels"
        _at(marked, *too_deep(text), "nested too deeply to read", advice)
        return marked
    for found in INVISIBLE.finditer(text):
        _at(marked, *position(text, found.start()), f"an invisible character (U+{ord(found.group()):04X})", "remove it")
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("%"):
            _at(marked, number, 1, *DIRECTIVE)
        if not line.startswith(("#", "%")) and line.strip():
            break
    if root is None:
        marked.empty = True
        return marked
    marked.data = _Reader(marked, SPARE_NODES + 2 * len(text)).value(root, (), 0)
    marked.empty = marked.data is None
    return marked


def compose(text: str) -> Node | None:
    """YAML text → node tree, None when nothing but comments; raises ruamel.yaml.error.YAMLError."""
    root: Node | None = YAML(typ="rt", pure=True).compose(text)
    return root


def _decode(raw: bytes, marked: Marked) -> str | None:
    if len(raw) > MAX_BYTES:
        marked.broken = True
        marked.complain((), f"larger than {MAX_BYTES // 1024 // 1024} MiB", "split the installation")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        marked.broken = True
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        _at(marked, line, column, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return None


def _at(marked: Marked, line: int, column: int, problem: str, advice: str) -> None:
    marked.complaints.append(
        Complaint(file=marked.name, line=line, column=column, key="", problem=problem, advice=advice)
    )


class _Reader:
    """Nodes → data, one value at a time, keeping places and traps."""

    def __init__(self, marked: Marked, most: int) -> None:
        self.marked = marked
        self.left = most  # nodes that may still come
        self.open: set[int] = set()  # ids of the nodes being read: an alias to one of them is a circle

    def value(self, node: Node, path: Path, depth: int, at: Place | None = None) -> object:
        """The data of a node; ``at`` is the place of the alias when the node stands elsewhere."""
        place = at or Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.marked.values[path] = place
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH or id(node) in self.open:
            if not self.marked.broken:
                self.marked.complain(path, "an alias repeats itself or nests too deeply", "write the values out")
            self.marked.broken = True
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self.open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return self._sequence(node, path, depth)
            if isinstance(node, MappingNode):
                return self._mapping(node, path, depth)
        finally:
            self.open.discard(id(node))
        return None

    def _sequence(self, node: SequenceNode, path: Path, depth: int) -> list[Any]:
        self._known_tag(node, path, "seq")
        return [self.value(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        self._known_tag(node, path, "map")
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if str(key_node.tag) == f"{TAG}merge":
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in lines:
                self.marked.keys[here] = place
                self.marked.complain(
                    here, f"key written twice (first in line {lines[key]})", "remove one of the two", at_key=True
                )
                continue
            lines[key] = place.line
            self.marked.keys[here] = place
            left_out = isinstance(value_node, ScalarNode) and not value_node.value and not value_node.style
            data[key] = self.value(value_node, here, depth + 1, place if left_out else None)
        for merged, place in self._merged(node, path):
            for key_node, value_node in merged.value:
                key = key_node.value if isinstance(key_node, ScalarNode) else None
                if key is not None and key not in data:
                    self.marked.keys[(*path, key)] = place
                    data[key] = self.value(value_node, (*path, key), depth + 1)
        return data

    def _merged(self, node: MappingNode, path: Path) -> Iterator[tuple[MappingNode, Place]]:
        """The mappings behind ``<<``, the winning one first."""
        for key_node, value_node in node.value:
            if str(key_node.tag) != f"{TAG}merge":
                continue
            place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            listed = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
            for item in listed:
                if isinstance(item, MappingNode):
                    yield item, place
                else:
                    self.marked.keys[(*path, "<<")] = place
                    self.marked.complain((*path, "<<"), "<< needs a mapping", "write <<: *name", at_key=True)

    def _key(self, node: Node, path: Path) -> str | None:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, ScalarNode) and str(node.tag) == f"{TAG}str":
            return str(node.value)
        shown = node.value if isinstance(node, ScalarNode) else "a list or mapping"
        here = (*path, str(shown))
        self.marked.keys[here] = place
        advice = f'write "{shown}" in quotes' if isinstance(node, ScalarNode) and node.value else "write key: value"
        self.marked.complain(here, "a key must be text", advice, at_key=True)
        return None

    def _known_tag(self, node: Node, path: Path, *names: str) -> None:
        if str(node.tag) not in {f"{TAG}{name}" for name in names}:
            self._trap(path, f"tag {node.tag} is not known here", "remove the tag")

    def _trap(self, path: Path, problem: str, advice: str) -> None:
        self.marked.complain(path, problem, advice)
        self.marked.trapped.add(path)

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        text = str(node.value)
        tag = str(node.tag).removeprefix(TAG)
        if tag not in ("str", "int", "float", "bool", "null", "timestamp", "merge"):
            self._trap(path, f"tag {node.tag} is not known here", "remove the tag")
            return text
        if node.style is None or node.style == "":
            self._plain_traps(text, path)
        if tag == "null":
            if path and not str(path[0]).startswith("x-"):
                self._trap(path, "nothing is written here", "write a value, or take the line out")
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag in ("int", "float"):
            return _number(text, tag)
        return text  # a date is text in the YAML 1.2 core schema

    def _plain_traps(self, text: str, path: Path) -> None:
        if OLD_BOOLEAN.match(text):
            word = "false" if text.lower() in FALSE_WORDS else "true"
            self._trap(path, f"{text} is text to some YAML readers and {word} to others", f'write {word}, or "{text}"')
        elif LEADING_ZERO.match(text) or OTHER_BASE.match(text):
            self._trap(
                path, f"{text} is another number to some YAML readers (octal)", f'write it without the 0, or "{text}"'
            )
        elif BASE_SIXTY.match(text):
            self._trap(path, f"{text} is a number in base 60 to some YAML readers", f'write "{text}" in quotes')


def _number(text: str, tag: str) -> int | float | str:
    plain = text.replace("_", "")
    try:
        if tag == "float":
            return float(
                plain.replace(".inf", "inf").replace(".nan", "nan").replace(".INF", "inf").replace(".NaN", "nan")
            )
        return int(plain, 0) if OTHER_BASE.match(plain) else int(plain, 10)
    except ValueError:
        return text
