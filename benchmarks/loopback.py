"""The small web of poll.py, in a process of its own: feeds like real ones, each at a loopback host of its own.

Every feed has a shape, one of twenty that stand for the feeds of a corpus of 85 real ones (RSS and Atom, at least five
entries each, collected from the tests of feed readers):

    bytes an entry      corpus: quartiles 1,260 / 2,050 / 5,200, mean 4,390    here: 710 / 1,890 / 4,360, mean 2,900
    whole posts         46 % of feeds: 44 + 17 tags, 14 <p>, 8 links, 1.6 pictures, 2.6 <li> on average; 5,300 bytes
    summaries as HTML   19 %: 4 tags, 1 link; 1,680 bytes
    plain summaries     21 %: 160 characters; 800 bytes
    headlines           14 %: 480 bytes
    formats             71 % RSS 2, 22 % Atom, 7 % older; author in 60 %, 1-5 categories in 35 %, media in 20 %

The longest posts of the corpus (20 to 30 KB an entry) are left out. Lean feeds are the opposite: 690 bytes an entry,
two tags. One entry in ten is about ketamine; the others are the rest of the world's news.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass
from html import escape
from typing import Literal

ENTRIES = 30

DRUGS = ("Ketamine", "Esketamine nasal spray", "Low-dose ketamine", "Spravato", "Intranasal esketamine", "IV ketamine")
FOR = (
    "treatment-resistant depression", "chronic pain", "PTSD", "suicidal thoughts", "OCD", "anxiety", "addiction",
    "bipolar depression", "migraine", "postpartum depression", "fibromyalgia", "depression in teenagers", "veterans",
)  # fmt: skip
NEWS = (
    "trial ends early", "shows lasting benefit", "fails against placebo", "wins approval in Canada", "gets a price cut",
    "is tested at home", "under review by insurers", "compared with ECT", "clinic closes after complaints",
    "explained by a psychiatrist", "raises bladder concerns", "dosing studied in rats", "enters phase 3", "recalled",
)  # fmt: skip

SYLLABLES = tuple(start + end for start in "bdfgklmnprstvz" for end in "aeio")


def _phrases(seed: int, count: int, words: int) -> list[str]:
    """``count`` phrases of ``words`` made-up words, the same in every run."""
    dice = random.Random(seed)  # noqa: S311  # test data
    lexicon = ["".join(dice.choices(SYLLABLES, k=dice.choice((1, 2, 2, 3)))) for _ in range(3000)]
    return [" ".join(dice.choices(lexicon, k=words)) for _ in range(count)]


HEADS, TAILS, BODIES = _phrases(1, 4000, 4), _phrases(2, 4000, 4), _phrases(3, 4000, 15)


# ---------------------------------------------------------------- shapes


@dataclass(frozen=True, slots=True)
class Shape:
    """How the entries of a feed look."""

    format: Literal["rss", "atom", "rdf"]
    size: int  # characters of the text, markup included; 0: a headline alone
    text: Literal["none", "plain", "html", "post"]
    whole: Literal["", "escaped", "cdata"] = ""  # the post stands beside a summary, in a content element
    categories: int = 0
    author: bool = True
    media: Literal["", "thumbnail", "enclosure"] = ""


SHAPES = (
    Shape("rss", 0, "none", author=False),
    Shape("rss", 60, "plain", author=False, categories=1),
    Shape("atom", 0, "none", media="thumbnail"),
    Shape("rss", 150, "plain", author=False),
    Shape("rss", 260, "plain", categories=5, media="thumbnail"),
    Shape("rdf", 420, "plain"),
    Shape("rss", 190, "plain", author=False, media="enclosure"),
    Shape("rss", 680, "html", author=False, categories=2),
    Shape("rss", 900, "html", media="thumbnail"),
    Shape("rss", 1100, "html", categories=3, media="enclosure"),
    Shape("rss", 1300, "post", author=False),
    Shape("atom", 1500, "post"),
    Shape("rss", 1700, "post", "cdata", categories=4),
    Shape("rss", 2500, "post"),
    Shape("atom", 3000, "post", "escaped"),
    Shape("rss", 3400, "post", "cdata"),
    Shape("rss", 4300, "post", author=False, media="thumbnail"),
    Shape("rss", 5200, "post", "cdata", categories=2),
    Shape("atom", 6200, "post", "escaped", categories=1),
    Shape("rss", 9500, "post", "cdata", categories=3),
)


def _blocks() -> tuple[list[str], list[str]]:
    """Parts of posts, as HTML and escaped: of ten, seven paragraphs, a list, a picture, a heading with a quotation."""
    dice = random.Random(4)  # noqa: S311  # test data
    plain = []
    for number in range(4000):
        one, two, three, four = dice.choices(BODIES, k=4)
        kind = number % 10
        if kind == 3:
            rows = "".join(f"<li>{words}</li>" for words in (one[:40], two[:60], three[:50]))
            block = f"<p>{four}:</p><ul>{rows}</ul>"
        elif kind == 6:
            block = (
                f'<figure><img src="https://img.example/2026/{number}-1024x683.jpg" width="1024" height="683" '
                f'alt="{one[:50]}" /><figcaption>{two[:70]}</figcaption></figure>'
            )
        elif kind == 9:
            block = f"<h3>{one[:40]}</h3><blockquote><p>{two}. {three}.</p></blockquote>"
        else:
            first, _, rest = two.partition(" ")
            link = f'<a href="https://other{number % 90}.example/{first}/{number}?utm_medium=feed">{first}</a>'
            block = f"<p>{one.capitalize()}, {link} {rest}. {three}, <em>{four[:20]}</em>{four[20:]}.</p>"
        plain.append(block + "\n")
    return plain, [escape(block, quote=False) for block in plain]


BLOCKS, ESCAPED = _blocks()


def _post(key: int, size: int, blocks: list[str]) -> str:
    """Blocks that make about ``size`` characters of HTML, others for every key."""
    parts, left, step = [], size, 0
    while left > 150:
        at = (key + step * 1237) % 4000
        parts.append(blocks[at])
        left -= len(BLOCKS[at])
        step += 1
    return "".join(parts)


def _plain(key: int, size: int) -> str:
    """Sentences of about ``size`` characters."""
    return ". ".join(BODIES[(key + step * 1237) % 4000] for step in range(size // 80 + 1))[:size]


def _texts(shape: Shape, key: int, about: str, link: str) -> tuple[str, str]:
    """Summary and content of an entry, as they stand in the document; empty where it has none."""
    lead = f"{about}. " if about else ""
    if shape.text == "none":
        return "", ""
    if shape.text == "plain":
        return lead + _plain(key, shape.size), ""
    if shape.text == "html":
        picture = f'<img src="https://img.example/{key % 9973}.jpg" alt="" />' if key % 2 else ""
        body = f'<p>{picture}{lead}{_plain(key, shape.size - 150)}</p><p><a href="{link}">More</a></p>'
        return escape(body, quote=False), ""
    opening = f"<p>{lead}{_plain(key, 90)}.</p>\n"
    if shape.whole == "cdata":
        return lead + _plain(key, 300), f"<![CDATA[{opening}{_post(key, shape.size, BLOCKS)}]]>"
    post = escape(opening, quote=False) + _post(key, shape.size, ESCAPED)
    return (lead + _plain(key, 300), post) if shape.whole else (post, "")


def _entry(number: int, item: int, shape: Shape) -> str:
    key = number * 7919 + item * 104_729
    about = ""
    if key % 10 == 0:
        about = f"{DRUGS[key // 10 % len(DRUGS)]} for {FOR[key // 60 % len(FOR)]} {NEWS[key // 780 % len(NEWS)]}"
    title = f"{HEADS[key % 4000]} {about} {TAILS[key // 4000 % 4000]}"
    link = f"https://news{number}.example/2026/06/{HEADS[key % 4000].replace(' ', '-')}-{item}"
    day, hour = item % 28 + 1, item % 24
    summary, content = _texts(shape, key, about, link)
    labels = [HEADS[(key + label) % 4000].partition(" ")[0] for label in range(shape.categories)]
    if shape.format == "atom":
        return (
            f'<entry><title>{title}</title><link rel="alternate" type="text/html" href="{link}"/>'
            f"<id>tag:news{number}.example,2026:{item}</id><published>2026-06-{day:02}T{hour:02}:00:00Z</published>"
            f"<updated>2026-06-{day:02}T{hour:02}:30:00Z</updated>"
            + ("<author><name>A. Writer</name></author>" if shape.author else "")
            + "".join(f'<category term="{label}"/>' for label in labels)
            + (f'<summary type="html">{summary}</summary>' if summary else "")
            + (f'<content type="html">{content}</content>' if content else "")
            + "</entry>\n"
        )
    rdf = shape.format == "rdf"
    media = ""
    if shape.media == "thumbnail":
        media = (
            f'<media:content url="https://img.example/{number}/{item}-1024x683.jpg" medium="image" width="1024" '
            f'height="683" /><media:thumbnail url="https://img.example/{number}/{item}-240.jpg" width="240" />'
        )
    elif shape.media == "enclosure":
        media = f'<enclosure url="https://img.example/{number}/{item}.mp3" length="31415926" type="audio/mpeg" />'
    lines = (
        f"<title>{title}</title>",
        f"<link>{link}?utm_source=rss&amp;utm_medium=rss&amp;utm_campaign=rss</link>",
        "" if rdf else f'<guid isPermaLink="false">https://news{number}.example/?p={item}</guid>',
        "<dc:creator>A. Writer</dc:creator>" if shape.author else "",
        f"<comments>{link}#respond</comments>" if shape.author and not rdf else "",
        "".join(f"<category>{label}</category>" for label in labels),
        f"<dc:date>2026-06-{day:02}T{hour:02}:00:00Z</dc:date>" if rdf else "",
        "" if rdf else f"<pubDate>Mon, {day:02} Jun 2026 {hour:02}:00:00 GMT</pubDate>",
        f"<description>{summary}</description>" if summary else "",
        f"<content:encoded>{content}</content:encoded>" if content else "",
        media,
    )
    start = f'    <item rdf:about="{link}">' if rdf else "    <item>"
    return "\n      ".join([start, *filter(None, lines)]) + "\n    </item>\n"


NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:media="http://search.yahoo.com/mrss/"'
)
RSS_HEAD = f"""<rss version="2.0" {NAMESPACES}><channel><title>Feed {{0}}</title><link>https://news{{0}}.example/</link>
<description>News</description><language>en</language>
"""
ATOM_HEAD = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Feed {0}</title>
<id>tag:news{0}.example,2026:f</id><link href="https://news{0}.example/"/><updated>2026-06-28T00:00:00Z</updated>
<author><name>News</name></author>
"""
RDF_HEAD = f"""<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
{NAMESPACES}>
<channel rdf:about="https://news{{0}}.example/"><title>Feed {{0}}</title><link>https://news{{0}}.example/</link>
<description>News</description></channel>
"""
FRAMES = {
    "rss": (RSS_HEAD, "</channel></rss>"), "atom": (ATOM_HEAD, "</feed>"), "rdf": (RDF_HEAD, "</rdf:RDF>"),
}  # fmt: skip


