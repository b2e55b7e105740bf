"""Tidy markup becomes safe HTML and plain text in one walk, without a parser; anything else is left to the sanitiser.

    <p>A &amp; <em>b</em>, <a class="x" href="/c">c</a></p>
        ─▶ <p>A &amp; <em>b</em>, <a href="https://example.org/c" rel="noopener noreferrer">c</a></p>

Tidy is: lower-case tags of the lists below, every one closed in its turn and none where an HTML parser would close or
move another; attributes in quotes; plain addresses; character references with their semicolon; nothing invisible.
What is written consists of listed tags, and of listed attributes whose values were looked at, whatever was read: it is
safe by its form. That it is also what nh3 would have written, and what a second cleaning would leave as it is, follows
from the rules of the HTML standard for such tags (section 13.2.6.4.7, "in body": no element is closed or moved by the
next) and is asked of both by tests/ingest/test_tidy.py and by fuzzing. Most of what feeds carry is tidy; walking over
it takes a third of the time of parsing, proving and reading it again.
"""

from __future__ import annotations

import html
import html.entities
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ketfeed.ingest.text import unescape, visible
from ketfeed.ingest.urls import absolute


class Tidy(NamedTuple):
    """Safe HTML, and the same as text: white space as it was, a line for every tag of a block."""

    markup: str
    text: str
    pictures: bool  # whether a picture is in it


Picture = Callable[[dict[str, str], str | None], str]
"""Writes one <img> by its attributes and the base of its address; nothing for one that only counts readers."""

_IN_P, _IN_A, _IN_HEADING = 1, 2, 4
"""Open elements that matter: a block ends a paragraph, a link a link, a heading a heading."""


class _Opening(NamedTuple):
    """What a start tag asks for and does."""

    end: str  # the end tag that must come for it; empty: none, it is void
    bars: int  # none of these may be open
    opens: int
    line: str  # what it is in the text: a new line, or nothing
    parents: frozenset[str]  # one of these end tags must be the next due; empty: no matter


_ANYWHERE: frozenset[str] = frozenset()
_INLINE = (
    "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s", "samp",
    "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
)  # fmt: skip
_BLOCKS = (
    "article", "aside", "blockquote", "details", "div", "dl", "figcaption", "figure", "footer", "header", "ol",
    "section", "summary", "ul",
)  # fmt: skip
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def _openings() -> dict[str, _Opening]:
    def blocks(names: Iterable[str], bars: int = _IN_P, opens: int = 0) -> dict[str, _Opening]:
        return {name: _Opening(f"/{name}", bars, opens, "\n", _ANYWHERE) for name in names}

    found = {name: _Opening(f"/{name}", 0, 0, "", _ANYWHERE) for name in _INLINE}
    found |= blocks(_BLOCKS) | blocks(("p",), opens=_IN_P) | blocks(_HEADINGS, _IN_P | _IN_HEADING, _IN_HEADING)
    found["center"] = _Opening("/center", _IN_P, 0, "", _ANYWHERE)
    found["a"] = _Opening("/a", _IN_A, _IN_A, "", _ANYWHERE)
    found["li"] = _Opening("/li", _IN_P, 0, "\n", frozenset({"/ul", "/ol"}))
    found["dt"], found["dd"] = (_Opening(f"/{name}", _IN_P, 0, "\n", frozenset({"/dl"})) for name in ("dt", "dd"))
    found["br"] = _Opening("", 0, 0, "\n", _ANYWHERE)
    found["hr"] = _Opening("", _IN_P, 0, "\n", _ANYWHERE)
    found["wbr"] = _Opening("", 0, 0, "", _ANYWHERE)
    found["img"] = _Opening("", 0, 0, "", _ANYWHERE)
    return found


_BY_NAME = _openings()
_A, _IMG = _BY_NAME["a"], _BY_NAME["img"]
_REL = ' rel="noopener noreferrer"'
_OPENINGS = {name: made for name, made in _BY_NAME.items() if name not in {"a", "img"}}
"""Start tags as they stand between their brackets that are written as they are."""
_CLOSINGS = {made.end: (~made.opens, made.line) for made in _BY_NAME.values() if made.end}
"""End tag → what stays open of the elements that matter; what it is in the text."""

