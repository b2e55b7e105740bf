"""Markup from strangers becomes safe HTML, plain text, a title or an excerpt.

nh3 (ammonia, html5ever) is the judge of what may stay, but for tidy markup, of which every tag and value is known
(tidy.py; with the same result). Before it: bounds, because it is quadratic in depth. After it:
pictures, read off nh3's own output, whose attributes are always ``name="value"`` with ``<``,
``>``, ``"``, ``&`` escaped. ``clean(clean(x)) == clean(x)`` holds for every x; tests and fuzzing ask for it.
"""

from __future__ import annotations

import html
import re
import threading
from functools import lru_cache
from typing import NamedTuple

import nh3

from ketfeed.ingest.limits import Limits
from ketfeed.ingest.text import ANY_TAG, BLOCK, cut, excerpt, lines, one_line, to_text, unescape, visible
from ketfeed.ingest.tidy import LAZY, LAZY_SETS, tidy
from ketfeed.ingest.urls import absolute
from ketfeed.model import Image, RawText

__all__ = [
    "Fragment",
    "clean",
    "cut",
    "excerpt",
    "first_image",
    "read_html",
    "to_html",
    "to_text",
    "to_title",
    "visible",
]

TAGS = frozenset(
    [
        "a",
        "abbr",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "wbr",
        "center",
        "big",
    ]
)
"""What may stay: text, structure, tables, pictures. No forms, frames, embeds, styles, scripts, SVG or MathML."""

DROPPED = frozenset(
    [
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "applet",
        "svg",
        "math",
        "template",
        "title",
        "select",
        "textarea",
        "button",
        "option",
        "video",
        "audio",
        "canvas",
        "map",
        "noembed",
        "noframes",
        "xmp",
        "plaintext",
        "listing",
        "frameset",
        "datalist",
        "dialog",
        "portal",
    ]
)
"""Elements that go together with what is in them."""

ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "hreflang"},
    "abbr": {"title"},
    "bdo": {"dir"},
    "blockquote": {"cite"},
    "del": {"cite", "datetime"},
    "ins": {"cite", "datetime"},
    "q": {"cite"},
    "img": {"src", "alt", "title", "width", "height"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "*": {"lang", "dir"},
}
_WIDE = {**ATTRIBUTES, "img": ATTRIBUTES["img"] | set(LAZY) | set(LAZY_SETS)}