def render(number: int, edition: int, *, entries: int = ENTRIES, lean: bool = False) -> bytes:
    """Feed ``number`` with so many items and, from edition 1 on, one newer item per edition."""
    items = range(entries + edition, edition, -1)
    if lean:
        head, tail = FRAMES["rss"]
        body = "".join(_lean_item(number, item) for item in items)
    else:
        shape = SHAPES[number % len(SHAPES)]
        head, tail = FRAMES[shape.format]
        body = "".join(_entry(number, item, shape) for item in items)
    return f'<?xml version="1.0" encoding="utf-8"?>{head.format(number)}{body}{tail}'.encode()


def _lean_item(number: int, item: int) -> str:
    key = number * 7919 + item * 104_729
    head, tail = HEADS[key % 4000], TAILS[key // 4000 % 4000]
    about = ""
    if key % 10 == 0:
        about = f"{DRUGS[key // 10 % len(DRUGS)]} for {FOR[key // 60 % len(FOR)]} {NEWS[key // 780 % len(NEWS)]}"
    body = ". ".join([about, *(BODIES[(key + step * 1237) % 4000] for step in range(4))])
    return (
        f"<item><title>{head} {about} {tail}</title>"
        f"<link>https://news{number}.example/{item}?utm_source=rss</link>"
        f'<guid isPermaLink="false">tag:{number}-{item}</guid><dc:creator>A. Writer</dc:creator>'
        f"<category>Health</category><pubDate>Mon, {item % 28 + 1:02} Jun 2026 {item % 24:02}:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;{body} &lt;a href=&quot;/more/{item}&quot;&gt;More&lt;/a&gt;&lt;/p&gt;"
        "</description></item>"
    )


# ---------------------------------------------------------------- the server

KEPT = 3000  # rendered feeds kept for the next question, a tenth of a megabyte each


class Web(asyncio.Protocol):
    """One connection: /feed/N answers by the mode of the moment, /mode/NAME/LATENCY_MS sets it, /cpu tells ours."""

    mode = "first"
    latency = 0.0
    entries = ENTRIES
    lean = False
    kept: dict[tuple[int, int], bytes] = {}  # noqa: RUF012  # of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            answer = self.answer(head)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.send, answer)
            else:
                self.send(answer)

    def send(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)  # type: ignore[attr-defined]  # a stream transport

    def answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/mode/"):
            _, _, mode, latency = path.split("/")
            Web.mode, Web.latency = mode, int(latency) / 1000
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if path == "/cpu":
            body = str(time.process_time()).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
        number = int(path.rpartition("/")[2])
        changed = self.mode == "ten" and number % 10 == 0
        etag = b'"%d-%d"' % (number, changed)
        if self.mode != "same" and b"f-None-Match: " + etag in head.replace(b"if-none-match", b"If-None-Match"):
            return b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\nContent-Length: 0\r\n\r\n" % etag
        body = self.feed(number, changed)
        kind = b"atom" if b"<feed" in body[:99] else b"rss"
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/%s+xml\r\nETag: %s\r\n"
            b"Last-Modified: Mon, 01 Jun 2026 10:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
            % (kind, etag, len(body))
            + body
        )

    def feed(self, number: int, edition: int) -> bytes:
        body = self.kept.get((number, edition))
        if body is None:
            body = render(number, edition, entries=self.entries, lean=self.lean)
            if len(self.kept) < KEPT:
                self.kept[number, edition] = body
        return body


async def serve(entries: int, lean: bool, ready: int) -> None:
    """Listen on every address of 127/8, print the port, and answer until standard input ends.

    ready: feeds rendered before that, so that rendering them takes no time from whoever is measured.
    """
    Web.entries, Web.lean = entries, lean
    for number in range(min(ready, KEPT)):
        Web.kept[number, 0] = render(number, 0, entries=entries, lean=lean)
    server = await asyncio.get_running_loop().create_server(Web, "0.0.0.0", 0, backlog=4096)  # noqa: S104  # 127/8
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description="The web of poll.py, which starts it.")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of each feed")
    parser.add_argument("--lean", action="store_true", help="690 bytes an entry")
    parser.add_argument("--ready", type=int, default=0, help="feeds rendered before the first question")
    options = parser.parse_args()
    uvloop.run(serve(options.entries, options.lean, options.ready))
