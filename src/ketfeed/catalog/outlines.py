"""OPML text → outlines, as far as the text goes. Versions 1.0, 1.1 and 2.0, and what programs make of them.

An XML parser ends at the first fault, and lists kept for twenty years are full of them: bare ampersands, lost quotes,
upper-case names, no end. Only start tags, end tags and attributes matter here, so they are read one by one; nothing
is expanded, included or fetched, and reading is linear in the length of the text.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ketfeed.catalog.marks import INVISIBLE

SKIPPED = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">"))
NAME = re.compile(r"[A-Za-z_:][^\s/>=<\"']*")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SPACE = re.compile(r"[\s/]*")
EQUALS = re.compile(r"\s*=\s*")
BARE = re.compile(r"[^\s>\"']*")
DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


@dataclass(frozen=True, slots=True)
class Outline:
    """One outline in document order: its attributes by lower-case name, and the titles of the folders around it."""

    attributes: Mapping[str, str]
    folders: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """``title``, else ``text``; white space folded."""
        return squeeze(self.attributes.get("title", "")) or squeeze(self.attributes.get("text", ""))


@dataclass(slots=True)
class Outlines:
    """A list as it was read."""

    outlines: list[Outline] = field(default_factory=list)
    is_opml: bool = False  # an <opml> element, or at least outlines


def squeeze(text: str) -> str:
    """White space folded to single spaces, none at the ends; without characters nobody sees."""
    return " ".join(INVISIBLE.sub("", CONTROL.sub(" ", text)).split())


def read_outlines(raw: bytes) -> Outlines:
    """Every outline of a list in document order; never raises."""
    text = decode(raw)
    found = Outlines()
    folders: list[str | None] = []  # titles of the open outlines
    for name, attributes, closing, empty in _tags(text):
        if name == "opml":
            found.is_opml = True
        if name != "outline":
            continue
        if closing:
            if folders:
                folders.pop()
            continue
        outline = Outline(attributes, tuple(folder for folder in folders if folder))
        found.outlines.append(outline)
        found.is_opml = True
        if not empty:
            folders.append(outline.title or None)
    return found


def decode(raw: bytes) -> str:
    """Bytes as text: byte order mark, else the declared encoding, else UTF-8, else Windows-1252."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    if raw[:4] in (b"<\x00?\x00", b"<\x00o\x00"):
        return raw.decode("utf-16-le", "replace")
    if raw[:4] in (b"\x00<\x00?", b"\x00<\x00o"):
        return raw.decode("utf-16-be", "replace")
    declared = DECLARED.match(raw)
    names = [declared.group(1).decode("ascii")] if declared else []
    for encoding in (*names, "utf-8"):
        try:
            return raw.decode(encoding)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def _tags(text: str) -> Iterator[tuple[str, dict[str, str], bool, bool]]:
    """Name (lower case, without prefix), attributes, whether an end tag, whether empty (``/>``), of each tag."""
    position = 0
    while (position := text.find("<", position)) >= 0:
        skipped = next((end for start, end in SKIPPED if text.startswith(start, position)), None)
        if skipped is not None:
            position = _behind(text, position, skipped)
            continue
        closing = text.startswith("</", position)
        name = NAME.match(text, position + 1 + closing)
        if name is None:
            position += 1
            continue
        attributes, empty, position = _attributes(text, name.end())
        yield name.group().rpartition(":")[2].lower(), attributes, closing, empty


def _behind(text: str, position: int, end: str) -> int:
    """Behind a comment, an instruction or a document type (with its internal subset)."""
    if end == ">":
        bracket, close = text.find("[", position), text.find(">", position)
        if 0 <= bracket < close:
            subset = text.find("]", bracket)
            close = text.find(">", subset) if subset >= 0 else -1
        return close + 1 if close >= 0 else len(text)
    found = text.find(end, position)
    return found + len(end) if found >= 0 else len(text)


def _attributes(text: str, position: int) -> tuple[dict[str, str], bool, int]:
    """Attributes up to the end of the tag, whether it ends in ``/>``, and the position behind it."""
    found: dict[str, str] = {}
    while True:
        space = SPACE.match(text, position)
        end = space.end() if space else position
        if end >= len(text):
            return found, False, end
        if text[end] == ">":
            return found, text[position:end].rstrip().endswith("/"), end + 1
        if text[end] == "<":  # the tag was never closed
            return found, False, end
        name = NAME.match(text, end)
        if name is None:
            position = end + 1  # a stray quote
            continue
        position = name.end()
        equals = EQUALS.match(text, position)
        if equals is None:
            continue
        value, position = _value(text, equals.end())
        found.setdefault(name.group().lower(), html.unescape(value))


def _value(text: str, position: int) -> tuple[str, int]:
    """A value and the position behind it; of a quote that is never closed, what stands before the end of the tag."""
    quote = text[position : position + 1]
    if quote not in ('"', "'") or not quote:
        bare = BARE.match(text, position)
        return (bare.group(), bare.end()) if bare else ("", position)
    end = text.find(quote, position + 1)
    next_tag = re.compile(r"</?outline\b", re.IGNORECASE).search(text, position + 1, end if end >= 0 else len(text))
    if end >= 0 and next_tag is None:
        return text[position + 1 : end], end + 1
    limit = next_tag.start() if next_tag else len(text)
    close = text.find(">", position, limit)
    stop = close if close >= 0 else limit
    return text[position + 1 : stop].rstrip("/ \t\r\n"), stop
