"""Rows about what is inside the reply: XML, JSON and HTML made to hurt whoever reads them."""

# ruff: noqa: E501  # tables: a row stays together
from __future__ import annotations

import random

from tests.hostile.row import FEED, MIB, Row, answers, entry, rss

from ketfeed.model import Outcome

READ = 40.0  # seconds: longest poll when the parser's own limits end it, with a queue before it
HARMLESS: tuple[Outcome, ...] = ("ok", "forbidden_xml", "parse_error", "not_a_feed")
"""For documents whose danger is what a careless reader would do; that nothing happened is seen elsewhere."""

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
PARAMETERS = '<!ENTITY % a SYSTEM "http://127.0.0.1:8080/a.dtd"> %a; <!ENTITY % b "<!ENTITY c \'&#37;a;\'>"> %b;'


def bad(name: str, outcome: Outcome | tuple[Outcome, ...], body: bytes, *, type_: str = "application/xml",
        seconds: float = READ, sent: int = 2 * MIB, entries: int | None = None) -> Row:  # fmt: skip
    return Row(name=name, outcome=outcome, play=answers(body, type_=type_), seconds=seconds, sent=sent, entries=entries)


def dtd(inside: str, use: str = "") -> bytes:
    return rss(entry(1, f"Ketamine {use}"), before=f"<!DOCTYPE rss [{inside}]>")


def with_title(title: str) -> bytes:
    return rss(f"<item><title>{title}</title><guid>1</guid><link>https://example.org/1</link></item>")


def with_author(author: str) -> bytes:
    return rss(entry(1).replace("</item>", f"<author>{author}</author></item>"))


NOISE = random.Random(7).randbytes(300_000)  # noqa: S311  # filler

