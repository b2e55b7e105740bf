"""Values that every validator and every reader accepts: plain text, HTML, addresses, languages, media types.

The store holds what a source said, cleaned for safety. A feed has narrower rules: characters XML 1.0 can carry, HTML
that parses without an error, addresses in ASCII, language codes of the registry. Every function here is total: any
string comes back as a valid value or, where there is none, as None.
"""

from __future__ import annotations

import html
import re
from datetime import datetime
from html.entities import name2codepoint
from urllib.parse import quote, urlsplit, urlunsplit

import idna
import nh3

from ketfeed.publish.registries import (
    DROPPED_ELEMENTS,
    FEED_ELEMENTS,
    HTML_ELEMENTS,
    LANGUAGES,
    REGIONS,
    REPLACED_LANGUAGES,
)

MAX_PASSES = 5  # cleaning again after cleaning; two are enough for every document seen

# XML 1.0 section 2.2, less the noncharacters at the end of each plane, which HTML calls a parse error.
_PLANES = "".join(f"\\U{plane:04x}0000-\\U{plane:04x}fffd" for plane in range(1, 17))
_FORBIDDEN = re.compile(rf"[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffc{_PLANES}]")
_SPACE = re.compile(r"\s+")
_END_TAG = re.compile(r"</(\w+)>")
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ENTITY = re.compile(r"&(#?\w+)")


def legal(text: str) -> str:
    """Only characters that XML, HTML and JSON can all carry.

    The C1 controls are read as the Windows-1252 letters they were meant to be ("it\\x92s" → "it’s"); U+FFFD, the mark
    of a letter already lost, becomes "?"; anything else forbidden is dropped, lone surrogates too.
    """
    return _FORBIDDEN.sub(_replace, text) if _FORBIDDEN.search(text) else text


def _replace(found: re.Match[str]) -> str:
    letter = found.group()
    if letter == "\ufffd":
        return "?"
    if "\x80" <= letter <= "\x9f":
        return letter.encode("latin-1").decode("cp1252", errors="ignore")
    return ""


def plain(text: str) -> str:
    """One line of plain text.

    Markup and entities that are left in plain text were escaped twice by their source: "Q&amp;A" → "Q&A",
    "<i>R</i>-ketamine" → "R-ketamine".
    """
    text = legal(text)
    for _ in range(MAX_PASSES):
        before = text
        if any(name.lower() in HTML_ELEMENTS for name in _END_TAG.findall(text)):
            text = _ANY_TAG.sub("", text)
        if _ENTITY.search(text):
            text = legal(html.unescape(text))
        if text == before:
            break
    return _SPACE.sub(" ", text).strip()


def looks_like_html(text: str) -> bool:
    """Whether a reader that guesses would take this plain text for HTML ("S&P500", "a </b> tag")."""
    if any(name.lower() in HTML_ELEMENTS for name in _END_TAG.findall(text)):
        return True
    return any(name in name2codepoint or name == "apos" or not name.isalpha() for name in _ENTITY.findall(text))


def escape(text: str) -> str:
    """Plain text as HTML content."""
    return html.escape(text, quote=False)


def escape_attribute(text: str) -> str:
    """Plain text as the value of an HTML attribute."""
    return html.escape(text, quote=True)


# ---------------------------------------------------------------- HTML