_IMG = re.compile(r'<img((?: [a-z0-9_\-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z0-9_\-]+)="([^"]*)"')
_CITE = re.compile(r'(<[a-z]{1,10}(?: [a-z]{1,10}="[^"]*")*?) cite="([^"]*)"')
_PIXEL_HOSTS = re.compile(
    r"//(?:[a-z0-9\-]+\.)*(?:feedburner\.com/~(?:r|ff|a)|feeds\.feedblitz\.com/|feedsportal\.com|doubleclick\.net|"
    r"stats\.wordpress\.com|pixel\.wp\.com|scorecardresearch\.com|quantserve\.com|google-analytics\.com|feedproxy\.google\.com|"
    r"pixel\.quantserve\.com|b\.scorecardresearch\.com|statcounter\.com|rss\.buysellads\.com|api\.follow\.it/track|"
    r"counter\.theconversation\.com|facebook\.com/tr)|"
    r"/(?:pixel|tracking|spacer|blank|clear|transparent|1x1)\.(?:gif|png)(?:$|\?)|"
    r"//feeds\.wordpress\.com/1\.0/",
    re.IGNORECASE,
)
"""Pictures that only count readers: by host, or by the name everybody gives them."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:\-]*)")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_UNSPOKEN = re.compile(r"<(script|style)\b[^<>]{0,500}>.{0,5000}?</\1\s*>", re.DOTALL | re.IGNORECASE)
_NOSCRIPT = re.compile(r"<noscript[^<>]{0,200}>(.{0,5000}?)</noscript\s*>", re.DOTALL | re.IGNORECASE)
_SRC = re.compile(r"src\s*=\s*[\"']?([^\"'\s>]{1,2000})", re.IGNORECASE)
_ESCAPED_START = re.compile(
    r"\s*&lt;(?:p|div|a|img|h[1-6]|ul|ol|table|b|strong|em|i|span|blockquote|figure|br)\b", re.IGNORECASE
)
_TWICE = re.compile(r"&amp;(#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[A-Za-z]{2,8}\d{0,2});")


_SURROGATE = re.compile("[\ud800-\udfff]")


class _Cleaner(threading.local):
    """nh3 with our lists, built once per thread: building one costs as much as cleaning three entries."""

    def __init__(self) -> None:
        self.base: str | None = None  # of the text being cleaned
        self.strict = self._build(ATTRIBUTES)
        self.wide = self._build(_WIDE)  # also keeps what lazy loaders write, for _picture

    def _build(self, attributes: dict[str, set[str]]) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=set(TAGS),
            clean_content_tags=set(DROPPED),
            attributes=attributes,
            url_schemes={"http", "https", "mailto"},
            url_relative=lambda address: absolute(address, self.base),
            link_rel="noopener noreferrer",
        )

    def clean(self, markup: str, base: str | None) -> str:
        self.base = base
        cleaner = self.wide if "srcset" in markup or "data-" in markup else self.strict
        try:
            return cleaner.clean(markup)
        except UnicodeEncodeError:  # half a surrogate pair, of "\\ud800" in JSON: no character
            return cleaner.clean(_SURROGATE.sub("\ufffd", markup))


_cleaner = _Cleaner()


class Fragment(NamedTuple):
    """Safe HTML, the same as plain text, and whether a picture is in it."""

    markup: str = ""
    text: str = ""
    pictures: bool = False


NOTHING = Fragment()


def clean(markup: str, base: str | None, limits: Limits, notes: list[str] | None = None) -> str:
    """Safe HTML with absolute addresses; empty when nothing visible is left.

    ``base`` is where relative addresses start (None: they are dropped). Markup past a limit is cut, or becomes plain
    text where it has too many or too deep tags. Repairs are added to ``notes``.
    """
    return _cleaned(markup, base, limits, notes if notes is not None else []).markup


def _cleaned(markup: str, base: str | None, limits: Limits, notes: list[str]) -> Fragment:
    if not markup:
        return NOTHING
    if "<" not in markup and "&" not in markup:
        return _fragment(_escaped(markup))
    if "\r" in markup:
        markup = markup.replace("\r\n", "\n").replace("\r", "\n")
    markup = _bounded(markup, limits, notes)
    base = _usable(base) if base else None
    found = tidy(markup, base, _picture)
    if found is None or len(found.markup) > limits.field:
        return _fragment(_judged(markup, base, limits, notes))
    if not (found.pictures or found.text.strip()):
        return NOTHING
    return Fragment(found.markup, lines(found.text, bare=True), found.pictures)


@lru_cache(maxsize=64)
def _usable(base: str) -> str | None:
    """A base that is an address, as it is."""
    return base if absolute(base) else None


def _fragment(markup: str) -> Fragment:
    return Fragment(markup, to_text(markup), "<img" in markup) if markup else NOTHING


def _judged(markup: str, base: str | None, limits: Limits, notes: list[str]) -> str:
    """Safe HTML of bounded markup as the sanitiser has it, cleaned until nothing changes."""
    if "<noscript" in markup or "<NOSCRIPT" in markup:
        markup = _without_noscript(markup)
    result = _pass(markup, base)
    barred = ("<m" in markup or "<M" in markup) and "<marquee" in markup.lower()  # it goes, and parted what stays
    for _ in range(4):
        if not barred and _is_settled(result, limits):
            break
        again = _pass(_bounded(result, limits, notes), base)
        if again == result:
            break
        result = again
    else:
        result = _plain(result, limits)
    return result if _says_something(result) else ""


def _is_settled(markup: str, limits: Limits) -> bool:
    """True for output of a first pass that a second one would leave as it is (most is so; found by fuzzing).

    Not sure of it are tables, preformatted text, lists in lists, headings and links in each other, which are read
    differently the second time, and what grew past a limit by being mended.
    """
    return (
        len(markup) <= limits.field
        and markup.count("</") <= limits.depth
        and markup.count("<") <= limits.tags
        and "\r" not in markup
        and '=""' not in markup
        and "<table" not in markup
        and "<pre" not in markup
        and _is_flat(markup)
    )


_MAY_NEST = re.compile(r"<(/?)(a(?=[ >])|h(?=[1-6])|l(?=i[ >])|d(?=[dt][ >]))")


def _is_flat(markup: str) -> bool:
    """True when no link stands in a link, no heading in a heading, no item of a list in another."""
    open_ones: set[str] = set()
    for closes, kind in _MAY_NEST.findall(markup):
        if closes:
            open_ones.discard(kind)
        elif kind in open_ones:
            return False
        else:
            open_ones.add(kind)
    return True


def _plain(markup: str, limits: Limits) -> str:
    """The text of markup as HTML without a tag, within the limit after escaping."""
    escaped = _escaped(to_text(markup))
    return escaped if len(escaped) <= limits.field else _cut_markup(escaped, limits.field).strip()


def _escaped(text: str) -> str:
    """Plain text as nh3 would write it; empty when nothing can be seen."""
    text = visible(text).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return ""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;").strip()


def _pass(markup: str, base: str | None) -> str:
    result = visible(_cleaner.clean(markup, base))
    if "<img" in result:
        result = _IMG.sub(lambda found: _picture(_values(found[1]), base), result)
    if ' cite="' in result:
        result = _CITE.sub(lambda found: found[1] + _cite(found[2], base), result)
    return result.strip()


def _bounded(markup: str, limits: Limits, notes: list[str]) -> str:
    if len(markup) > limits.field:
        notes.append(f"longer than {limits.field} characters, cut")
        markup = _cut_markup(markup, limits.field * 49 // 50)  # room for the tags that are closed for it
    count = markup.count("<")
    if count > limits.tags or (count > limits.depth and _is_deeper(markup, limits.depth)):
        notes.append("too many or too deeply nested tags, kept as plain text")
        return _plain(markup, limits)
    return markup


def _cut_markup(markup: str, limit: int) -> str:
    """The beginning of markup, not ending within a tag or a character reference."""
    markup = markup[:limit]
    for opening, closing in (("<", ">"), ("&", ";")):
        at = markup.rfind(opening, limit - 2000 if opening == "<" else limit - 40)
        if at != -1 and closing not in markup[at:]:
            markup = markup[:at]
    return markup


def _is_deeper(markup: str, limit: int) -> bool:
    """True when its tags can nest deeper than the limit; no deeper than the tags that open something are many."""
    others = sum(markup.count(tag) for tag in ("</", "<br>", "<br/>", "<br />", "<img "))
    return markup.count("<") - others > limit and _depth(markup) > limit


def _depth(markup: str) -> int:
    """The deepest nesting that the tags can make, counted without repairing anything."""
    deepest = depth = 0
    for found in _TAG.finditer(markup):
        if found[1]:
            depth = max(0, depth - 1)
        elif found[2].lower() not in _VOID:
            depth += 1
            if depth > deepest:
                deepest = depth
    return deepest


_VISIBLE = re.compile(r"(?:^|>)[ \n]*[^\s<>&]")


def _says_something(markup: str) -> bool:
    """True for a picture or a text; in the sanitiser's output a ``>`` always ends a tag."""
    return _VISIBLE.search(markup) is not None or "<img" in markup or bool(unescape(ANY_TAG.sub("", markup)).strip())


