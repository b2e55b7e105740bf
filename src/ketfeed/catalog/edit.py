"""Changes to ``feeds.yaml`` that touch only the lines they must.

The text is cut with the composer's positions and never written out anew: comments, order, quotes and blank lines
are the editor's. Every change is a pure function text → text which also knows what the file must say afterwards;
when the new text says anything else, nothing is returned and the editor is asked to change the file by hand.

    add_sources · set_key · remove_source · rename_source          text → text, raise EditRefused
    write_file                                                      bytes on disk, only if nobody changed them meanwhile
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ketfeed.catalog.load import load_marked
from ketfeed.catalog.marks import Marked, compose, read_marked
from ketfeed.catalog.spans import (
    Pair,
    Value,
    behind,
    is_blank,
    is_nothing,
    items,
    line_break,
    line_end,
    line_start,
    pairs,
    write_text,
    write_value,
)
from ketfeed.errors import CatalogError, UsageError

KEY_ORDER = (
    "id", "title", "homepage", "feed", "page", "sitemap", "kind", "topics", "publish", "relevance", "every", "priority",
    "paused", "language", "licence", "group", "headers", "auth",
)  # fmt: skip
"""Where a new key is put: behind the last key that stands before it here."""


PREFIX = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]+)*")  # anchor and tag before a value


class EditRefused(UsageError):
    """The change cannot be made without touching more than was asked; the text says what to do by hand."""


class FileChanged(UsageError):
    """Somebody else changed the file between reading and writing; nothing was written."""


# ---------------------------------------------------------------- finding


def _sources(text: str) -> tuple[MappingNode, Pair | None]:
    """The root of the file and its ``sources`` pair."""
    try:
        root = compose(text)
    except (YAMLError, RecursionError) as error:
        raise EditRefused(f"the file is not YAML: {str(error).splitlines()[0]}; see `ketfeed check`") from error
    if not isinstance(root, MappingNode):
        raise EditRefused("the file is not a mapping with sources: see `ketfeed check`")
    found = [pair for pair in pairs(text, root) if pair.name == "sources"]
    return root, found[0] if found else None


def _sequence(pair: Pair | None) -> SequenceNode:
    if pair is None or not isinstance(pair.node, SequenceNode) or pair.alias:
        raise EditRefused("sources: is not a list written here: change the file by hand")
    return pair.node


def _item(text: str, source_id: str) -> tuple[SequenceNode, int, MappingNode]:
    """The list, the position in it and the mapping of one source."""
    sequence = _sequence(_sources(text)[1])
    data = _data(text)["sources"]
    for index, (item, plain) in enumerate(zip(sequence.value, data, strict=True)):
        if isinstance(plain, dict) and plain.get("id") == source_id and isinstance(item, MappingNode):
            if items(text, sequence)[index][0] != item.start_mark.index:
                raise EditRefused(f"{source_id} is an alias of another source: write it out first")
            return sequence, index, item
    raise EditRefused(f"no source {source_id}: `ketfeed sources list` shows all ids")


def _data(text: str) -> Any:  # noqa: ANN401  # whatever YAML holds
    return deepcopy(read_marked("feeds.yaml", text.encode("utf-8", "surrogatepass")).data)


# ---------------------------------------------------------------- changing


def set_key(text: str, source_id: str, key: str, value: Value | None) -> str:
    """Give a key of a source another value, add it, or take it out (None). Raises EditRefused."""
    _, index, mapping = _item(text, source_id)
    expected = _data(text)
    known = expected["sources"][index]
    old = next((pair for pair in pairs(text, mapping) if pair.name == key), None)
    if value is None:
        known.pop(key, None)
        if old is None:
            return text
        return _proved(_without_pair(text, mapping, old), expected)
    value = _plain(value)
    if known.get(key) == value and type(known.get(key)) is type(value):
        return text
    known[key] = value
    if old is None:
        return _proved(_with_pair(text, mapping, key, value), expected)
    return _proved(_replaced(text, mapping, old, value), expected)


def set_address(text: str, source_id: str, url: str) -> str:
    """Change where a source is polled, whether it is a feed, a page or a sitemap. Raises EditRefused."""
    _, index, mapping = _item(text, source_id)
    expected = _data(text)
    known = expected["sources"][index]
    for pair in pairs(text, mapping):
        if pair.name not in ("feed", "page", "sitemap"):
            continue
        if url in (known[pair.name], known[pair.name].get("url") if isinstance(known[pair.name], dict) else None):
            return text
        if isinstance(pair.node, MappingNode) and not pair.alias:
            inner = next((one for one in pairs(text, pair.node) if one.name == "url"), None)
            if inner is not None:
                known[pair.name]["url"] = url
                return _proved(_replaced(text, pair.node, inner, url), expected)
        known[pair.name] = url
        return _proved(_replaced(text, mapping, pair, url), expected)
    raise EditRefused(f"{source_id} takes its address from elsewhere (<<): change it there by hand")


def rename_source(text: str, old: str, new: str) -> str:
    """Give a source another id, also where named feeds speak of it. Raises EditRefused."""
    _, index, mapping = _item(text, old)
    expected = _data(text)
    expected["sources"][index]["id"] = new
    cuts = [
        (pair.value_start, pair.end, _same_quotes(text, pair.node, new))
        for pair in pairs(text, mapping)
        if pair.name == "id" and not pair.alias and isinstance(pair.node, ScalarNode)
    ]
    root, _ = _sources(text)
    feeds = next((pair.node for pair in pairs(text, root) if pair.name == "feeds"), None)
    for number, feed in enumerate(feeds.value if isinstance(feeds, SequenceNode) else []):
        for key in ("sources", "not_sources"):
            listed = expected["feeds"][number].get(key) if isinstance(expected["feeds"][number], dict) else None
            if isinstance(listed, list):
                expected["feeds"][number][key] = [new if item == old else item for item in listed]
        if isinstance(feed, MappingNode):
            cuts += _mentions(text, feed, old, new)
    for start, end, written in sorted(set(cuts), reverse=True):
        text = text[:start] + written + text[end:]
    return _proved(text, expected)


def _mentions(text: str, feed: MappingNode, old: str, new: str) -> list[tuple[int, int, str]]:
    return [
        (int(node.start_mark.index), int(node.end_mark.index), _same_quotes(text, node, new))
        for pair in pairs(text, feed)
        if pair.name in ("sources", "not_sources") and isinstance(pair.node, SequenceNode) and not pair.alias
        for node in pair.node.value
        if isinstance(node, ScalarNode) and node.value == old
    ]


def remove_source(text: str, source_id: str) -> str:
    """Take a source out. Comments above it stay where they are. Raises EditRefused for the last source."""
    sequence, index, _ = _item(text, source_id)
    expected = _data(text)
    if len(sequence.value) == 1:
        raise EditRefused("this is the last source: an empty list is never taken as 'no sources'")
    del expected["sources"][index]
    spans = items(text, sequence)
    if sequence.flow_style:
        return _proved(_without_item(text, spans, index), expected)
    start = line_start(text, _dash(text, sequence, spans, index))
    end = _behind_inner_comments(text, spans[index][1], _key_column(sequence, index))
    above = line_start(text, start - 1) if start else -1
    if is_blank(text, end) and (above < 0 or is_blank(text, above)):
        end = line_end(text, end)  # else two blank lines would meet
    elif end == len(text) and start and is_blank(text, above):
        start = above  # else the file would end with a blank line
    return _proved(_without_lines(text, start, end), expected)


def add_sources(text: str, added: Sequence[Mapping[str, Value]]) -> str:
    """Put sources into the list, each behind the last of its group, else at the end. Raises EditRefused."""
    for group in dict.fromkeys(fields.get("group") for fields in added):
        text = _add_group(text, [fields for fields in added if fields.get("group") == group], group)
    return text


def _add_group(text: str, added: Sequence[Mapping[str, Value]], group: Value | None) -> str:
    root, pair = _sources(text)
    expected = _data(text)
    plain = [{key: _plain(value) for key, value in fields.items()} for fields in added]
    if pair is None or is_nothing(pair.node) or (isinstance(pair.node, SequenceNode) and not pair.node.value):
        expected["sources"] = plain
        return _proved(_first_sources(text, root, pair, plain), expected)
    sequence = _sequence(pair)
    known = expected["sources"]
    same = [index for index, item in enumerate(known) if isinstance(item, dict) and item.get("group") == group]
    index = same[-1] if same and group is not None else len(known) - 1
    known[index + 1 : index + 1] = plain
    spans = items(text, sequence)
    if sequence.flow_style:
        written = "".join(f", {write_value(fields)}" for fields in plain)
        return _proved(text[: spans[index][1]] + written + text[spans[index][1] :], expected)
    dash = int(sequence.start_mark.column)
    gap = _gap(text, sequence, spans)
    width = _key_column(sequence, index) - dash
    newline = line_break(text)
    end = _behind_inner_comments(text, spans[index][1], dash + 1, commented_out=True)
    block = "".join((newline if gap else "") + _block(fields, dash, width, newline) for fields in plain)
    before = text[:end]
    if not before.endswith("\n"):
        before += newline
        block = block.removesuffix(newline)
    return _proved(before + block + text[end:], expected)


def _first_sources(text: str, root: MappingNode, pair: Pair | None, plain: Sequence[Mapping[str, Value]]) -> str:
    newline = line_break(text)
    block = newline.join(_block(fields, 2, 2, newline).removesuffix(newline) for fields in plain)
    if pair is not None:
        return text[: pair.value_start].rstrip(" ") + newline + block + text[pair.end :]
    if root.flow_style:
        raise EditRefused("the file is one {…}: add sources: by hand")
    lead = "" if text.endswith("\n") else newline
    return f"{text}{lead}sources:{newline}{block}{newline}"


# ---------------------------------------------------------------- cutting


def _with_pair(text: str, mapping: MappingNode, key: str, value: Value) -> str:
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


def _replaced(text: str, mapping: MappingNode, pair: Pair, value: Value) -> str:
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
            text = _without_lines(text, line_start(text, spans[index][0]), behind(text, spans[index][1]))
    return text


def _without_pair(text: str, mapping: MappingNode, pair: Pair) -> str:
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
    return _without_lines(text, line_start(text, pair.start), behind(text, pair.end))


def _without_lines(text: str, start: int, end: int) -> str:
    """Whole lines taken out; the new last line ends as the old one did, with or without a line break."""
    if end == len(text) and not text.endswith("\n"):
        return text[:start].removesuffix("\n").removesuffix("\r")
    return text[:start] + text[end:]


def _without_item(text: str, spans: Sequence[tuple[int, int]], index: int) -> str:
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


def _dash(text: str, sequence: SequenceNode, spans: Sequence[tuple[int, int]], index: int) -> int:
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


def _behind_inner_comments(text: str, end: int, column: int, *, commented_out: bool = False) -> int:
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


def _gap(text: str, sequence: SequenceNode, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether sources are set apart by a blank line; of a single one: whether the file has any there."""
    if len(spans) < 2:
        return False
    dash = _dash(text, sequence, spans, len(spans) - 1)
    between = text[spans[-2][1] : line_start(text, dash)]
    return any(not line.strip() for line in between.splitlines()[1:])


