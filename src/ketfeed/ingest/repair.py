"""Documents that are nearly XML: what stands before and after them, characters and marks that have no place in them.

Nothing is guessed; what cannot be mended so is read by the loose parser (``parse.py``).
"""

from __future__ import annotations

import re

from ketfeed.errors import NotAFeed

_ROOT = re.compile(
    r"<\?xml\b|<!DOCTYPE\s|<!--|<(?:[A-Za-z][\w.\-]{0,20}:)?(?:rss|feed|rdf|channel|entry)[\s>]", re.IGNORECASE
)
_FIRST_ELEMENT = re.compile(r"<(?![!?])([^\s<>/]{1,100})")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ILLEGAL_REFERENCE = re.compile(
    r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f]..|fff[ef])|0*(?:[0-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
_BARE = re.compile(r"&(?!#\d{1,7};|#x[0-9A-Fa-f]{1,6};|[A-Za-z_][\w.\-]{0,40};)|<(?![A-Za-z_/!?])")


def from_first_tag(text: str, notes: list[str]) -> str:
    """Without what a broken server wrote before the document: blank lines, warnings of its program."""
    stripped = text.lstrip(" \t\r\n\ufeff\x00\u200b")
    if stripped.startswith("<"):
        head = stripped
        if stripped[:5].lower() == "<?xml" and stripped.startswith(("<?xml?xml", "<?XML")):
            head = re.sub(r"^<\?(?:xml\?)?xml", "<?xml", stripped, flags=re.IGNORECASE)
        if re.match(r"<(?:br|b|p|div|script|html)[\s/>]", head[:20], re.IGNORECASE) and not _is_html(head):
            found = re.search(r"<\?xml\b|<rss[\s>]|<feed[\s>]|<rdf:RDF[\s>]", head[:20_000])
            if found:
                notes.append("xml: something before the document, left out")
                return head[found.start() :]
        return head
    found = _ROOT.search(stripped[:20_000])
    if found is None:
        raise not_a_feed(text)
    notes.append("xml: something before the document, left out")
    return stripped[found.start() :]


def _is_html(text: str) -> bool:
    return re.match(r"<html[\s>]|<!doctype\s+html", text[:200], re.IGNORECASE) is not None


def not_a_feed(text: str) -> NotAFeed:
    """What the document is instead, as far as its first element tells."""
    body = re.sub(r"<!--.{0,5000}?-->|<\?.{0,500}?\?>", "", text[:20_000], flags=re.DOTALL)
    found = _FIRST_ELEMENT.search(body)
    name = found.group(1).lower() if found else ""
    if name == "opml":
        return NotAFeed("this is an OPML list of feeds, not a feed")
    if name in {"html", "head", "body", "div", "br", "p"} or _is_html(body.lstrip()):
        return NotAFeed("this is an HTML page, not a feed (ketfeed discover finds the feeds of a page)")
    if name in {"urlset", "sitemapindex"}:
        return NotAFeed("this is a sitemap: write sitemap: instead of feed: in feeds.yaml")
    if name:
        return NotAFeed(f"the document's root element {name[:40]!r} is none of a feed")
    return NotAFeed("this is not a feed in any format ketfeed reads")


def repair(text: str) -> str:
    """Mend what can be mended without guessing: illegal characters, bare ``&`` and ``<``, junk after the end.

    CDATA sections and comments are left as they are.
    """
    text = _ILLEGAL_REFERENCE.sub("", _ILLEGAL.sub("", text))
    pieces: list[str] = []
    at = 0
    while True:
        start = text.find("<![CDATA[", at)
        comment = text.find("<!--", at)
        if comment != -1 and (start == -1 or comment < start):
            end = text.find("-->", comment)
            start, end = comment, (end + 3 if end != -1 else -1)
        elif start != -1:
            end = text.find("]]>", start)
            end = end + 3 if end != -1 else -1
        else:
            end = -1
        if start == -1 or end == -1:
            pieces.append(_BARE.sub(_escape, text[at:]))
            break
        pieces += (_BARE.sub(_escape, text[at:start]), text[start:end])
        at = end
    return _without_tail("".join(pieces))


def _escape(found: re.Match[str]) -> str:
    return "&amp;" if found.group(0) == "&" else "&lt;"


def _without_tail(text: str) -> str:
    """Cut what stands after the root element's end: a server's footer, a second document."""
    root = _FIRST_ELEMENT.search(text)
    if root is None:
        return text
    closing = f"</{root.group(1)}"
    at = text.rfind(closing)
    end = text.find(">", at) if at != -1 else -1
    return text[: end + 1] if end != -1 else text
