"""Strings of feeds before anyone knows what they mean: pieces put together, charset mistakes undone, HTML suspected."""

from __future__ import annotations

import html.entities
import re
from contextlib import suppress


def joined(pieces: list[str | bytes]) -> str:
    """The loose parser appends bytes for entities it resolved itself."""
    return "".join(piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece for piece in pieces)


def unwrap(pieces: list[str]) -> None:
    """XHTML content stands in one div that is not part of it (RFC 4287 section 3.1.1.3)."""
    while len(pieces) > 1 and not pieces[-1].strip():
        del pieces[-1]
    while len(pieces) > 1 and not pieces[0].strip():
        del pieces[0]
    if len(pieces) < 2 or pieces[-1] != "</div>" or not (pieces[0] == "<div>" or pieces[0].startswith("<div ")):
        return
    depth = 0
    for piece in pieces[:-1]:
        if piece.startswith("</"):
            depth -= 1
            if depth == 0:
                return
        elif piece.startswith("<") and not piece.endswith("/>"):
            depth += 1
    del pieces[0], pieces[-1]


_CP1252 = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_C1 = re.compile(b"\xc2[\x80-\x9f]")
"""C1 controls in UTF-8; searching for these two bytes is far faster than for a class of characters."""


def mend(text: str) -> str:
    """Undo the two commonest charset mistakes inside a document that is otherwise read right.

    UTF-8 that somebody took for Latin-1 and encoded again ("FranÃ§ais" → "Français", only when the whole string is
    such), and Windows-1252 characters written as C1 controls ("&#146;" → "’").
    """
    if text.isascii():
        return text
    with suppress(UnicodeEncodeError, UnicodeDecodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_CP1252) if _C1.search(text.encode("utf-8", "surrogatepass")) else text


_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,15})(?=[\s/>])[^<>]{0,2000}>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
HTML_TAGS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "area",
        "article",
        "aside",
        "audio",
        "b",
        "bdo",
        "big",
        "blink",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "dfn",
        "dir",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "font",
        "footer",
        "form",
        "frame",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "iframe",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "main",
        "map",
        "mark",
        "menu",
        "meta",
        "nav",
        "nobr",
        "noscript",
        "object",
        "ol",
        "option",
        "p",
        "param",
        "picture",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "section",
        "select",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "wbr",
    ]
)


def looks_like_html(text: str) -> bool:
    """True when a text that does not say what it is, is HTML: real tags only, or real character references.

    "1 < 2" and "the <ptr> type" are not; "a <b>bold</b> one", "R&amp;D" and "caf&eacute;" are.
    """
    if "<" not in text and "&" not in text:
        return False
    sample = text[:20_000]
    tags = [found.group(1).lower() for found in _TAG.finditer(sample)]
    if tags:
        closed = "</" in sample or any(tag in {"br", "img", "hr", "p", "wbr"} for tag in tags)
        return closed and all(tag in HTML_TAGS for tag in tags)
    return any(not found.group(1) or f"{found.group(1)};" in html.entities.html5 for found in _ENTITY.finditer(sample))