def _key_column(sequence: SequenceNode, index: int) -> int:
    item: Node = sequence.value[index]
    if isinstance(item, MappingNode) and item.value and not item.flow_style:
        column = int(item.value[0][0].start_mark.column)
        if column > sequence.start_mark.column:
            return column
    return int(sequence.start_mark.column) + 2


def _block(fields: Mapping[str, Value], dash: int, width: int, newline: str) -> str:
    lines = [f"{key}: {write_value(value)}" for key, value in fields.items()]
    first = f"{' ' * dash}-{' ' * (width - 1)}{lines[0]}{newline}"
    return first + "".join(f"{' ' * (dash + width)}{line}{newline}" for line in lines[1:])


def _same_quotes(text: str, node: ScalarNode, new: str) -> str:
    prefix = PREFIX.match(text, int(node.start_mark.index))
    return (prefix.group() if prefix else "") + write_text(
        new, quote=node.style if node.style in ("'", '"') else "", flow=True
    )


def _plain(value: Value) -> Any:  # noqa: ANN401  # tuples and mappings as YAML reads them back
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def _proved(text: str, expected: object) -> str:
    """``text`` if it says what was meant. Raises EditRefused otherwise: better nothing than something else."""
    if _data(text) != expected:
        raise EditRefused("this place of the file is written in a way ketfeed cannot change: change it by hand")
    return text