_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "blockquote": {"cite"},
    "q": {"cite"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_ADDRESSES = frozenset({"href", "src", "cite"})
_FORMATTING = frozenset({"b", "big", "code", "em", "i", "s", "small", "strike", "strong", "tt", "u"})
"""No attributes: five nested ones of which the outer has one are an error for every HTML parser (HTML 13.2.4.3)."""
_SIZES = frozenset({"width", "height", "start", "colspan", "rowspan"})
_BLOCKS = re.compile(
    r"<(/?)(?:figure|figcaption|section|article|aside|header|footer|main|nav|hgroup|details|summary)(?=[\s>])",
    re.IGNORECASE,
)
_EMPTY_PARAGRAPH = re.compile(r"<p>\s*</p>")
_MAIL = re.compile(r"mailto:[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)


def fragment(markup: str) -> str:
    """An HTML fragment that any parser reads without an error, free of scripts, frames, forms, styles and relative
    addresses.

    Cleaning repeats until nothing changes: taking an element away can leave a block inside a paragraph, which the next
    parser would move.
    """
    text = _BLOCKS.sub(r"<\1div", legal(markup))
    for _ in range(MAX_PASSES):
        before = text
        text = legal(_cleaner().clean(text))
        if text == before:
            break
    return _EMPTY_PARAGRAPH.sub("", text).strip()


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag in _FORMATTING:
        return None
    if name in _ADDRESSES:
        if name == "href" and tag == "a" and _MAIL.fullmatch(value.strip()):
            return value.strip()
        return web_address(value)
    if name in _SIZES:
        return value.strip() if value.strip().isascii() and value.strip().isdigit() else None
    if name == "dir":
        return value.lower() if value.lower() in ("ltr", "rtl", "auto") else None
    if name == "lang":
        return language(value)
    return legal(value)


_CLEANERS: list[nh3.Cleaner] = []


def _cleaner() -> nh3.Cleaner:
    if not _CLEANERS:
        _CLEANERS.append(
            nh3.Cleaner(
                tags=set(FEED_ELEMENTS),
                clean_content_tags=set(DROPPED_ELEMENTS),
                attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
                attribute_filter=_attribute,
                url_schemes={"http", "https", "mailto"},
                link_rel=None,
                strip_comments=True,
            )
        )
    return _CLEANERS[0]


# ---------------------------------------------------------------- addresses

_SAFE = "/;:@&=+$,!~*'()-._%"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?\.?", re.IGNORECASE)


DEFAULT_PORTS = {"http": 80, "https": 443}
_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 section 2.3


def web_address(value: str) -> str | None:
    """An absolute http or https address in ASCII (RFC 3986), or None where it cannot be one.

    "https://münchen.example/größe?a=[1]" → "https://xn--mnchen-3ya.example/gr%C3%B6%C3%9Fe?a=%5B1%5D"
    """
    value = legal(value).strip()
    value = value.replace("\t", "").replace("\n", "").replace("\r", "")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    if not _HOST.fullmatch(host):
        return None
    place = f"{host}:{port}" if port is not None else host
    return urlunsplit(
        (parts.scheme.lower(), place, _quote(parts.path), _quote(parts.query, "?"), _quote(parts.fragment, "?"))
    )


def timestamp(moment: datetime) -> str:
    """A time as Atom and JSON Feed write it (RFC 3339), to the second."""
    return moment.isoformat(timespec="seconds")


def canonical(address: str) -> str:
    """The one spelling of an address that serves as an id (RFC 3986 section 6.2.2); ``address`` from web_address.

    "http://H.example:80/a/../%7eb?x=%2d" → "http://h.example/~b?x=-"
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    path = _without_dots(_one_spelling(parts.path)) or "/"
    return urlunsplit((parts.scheme, host + port, path, _one_spelling(parts.query), _one_spelling(parts.fragment)))


def _without_dots(path: str) -> str:
    """``/a/./b/../c`` → ``/a/c`` (RFC 3986 section 5.2.4); empty segments stay."""
    kept: list[str] = []
    for segment in (segments := path.split("/"))[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "".join(f"/{segment}" for segment in kept)


def _one_spelling(text: str) -> str:
    """Percent-encodings in capitals, and none where the character needs none."""
    return _ENCODED.sub(lambda found: _decoded(found.group()), text)


def _decoded(encoded: str) -> str:
    character = chr(int(encoded[1:], 16))
    return character if character in _UNRESERVED else encoded.upper()


def _quote(text: str, more: str = "") -> str:
    return quote(_BARE_PERCENT.sub("%25", text), safe=_SAFE + more, errors="replace")


# ---------------------------------------------------------------- registries


def language(tag: str | None) -> str | None:
    """A language code of the registry (BCP 47), language and region only: "EN_us" → "en-US", "en-UK" → "en-GB"."""
    parts = re.split(r"[-_]", (tag or "").strip())
    primary = parts[0].lower()
    if primary not in LANGUAGES:
        primary = REPLACED_LANGUAGES.get(primary, primary)
    if primary not in LANGUAGES:
        return None
    for part in parts[1:]:
        region = {"UK": "GB"}.get(part.upper(), part.upper())
        if region in REGIONS:
            return f"{primary}-{region}"
    return primary


_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_BY_ENDING = {
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac", "mp4": "video/mp4", "m4v": "video/mp4",
    "mov": "video/quicktime", "webm": "video/webm", "pdf": "application/pdf", "epub": "application/epub+zip",
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "zip": "application/zip", "txt": "text/plain", "htm": "text/html", "html": "text/html",
}  # fmt: skip


def media_type(declared: str | None, address: str) -> str:
    """The declared media type where it is one, else what the address's ending says, else any bytes."""
    given = (declared or "").split(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(given):
        return given
    ending = urlsplit(address).path.rpartition(".")[2].lower()
    return _BY_ENDING.get(ending, "application/octet-stream")


def shorten(text: str, limit: int) -> str:
    """Plain text of at most ``limit`` characters, cut at a word and marked with "…"."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:.-–—") + "…"
