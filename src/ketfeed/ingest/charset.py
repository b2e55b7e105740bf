"""Bytes become characters: byte-order mark, then header, then declaration, then a guess.

RFC 7303 section 3 gives the order; what follows are the repairs the real web needs, each with a note:
a label that does not fit the bytes, a label nobody knows, and UTF-8 with a few foreign bytes in it.
"""

from __future__ import annotations

import codecs
import re
import zlib

import charset_normalizer

from ketfeed.errors import NotAFeed, ParseFailed

_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHAPES: tuple[tuple[bytes, str], ...] = (  # XML 1.0 appendix F: "<" and "<?" without a mark
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"{\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']\s*([A-Za-z0-9._:\-]{1,40})")
_META = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)
_WIDER = {  # WHATWG Encoding: what a label means in practice
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252",
    "ascii": "cp1252", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874", "gb2312": "gb18030",
    "gbk": "gb18030", "gb_2312-80": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932",
    "shift-jis": "cp932", "x-sjis": "cp932", "x-mac-roman": "mac-roman", "unicode-1-1-utf-8": "utf-8",
    "x-user-defined": "cp1252", "big5": "big5hkscs",
}  # fmt: skip
_WIDE = re.compile(r"utf[-_]?(16|32)|ucs|iso-10646")
_OTHER_SCRIPTS = (
    "cp1251", "koi8", "mac-cyrillic", "iso8859-5", "cp866", "cp1253", "iso8859-7", "cp1255", "iso8859-8", "cp1256",
    "iso8859-6", "cp874", "tis-620", "iso8859-11", "big5", "gb", "euc", "shift", "cp932", "cp949", "johab", "hz",
)  # fmt: skip
_CENTRAL = frozenset({"cp1250", "iso8859-2", "mac-latin2"})
_CENTRAL_LANGUAGES = frozenset({"Polish", "Czech", "Slovak", "Hungarian", "Croatian", "Slovene", "Romanian"})
_GUESS_SAMPLE = 64 * 1024
_INFLATE_STEP = 64 * 1024


def _foreign_bytes(error: UnicodeError) -> tuple[str, int]:
    """The bytes that are not UTF-8, read as Windows-1252: a page pasted together from two sources."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    piece = error.object[error.start : error.end]
    return piece.decode("cp1252", "replace"), error.end


codecs.register_error("ketfeed_cp1252", _foreign_bytes)


def inflate(body: bytes, limit: int) -> bytes:
    """A body that is gzip although no header said so, inflated to at most ``limit`` bytes.

    Raises ParseFailed when it is damaged or larger.
    """
    inflater = zlib.decompressobj(wbits=31)
    pieces: list[bytes] = []
    size, rest = 0, body
    try:
        while rest and not inflater.eof:
            piece = inflater.decompress(rest, _INFLATE_STEP)
            rest = inflater.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise ParseFailed(f"the document is gzip and larger than {limit} bytes when inflated")
            pieces.append(piece)
    except zlib.error as error:
        raise ParseFailed(f"the document looks like gzip and is damaged: {error}") from error
    if not inflater.eof:
        raise ParseFailed("the document is gzip and ends too early")
    return b"".join(pieces)


def decode(body: bytes, content_type: str | None, limit: int) -> tuple[str, list[str]]:
    """The characters of a document, and a note for every repair.

    Raises NotAFeed for an empty body, ParseFailed for damaged gzip.
    """
    notes: list[str] = []
    if body[:3] == b"\x1f\x8b\x08":
        body = inflate(body, limit)
        notes.append("encoding: gzip without a header, inflated")
    if not body.strip(b"\0 \t\r\n"):
        raise NotAFeed("the document is empty")
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), notes
    text, label_notes = _by_labels(body, content_type)
    return text, notes + label_notes


def _by_labels(body: bytes, content_type: str | None) -> tuple[str, list[str]]:
    head = body.lstrip()[:4]
    for shape, name in _SHAPES:
        if head.startswith(shape):
            return body.decode(name, "replace").lstrip("\ufeff"), []
    labels = _labels(body, content_type)
    utf8 = _strict(body, "utf-8")
    doubtful = any(_is_stateful(label) for _, label in labels) or (
        utf8 is not None and labels and _is_two_byte(labels[0][1]) and max(utf8) < "\u0800"
    )
    if utf8 is not None and not doubtful:
        # valid UTF-8 beyond ASCII is hardly ever anything else by chance, whatever a label says
        fits = not labels or body.isascii() or labels[0][1] in {"utf-8", "utf8"}
        return utf8, [] if fits else [f"charset: the {labels[0][0]} says {labels[0][1]}, the bytes are UTF-8"]
    return _try_labels(body, labels, utf8)


def _labels(body: bytes, content_type: str | None) -> list[tuple[str, str]]:
    """Who says which charset, the stronger voice first."""
    labels: list[tuple[str, str]] = []
    if header := _CHARSET.search(content_type or ""):
        labels.append(("header", header.group(1).lower()))
    start = body[:2048]
    if declared := _DECLARED.search(start) or _META.search(start):
        labels.append(("declaration", declared.group(1).decode("ascii").lower()))
    return labels


def _try_labels(body: bytes, labels: list[tuple[str, str]], utf8: str | None) -> tuple[str, list[str]]:
    notes: list[str] = []
    says_utf8 = False
    for where, label in labels:
        name = _WIDER.get(label, label)
        says_utf8 = says_utf8 or name in {"utf-8", "utf8"}
        text = None if _WIDE.match(name) else _strict(body, name)
        if text is not None:
            return text, notes
        notes.append(f"charset: the {where} says {label}, the bytes do not fit")
    if utf8 is not None:
        return utf8, notes
    foreign = len(body) - len(body.decode("utf-8", "ignore").encode())
    leading = sum(byte >= 0xC2 for byte in body)  # bytes that may begin a character of several
    if leading > 2 * foreign or (says_utf8 and leading > foreign):
        return body.decode("utf-8", "ketfeed_cp1252"), [
            *notes,
            f"charset: {foreign} bytes are not UTF-8, read as windows-1252",
        ]
    guess = _guess(body)
    return body.decode(guess, "replace"), [*notes, f"charset: guessed {guess}"]


def _is_two_byte(label: str) -> bool:
    """Chinese, Japanese or Korean: two of its bytes may look like one Latin or Cyrillic letter of UTF-8."""
    return _WIDER.get(label, label).startswith(("gb", "big5", "cp932", "cp949", "euc", "shift"))


def _is_stateful(label: str) -> bool:
    """ISO-2022 and UTF-7 are plain ASCII bytes that mean something else."""
    return label.startswith(("iso-2022", "utf-7", "hz"))


def _strict(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _guess(body: bytes) -> str:
    """The likeliest legacy charset by its letters; windows-1252 unless another script or Central Europe speaks."""
    best = charset_normalizer.from_bytes(body[:_GUESS_SAMPLE]).best()
    if best is None:
        return "cp1252"
    name = best.encoding.replace("_", "-")
    if name in {"mac-cyrillic", "cp866", "iso8859-5"} and _strict(body, "cp1251") is not None:
        return "cp1251"  # the letters are nearly the same, and the others are hardly ever met on the web
    if name.startswith(_OTHER_SCRIPTS) or (name in _CENTRAL and best.language in _CENTRAL_LANGUAGES):
        return best.encoding
    return "cp1252"