_TAG = re.compile(r"""([a-z][a-z0-9]{0,9})((?:[ \n\t]+[a-z][a-z0-9\-]{0,30}=(?:"[^"]*"|'[^'"]*'))*)[ \n\t]?(/?)""")
_ATTRIBUTE = re.compile(r"""([a-z][a-z0-9\-]*)=(?:"([^"]*)"|'([^'"]*)')""")
EVERYWHERE = frozenset({"lang", "dir"})
KEPT: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href", "title", "hreflang"}),
    "abbr": frozenset({"title"}),
    "bdo": frozenset({"dir"}),
    "ol": frozenset({"start"}),
    "time": frozenset({"datetime"}),
}
LEFT: Mapping[str, frozenset[str]] = {
    "blockquote": frozenset({"cite"}),
    "del": frozenset({"cite", "datetime"}),
    "ins": frozenset({"cite", "datetime"}),
    "ol": frozenset({"reversed"}),
    "q": frozenset({"cite"}),
}
"""Attributes that are kept, by element, and those that the sanitiser is left to decide about; all others go."""

_OF_PICTURES = frozenset({"src", "alt", "title", "width", "height", "lang", "dir"})
_NONE: frozenset[str] = frozenset()

LAZY = (
    "data-src", "data-lazy-src", "data-original", "data-orig-file", "data-full-url", "data-hi-res-src", "data-srcset",
)  # fmt: skip
LAZY_SETS = ("srcset", "data-srcset", "data-lazy-srcset")
"""Where lazy loaders keep the address of a picture, or a set of them."""

_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IN_PATH, _IN_QUERY = (f"[{more}A-Za-z0-9_\\-.~/%+,;:=@!*()$]*" for more in ("", "?"))
_ABSOLUTE = (
    rf"https?://(?:(?:[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.)+[A-Za-z]{{2,63}}|{_BYTE}(?:\.{_BYTE}){{3}})"
    rf"(?::(?:\d{{1,4}}|[1-5]\d{{4}}|6[0-4]\d{{3}}))?(?:/{_IN_PATH}(?:&amp;{_IN_PATH})*)?"
    rf"(?:\?{_IN_QUERY}(?:&amp;{_IN_QUERY})*)?(?:#{_IN_QUERY})?"
)
_ADDRESS = re.compile(_ABSOLUTE)
"""An absolute address, as an attribute has it, that every parser of addresses takes, and leaves as it is."""

_BEFORE_COLON = r"[A-Za-z0-9_\-.~/?=%+,!]*"
_RELATIVE = re.compile(rf"{_BEFORE_COLON}(?:&amp;{_BEFORE_COLON})*(?:#{_IN_QUERY}(?:&amp;{_IN_QUERY})*)?")
"""An address that no parser takes for an absolute one: it has no colon."""

_LINK = re.compile(rf'a href="(?:{_ABSOLUTE}|(/[A-Za-z0-9_\-.~/]*))"')
"""The usual tag of a link; group 1: an address on the same site."""

_PARAMETER = re.compile(r"&(?=[A-Za-z0-9]+=)")
"""No reference, in an attribute: the next parameter of an address that was not escaped."""


def tidy(markup: str, base: str | None, picture: Picture) -> Tidy | None:
    """Safe HTML and text of tidy markup without a carriage return; None for any other.

    ``base`` is what addresses from the root of a site start from.
    """
    if visible(markup) is not markup:
        return None
    pieces = markup.split("<")
    texts = ["", pieces[0]]  # what a tag is in the text and what comes after it, in turn
    due = [""]  # end tags that must come, the next one last
    inside = 0
    pictures = False
    for at in range(1, len(pieces)):
        tag, ends, text = pieces[at].partition(">")
        if not ends:
            return None
        closing = _CLOSINGS.get(tag)
        if closing is not None:
            if due.pop() != tag:
                return None
            inside &= closing[0]
            line = closing[1]
        else:
            opening = _OPENINGS.get(tag)
            if opening is None:
                made = _with_attributes(tag, base, picture)
                if made is None:
                    return None
                written, opening = made
                pieces[at] = f"{written}>{text}" if written else f"{_GONE}{text}"
                pictures = pictures or (opening is _IMG and written != "")
            end, bars, opens, line, parents = opening
            if bars & inside or (parents and due[-1] not in parents):
                return None
            if end:
                due.append(end)
                inside |= opens
        texts.append(line)
        texts.append(text)
    return _written(pieces, texts, pictures) if len(due) == 1 else None


_GONE = "\0"
"""In place of the tag of a picture that is left out; nothing visible has it."""


def _written(pieces: list[str], texts: list[str], pictures: bool) -> Tidy | None:
    """The pieces put together again."""
    text = "".join(texts)
    if "&" in text or ">" in text:
        if not _with_references(pieces, texts):
            return None
        text = unescape("".join(texts))
    markup = "<".join(pieces)
    if _GONE in markup:
        markup = markup.replace(f"<{_GONE}", "")
    if not markup.isascii():
        markup = markup.replace("\xa0", "&nbsp;")
    return Tidy(markup.strip(), text, pictures)