ROWS: list[Row] = [
    # entities and declarations
    bad("billion laughs", "forbidden_xml", dtd('<!ENTITY l0 "lol">' + LAUGHS, "&l9;")),
    bad("quadratic blow-up", "forbidden_xml", dtd(f'<!ENTITY a "{"a" * 50_000}">', "&a;" * 2000)),
    bad("one harmless entity", ("forbidden_xml", "ok"), dtd('<!ENTITY drug "ketamine">', "&drug;")),
    bad("entity that is never used", ("forbidden_xml", "ok"), dtd('<!ENTITY drug "ketamine">')),
    bad("entity that names itself", "forbidden_xml", dtd('<!ENTITY a "&a;">', "&a;")),
    bad("entity from a file", "forbidden_xml", dtd('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;")),
    bad("entity from the network", "forbidden_xml", dtd('<!ENTITY a SYSTEM "http://127.0.0.1:8080/x">', "&a;")),
    bad("entity from a public id", "forbidden_xml", dtd('<!ENTITY a PUBLIC "x" "http://169.254.169.254/">', "&a;")),
    bad("parameter entities", "forbidden_xml", dtd(PARAMETERS)),
    bad("external declarations", HARMLESS, rss(entry(1), before='<!DOCTYPE rss SYSTEM "http://127.0.0.1:8080/x.dtd">')),
    bad("Netscape's DTD of RSS 0.91", "ok", rss(entry(1), before='<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD '
        'RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">'), entries=1),
    bad("attribute defaults", HARMLESS, dtd('<!ATTLIST item a CDATA "' + "x" * 1000 + '">')),
    bad("entity declared in UTF-16", ("forbidden_xml", "ok"), dtd('<!ENTITY a "b">', "&a;").decode().replace(
        "utf-8", "utf-16").encode("utf-16")),
    bad("entity declared behind a long comment", ("forbidden_xml", "ok"), rss(
        entry(1, "&a;"), before=f'<!--{"x" * 200_000}--><!DOCTYPE rss [<!ENTITY a "b">]>')),
    bad("XInclude", HARMLESS, rss(entry(1) + '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
        'href="file:///etc/passwd" parse="text"/>')),
    bad("stylesheet from the network", "ok", rss(entry(1), before='<?xml-stylesheet href="http://127.0.0.1:8080/x" '
        'type="text/xsl"?>'), entries=1),
    bad("schema from the network", "ok", rss(entry(1)).replace(b"<rss ", b'<rss xmlns:xsi="http://www.w3.org/2001/'
        b'XMLSchema-instance" xsi:schemaLocation="x http://127.0.0.1:8080/x.xsd" ')),
    # sizes
    bad("nested 100,000 deep", "forbidden_xml", rss("<a>" * 100_000 + "</a>" * 100_000)),
    bad("nested 100,000 deep, never closed", ("forbidden_xml", "parse_error"), rss("<a>" * 100_000)),
    bad("100,000 attributes", "forbidden_xml", rss("<item " + " ".join(f"a{n}=''" for n in range(100_000)) + "/>"),
        sent=4 * MIB),
    bad("attribute of 4 MiB", HARMLESS, rss(f"{entry(1)}<item a='{'x' * 4 * MIB}'/>"), sent=6 * MIB),
    bad("100,000 namespaces", HARMLESS, rss("<item " + " ".join(f"xmlns:n{n}='urn:{n}'" for n in range(100_000)) + "/>"),
        sent=6 * MIB),
    bad("title of 4 MiB", ("ok", "forbidden_xml"), with_title("ketamine " * 450_000), sent=6 * MIB),
    bad("description of 4 MiB of markup", ("ok", "forbidden_xml", "parse_timeout"), with_title("x").replace(
        b"</item>", b"<description><![CDATA[" + b"<b>" * 1_300_000 + b"]]></description></item>"), sent=6 * MIB),
    bad("100,000 entries", ("ok", "forbidden_xml", "parse_timeout"), rss("".join(
        f"<item><guid>{n}</guid></item>" for n in range(100_000))), sent=6 * MIB),
    bad("comment of 4 MiB", "ok", rss(f"<!--{'-x' * 2 * MIB}-->{entry(1)}"), sent=6 * MIB, entries=1),
    bad("a million empty elements", ("ok", "forbidden_xml", "parse_timeout"), rss(entry(1) + "<x/>" * 1_000_000),
        sent=6 * MIB),
    bad("a million processing instructions", ("ok", "forbidden_xml", "parse_timeout"), rss(entry(1) + "<?x?>" * 1_000_000),
        sent=6 * MIB),
    bad("a million character references", ("ok", "forbidden_xml", "parse_timeout"), with_title("&#x6b;" * 700_000),
        sent=6 * MIB),
    # slow for regular expressions
    bad("author of 200 KB", ("ok", "parse_timeout"), with_author("a@" * 100_000)),
    bad("author of 200 KB of brackets", ("ok", "parse_timeout"), with_author("(" * 200_000)),
    bad("author of 200 KB of spaces", ("ok", "parse_timeout"), with_author("a" + " " * 200_000 + "b")),
    bad("title of unclosed tags", ("ok", "parse_timeout"), with_title("&lt;" * 200_000)),
    bad("title of ampersands", ("ok", "parse_error", "parse_timeout"), with_title("&" * 200_000)),
    bad("date of 100 KB", "ok", rss(entry(1).replace("10:00:00", "1" * 100_000))),
    bad("link of 100 KB", "ok", rss(entry(1).replace("https://example.org/1", "https://example.org/" + "a" * 100_000))),
    bad("a doctype that never ends", ("forbidden_xml", "parse_error", "not_a_feed"), b"<!DOCTYPE rss [" + b"<!-- " * 50_000),
    bad("open angle brackets", ("parse_timeout", "parse_error", "not_a_feed", "forbidden_xml"), b"<" * MIB),
    bad("CDATA that never ends", ("parse_error", "ok", "forbidden_xml"), rss("<item><title><![CDATA[" + "]" * 500_000)),
    # encodings of text
    bad("UTF-16", "ok", FEED.decode().replace("utf-8", "utf-16").encode("utf-16"), entries=3),
    bad("UTF-7", HARMLESS, FEED.replace(b"utf-8", b"utf-7")),
    bad("encoding nobody knows", HARMLESS, FEED.replace(b"utf-8", b"x-cow")),
    bad("encoding that is a codec for something else", HARMLESS, FEED.replace(b"utf-8", b"zlib")),
    bad("encoding name of 100 KB", HARMLESS, FEED.replace(b"utf-8", b"u" * 100_000)),
    bad("says UTF-8, is not", "ok", FEED.replace(b"depression", b"d\xe9pression"), entries=3),
    bad("null bytes inside", HARMLESS, FEED.replace(b"depression", b"dep\0ression")),
    bad("control characters inside", HARMLESS, FEED.replace(b"depression", b"dep\x01\x1b[31mression")),
    bad("surrogates as references", HARMLESS, with_title("a&#xD800;b&#x110000;c")),
    # not a feed
    bad("empty", "not_a_feed", b""),
    bad("white space", "not_a_feed", b" \n" * 10_000),
    bad("a page", "not_a_feed", b"<!doctype html><html><head><title>Hello</title></head><body>x</body></html>",
        type_="text/html"),
    bad("a page that says it is a feed", "not_a_feed", b"<!doctype html><html><body>blocked</body></html>"),
    bad("a PDF", "not_a_feed", b"%PDF-1.7\n" + NOISE, type_="application/pdf"),
    bad("an image", "not_a_feed", b"\x89PNG\r\n\x1a\n" + NOISE, type_="image/png"),
    bad("noise", "not_a_feed", b"\x00" + NOISE, type_="application/octet-stream"),
    bad("a word", "not_a_feed", b"hello", type_="text/plain"),
    bad("XML of another kind", "not_a_feed", b'<?xml version="1.0"?><note><to>x</to></note>'),
    bad("SVG", "not_a_feed", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    bad("feed cut in the middle", ("ok", "parse_error"), FEED[: len(FEED) // 2]),
    # JSON
    bad("JSON of another kind", "not_a_feed", b'{"error": "not found"}', type_="application/json"),
    bad("JSON nested 100,000 deep", ("not_a_feed", "parse_error", "forbidden_xml"), b"[" * 100_000, type_="application/json"),
    bad("JSON feed nested deep", ("parse_error", "ok", "not_a_feed", "forbidden_xml"),
        b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        type_="application/feed+json"),
    bad("JSON number of a million digits", ("parse_error", "ok", "not_a_feed"),
        b'{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [{"id": ' + b"9" * MIB + b"}]}",
        type_="application/feed+json"),
    bad("JSON feed of wrong types", ("parse_error", "ok", "not_a_feed"),
        b'{"version": "https://jsonfeed.org/version/1.1", "title": 5, "items": {"a": [null, 3, {"id": {}}]}}',
        type_="application/feed+json"),
    bad("JSON with NaN", HARMLESS, b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": NaN}]}',
        type_="application/feed+json"),
    # ourselves
    bad("our own feed", "self_loop", rss(entry(1), inside="<generator>ketfeed</generator>")),
    bad("our own feed, with a version", "self_loop", rss(entry(1), inside="<generator>ketfeed/0.1.0</generator>")),
]  # fmt: skip