def _without_noscript(markup: str) -> str:
    """The picture a lazy loader repeats in <noscript> goes, one that stands only there is kept."""

    def decide(found: re.Match[str]) -> str:
        source = _SRC.search(found[1])
        return "" if source is None or markup.count(source[1]) > 1 or "data-src" in markup else found[1]

    return _NOSCRIPT.sub(decide, markup)


def _values(attributes: str) -> dict[str, str]:
    """The attributes of an <img> of nh3's output."""
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}


def _picture(values: dict[str, str], base: str | None) -> str:
    """An <img> by its attributes with its real address, or nothing when it only counts readers."""
    address = _real_address(values, base)
    if address is None or _is_pixel(address, values):
        return ""
    kept: dict[str, str] = {"src": address}
    kept |= {name: values[name] for name in ("alt", "title", "lang", "dir") if name in values}
    kept |= {name: values[name] for name in ("width", "height") if values.get(name, "").isdecimal()}
    return "<img" + "".join(f' {name}="{_attribute(value)}"' for name, value in kept.items()) + ">"


_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_\-.~/:%+,;=@?!()' ]*")


def _attribute(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    return html.escape(visible(value), quote=False).replace('"', "&quot;").replace("\xa0", "&nbsp;")


def _real_address(values: dict[str, str], base: str | None) -> str | None:
    """A lazy loader's own attribute before ``src``, which then holds a placeholder."""
    for name in LAZY:
        if values.get(name) and name not in LAZY_SETS and (found := absolute(values[name], base)):
            return found
    placeholder = values.get("src", "")
    if not placeholder or _PIXEL_HOSTS.search(placeholder):
        for name in LAZY_SETS:
            if values.get(name) and (found := _largest(values[name], base)):
                return found
    return absolute(placeholder, base) if placeholder else None


def _largest(srcset: str, base: str | None) -> str | None:
    """The widest of ``a.jpg 300w, b.jpg 900w``."""
    best: tuple[float, str] | None = None
    for candidate in srcset.split(", ")[:20]:
        address, _, size = candidate.strip().rstrip(",").partition(" ")
        number = re.match(r"[\d.]{1,6}", size.strip())
        width = float(number.group(0)) if number and number.group(0).count(".") < 2 and number.group(0) != "." else 1.0
        if address and (best is None or width > best[0]):
            best = (width, address)
    return absolute(best[1], base) if best else None


def _is_pixel(address: str, values: dict[str, str]) -> bool:
    sizes = [values.get(name, "").removesuffix("px").strip() for name in ("width", "height")]
    if any(size in {"0", "1"} for size in sizes):
        return True
    return _PIXEL_HOSTS.search(address) is not None


def _cite(address: str, base: str | None) -> str:
    found = absolute(unescape(address), base)
    return f' cite="{_attribute(found)}"' if found else ""


# ---------------------------------------------------------------- text


def to_title(raw: RawText | None, limits: Limits, notes: list[str]) -> str:
    """A title as one line of plain text, escaped at most as often as its type says, at most ``limits.title`` long."""
    if raw is None:
        return ""
    text = raw.value[: limits.title * 20]
    if raw.type != "text":
        if "<" in text:
            text = ANY_TAG.sub("", BLOCK.sub(" ", _UNSPOKEN.sub("", text)))
        text = unescape(text)
    if "&" in text and (once := _undo_entities(text)) != text:
        notes.append("title: escaped twice, undone once")
        text = once
    text = one_line(text)
    if text == raw.value:
        text = raw.value  # one object: what is the same crosses to the parent process once
    if len(text) > limits.title:
        notes.append(f"title: longer than {limits.title} characters, cut")
        text = cut(text, limits.title)
    return text


_ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[A-Za-z]{2,8}\d{0,2});")