# ---------------------------------------------------------------- character references

_REFERENCE = re.compile(r"&(?:#([0-9]{2,5});|#[xX]([0-9A-Fa-f]{2,4});|([A-Za-z]{2,8}[0-9]{0,2};)|(?![#A-Za-z]))")
_AS_WRITTEN = re.compile(r"[^&]*(?:&(?:amp|lt|gt|nbsp);[^&]*)*")


def _with_references(pieces: list[str], texts: list[str]) -> bool:
    """Write ``&`` and ``>`` of the texts as nh3 does; False when a reference is not plainly what it is."""
    for at, text in enumerate(texts[1::2]):
        if ("&" not in text or _AS_WRITTEN.fullmatch(text)) and ">" not in text:
            continue
        plain = _plain(text)
        if plain is None:
            return False
        escaped = html.escape(plain, quote=False).replace("\xa0", "&nbsp;")
        pieces[at] = pieces[at][: -len(text)] + escaped
        texts[2 * at + 1] = escaped
    return True


def _plain(text: str) -> str | None:
    """A text with its references as characters; None when one has no semicolon, no meaning or nothing visible."""
    count = 0
    for found in _REFERENCE.finditer(text):
        count += 1
        number = int(found[1]) if found[1] else int(found[2], 16) if found[2] else None
        if number is not None and not (32 <= number < 127 or 160 <= number < 0xD800):
            return None
        if found[3] and found[3] not in html.entities.html5:
            return None
    if count != text.count("&"):
        return None
    plain = unescape(text)
    return plain if visible(plain) is plain else None


# ---------------------------------------------------------------- attributes


def _with_attributes(tag: str, base: str | None, picture: Picture) -> tuple[str, _Opening] | None:
    """A start tag as it is written, without its brackets, and what it does; None when it is not tidy."""
    link = _LINK.fullmatch(tag)
    if link and (written := _usual_link(link, base)):
        return written, _A
    found = _TAG.fullmatch(tag)
    opening = _BY_NAME.get(found[1]) if found else None
    if found is None or opening is None:
        return None
    name = found[1]
    pairs = [(attribute, value or other) for attribute, value, other in _ATTRIBUTE.findall(found[2])]
    if (found[3] and opening.end) or (len(pairs) > 1 and len(dict(pairs)) < len(pairs)):
        return None
    if opening is _IMG:
        values = _picture_values(pairs, base)
        return None if values is None else (picture(values, base)[1:-1], opening)
    written = name
    kept, left = KEPT.get(name, _NONE), LEFT.get(name, _NONE)
    for attribute, value in pairs:
        if attribute in left:
            return None
        if attribute not in kept and attribute not in EVERYWHERE:
            continue
        if attribute == "href":  # of a link: no other element keeps one
            address = _address(value, base)
            if not address:
                if address is None or len(pairs) > 1:  # nh3 puts another into the place of one that it takes away
                    return None
                continue
            written += f' href="{address}"'
        elif "&" not in value and "\xa0" not in value:
            written += f' {attribute}="{value}"'
        else:
            return None
    return (written + _REL if opening is _A else written), opening


def _usual_link(link: re.Match[str], base: str | None) -> str | None:
    """A link without any other attribute as it is written; None when it needs a second look."""
    if "--" in link[0]:  # as in a name that begins with xn--
        return None
    if link[1] is None:
        return link[0] + _REL
    address = absolute(link[1], base)
    return f'a href="{address}"{_REL}' if address and _ADDRESS.fullmatch(address) else None


def _address(value: str, base: str | None) -> str | None:
    """An address of an attribute made absolute; empty when there is none, None when in doubt."""
    if "&" in value:
        value = _PARAMETER.sub("&amp;", value)
    if not _ADDRESS.fullmatch(value):
        if not _RELATIVE.fullmatch(value):
            return None
        value = html.escape(absolute(value.replace("&amp;", "&"), base) or "", quote=False)
        if value and not _ADDRESS.fullmatch(value):
            return None
    return None if "--" in value and "xn--" in value.lower() else value


def _picture_values(pairs: list[tuple[str, str]], base: str | None) -> dict[str, str] | None:
    """What a picture's attributes say; None when a lazy loader has a say, or in doubt."""
    values: dict[str, str] = {}
    for name, value in pairs:
        if name == "src":
            address = _address(value, base)
            if address is None:
                return None
            if address:
                values[name] = address.replace("&amp;", "&")
        elif name in _OF_PICTURES:
            plain = _plain(value) if "&" in value else value
            if plain is None:
                return None
            values[name] = plain
        elif name in LAZY or name in LAZY_SETS:
            return None
    return values