# ---------------------------------------------------------------- on disk


def read_text(path: Path) -> tuple[bytes, str]:
    """The bytes of a file as they are, and its text without a byte order mark. Raises UsageError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return raw, raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: save the file as UTF-8") from error


def write_file(path: Path, before: bytes, after: str, topics: Path | None = None) -> None:
    """Replace a file whose bytes are still ``before``; all of it or nothing. A link stays a link.

    ``topics`` is the topics.yaml the new text is checked with. Raises FileChanged when somebody was faster,
    CatalogError when the new text has an error the old one had not, UsageError when it cannot be written.
    """
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    raw = mark + after.encode("utf-8")
    _refuse_new_errors(path, before, raw, topics)
    target = path.resolve()
    try:
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two of us cannot both find the file unchanged
            if target.read_bytes() != before:
                raise FileChanged(f"{path}: somebody else changed the file meanwhile: nothing was written, try again")
            _replace(target, raw)
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); it is as it was") from error


def _replace(target: Path, raw: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _refuse_new_errors(path: Path, before: bytes, after: bytes, topics: Path | None) -> None:
    def marked() -> Marked | None:
        return read_marked(str(topics), topics.read_bytes()) if topics is not None and topics.exists() else None

    old = {(one.key, one.problem) for one in load_marked(read_marked(str(path), before), marked()).errors}
    errors = load_marked(read_marked(str(path), after), marked()).errors
    fresh = [one for one in errors if (one.key, one.problem) not in old and one.file == str(path)]
    if fresh:
        raise CatalogError(fresh)