def _undo_entities(text: str) -> str:
    """Character references that a text should not hold any more."""
    return _ENTITY.sub(lambda found: unescape(found[0]), text)


def to_html(raw: RawText | None, base: str | None, limits: Limits, notes: list[str], what: str) -> str:
    """A text construct as safe HTML; ``what`` names it in notes."""
    return read_html(raw, base, limits, notes, what).markup


def read_html(raw: RawText | None, base: str | None, limits: Limits, notes: list[str], what: str) -> Fragment:
    """A text construct as safe HTML with its text; ``what`` names it in notes.

    Atom ``text`` is escaped, so that its ``<`` stays a character (RFC 4287 section 3.1.1.1).
    """
    if raw is None:
        return NOTHING
    found: list[str] = []
    if raw.type == "text":
        value = visible(raw.value[: limits.field]).replace("\r\n", "\n").replace("\r", "\n")
        if "&" in value and (once := _undo_entities(value)) != value:
            found.append("escaped twice, undone once")
            value = once
        paragraphs = (
            [value.strip()]
            if "\n" not in value
            else [part.strip() for part in re.split(r"\n\s*\n", value) if part.strip()]
        )
        escaped = [_escaped(part) for part in paragraphs]
        result = _fragment("".join(escaped) if len(escaped) < 2 else "".join(f"<p>{part}</p>" for part in escaped))
    else:
        value = _undo_escaping(raw.value, found)
        result = _cleaned(value, raw.base or base, limits, found)
    notes += [f"{what}: {note}" for note in found]
    return result


def _undo_escaping(value: str, notes: list[str]) -> str:
    """HTML that was escaped once more than its format asks: tags that would be shown as text, ``&amp;nbsp;``."""
    if "&" not in value:
        return value
    if "<" not in value and "&lt;" in value and _ESCAPED_START.match(value) and ("&lt;/" in value or "/&gt;" in value):
        notes.append("escaped twice, undone once")
        return unescape(value)
    if "&amp;" in value:
        once = _TWICE.sub(
            lambda found: f"&{found[1]};" if f"{found[1]};" in html.entities.html5 or found[1][0] == "#" else found[0],
            value,
        )
        if once != value:
            notes.append("escaped twice, undone once")
            return once
    return value


def first_image(markup: str) -> Image | None:
    """The first picture of safe HTML that is no icon: one with a stated size has at least 100 pixels a side."""
    if "<img" not in markup:
        return None
    for found in _IMG.finditer(markup):
        values = dict(_ATTRIBUTE.findall(found[1]))
        sizes = [int(values[name]) for name in ("width", "height") if values.get(name, "").isdecimal()]
        if values.get("src") and all(size >= 100 for size in sizes):
            return Image(unescape(values["src"]), unescape(values.get("alt", "")))
    return None
