"""Changes to ``feeds.yaml`` that touch only the lines they must.

The text is cut with the composer's positions and never written out anew: comments, order, quotes and blank lines
are the editor's. Every change is a pure function text → text which also knows what the file must say afterwards;
when the new text says anything else, nothing is returned and the editor is asked to change the file by hand.

    add_sources · set_key · set_address · remove_source · rename_source     text → text, raise EditRefused
    cuts.py makes the cuts, spans.py knows where the pieces are, disk.py reads and writes the file
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from ketfeed.catalog.cuts import (
    EditRefused,
    behind_inner_comments,
    dash_of,
    has_gap,
    key_column,
    replaced,
    same_quotes,
    with_pair,
    without_item,
    without_lines,
    without_pair,
    write_block,
)
from ketfeed.catalog.marks import compose, read_marked
from ketfeed.catalog.spans import (
    Pair,
    Value,
    is_blank,
    is_nothing,
    items,
    line_break,
    line_end,
    line_start,
    pairs,
    write_value,
)

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
        return _proved(without_pair(text, mapping, old), expected)
    value = _plain(value)
    if known.get(key) == value and type(known.get(key)) is type(value):
        return text
    known[key] = value
    if old is None:
        return _proved(with_pair(text, mapping, key, value), expected)
    return _proved(replaced(text, mapping, old, value), expected)


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
                return _proved(replaced(text, pair.node, inner, url), expected)
        known[pair.name] = url
        return _proved(replaced(text, mapping, pair, url), expected)
    raise EditRefused(f"{source_id} takes its address from elsewhere (<<): change it there by hand")


def rename_source(text: str, old: str, new: str) -> str:
    """Give a source another id, also where named feeds speak of it. Raises EditRefused."""
    _, index, mapping = _item(text, old)
    expected = _data(text)
    expected["sources"][index]["id"] = new
    cuts = [
        (pair.value_start, pair.end, same_quotes(text, pair.node, new))
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
        (int(node.start_mark.index), int(node.end_mark.index), same_quotes(text, node, new))
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
        return _proved(without_item(text, spans, index), expected)
    start = line_start(text, dash_of(text, sequence, spans, index))
    end = behind_inner_comments(text, spans[index][1], key_column(sequence, index))
    above = line_start(text, start - 1) if start else -1
    if is_blank(text, end) and (above < 0 or is_blank(text, above)):
        end = line_end(text, end)  # else two blank lines would meet
    elif end == len(text) and start and is_blank(text, above):
        start = above  # else the file would end with a blank line
    return _proved(without_lines(text, start, end), expected)


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
    gap = has_gap(text, sequence, spans)
    width = key_column(sequence, index) - dash
    newline = line_break(text)
    end = behind_inner_comments(text, spans[index][1], dash + 1, commented_out=True)
    block = "".join((newline if gap else "") + write_block(fields, dash, width, newline) for fields in plain)
    before = text[:end]
    if not before.endswith("\n"):
        before += newline
        block = block.removesuffix(newline)
    return _proved(before + block + text[end:], expected)


def _first_sources(text: str, root: MappingNode, pair: Pair | None, plain: Sequence[Mapping[str, Value]]) -> str:
    newline = line_break(text)
    block = newline.join(write_block(fields, 2, 2, newline).removesuffix(newline) for fields in plain)
    if pair is not None:
        return text[: pair.value_start].rstrip(" ") + newline + block + text[pair.end :]
    if root.flow_style:
        raise EditRefused("the file is one {…}: add sources: by hand")
    lead = "" if text.endswith("\n") else newline
    return f"{text}{lead}sources:{newline}{block}{newline}"


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
