"""Plain text: out of HTML, without what hides or reorders it, cut where a reader would."""

from __future__ import annotations

import html
import re

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, bidirectional overrides and isolates, byte-order marks, interlinear and tag characters."""
ANY_TAG = re.compile(r"</?[a-zA-Z!?][^<>]*>")
BLOCK = re.compile(
    r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|table|blockquote|section|article|aside|header|footer|figure|figcaption|dd|dt|dl|hr|pre|"
    r"caption|details|summary)(?:\s[^<>]*)?/?>"
)
_CELL = re.compile(r"</t[dh]>")


def unescape(text: str) -> str:
    """Character references as characters; one with more digits than Python reads becomes U+FFFD."""
    try:
        return html.unescape(text)
    except ValueError:
        return html.unescape(_ENDLESS.sub("\ufffd", text))


_ENDLESS = re.compile(r"&#[0-9]{9,};?")


def visible(text: str) -> str:
    """The text without characters that hide, reorder or control other text."""
    if text.isascii():
        unchanged = len(text.encode().translate(None, _CONTROLS)) == len(text)
    else:
        unchanged = text.replace("\n", "").replace("\t", "").isprintable()
    return text if unchanged else _INVISIBLE.sub("", text)


_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_UNPRINTABLE = bytes([*range(32), 127])


def _is_printable(text: str) -> bool:
    """``text.isprintable()``, in a third of the time for a long text in ASCII."""
    if len(text) > 100 and text.isascii():
        return len(text.encode().translate(None, _UNPRINTABLE)) == len(text)
    return text.isprintable()


def to_text(markup: str) -> str:
    """Plain text of HTML: blocks become lines, character references characters, white space single."""
    if "<" in markup:
        if "</t" in markup:
            markup = _CELL.sub(" ", markup)
        markup = BLOCK.sub("\n", markup)
        if "<" in markup:
            markup = ANY_TAG.sub("", markup)
    if "&" in markup:
        markup = unescape(markup)
    return lines(markup)


def lines(text: str, *, bare: bool = False) -> str:
    """The lines of a text that say something, each as ``one_line`` has it. ``bare``: of controls it has white space."""
    if "\n" not in text:
        return one_line(text)
    printable = "\t" not in text if bare and text.isascii() else _is_printable(text.replace("\n", ""))
    if printable and "  " not in text:
        return "\n".join(filter(None, map(str.strip, text.split("\n"))))
    return "\n".join([line for written in text.split("\n") if written and (line := one_line(written))])


def one_line(text: str) -> str:
    """Visible text with white space single. Of all white space only the plain space is printable to Python."""
    if _is_printable(text):
        return " ".join(text.split()) if "  " in text else text.strip(" ")
    return " ".join(_INVISIBLE.sub("", text).split())


_SENTENCE = re.compile(r"[.!?…。！？](?:[\"'”’»)\]]{0,2}(?=\s|$)|(?<=[。！？]))")


def excerpt(text: str, limit: int = 300) -> str:
    """The beginning of a text, cut at a sentence where one ends in its second half, else at a word with ``…``."""
    if "\n" in text or "  " in text:
        for enough in (limit + 60, limit * 4):
            head = " ".join(text[:enough].split())
            if len(head) > limit + 1:
                break
        else:
            head = " ".join(text.split())
        text = head
    if len(text) <= limit:
        return text
    head = text[: limit + 1]
    ends = [found.end() for found in _SENTENCE.finditer(head, max(limit // 3 - 3, 0))]  # a mark and two that close it
    for end in reversed(ends):
        if limit // 3 <= end <= limit and not _ABBREVIATION.search(head, max(end - _LONGEST, 0), end):
            return head[:end]
    return cut(text, limit)


_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|vs|e\.g|i\.e|et al|Fig|No|approx|[A-Z])\.$")
_LONGEST = 10  # characters of an abbreviation and what stands before it; ``^`` still means the text's beginning


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, ending at a word and with an ellipsis when something was left out."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return f"{head[:space] if space > limit // 2 else head}".rstrip(" ,;:-–—") + "…"
