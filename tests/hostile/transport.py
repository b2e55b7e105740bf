"""Rows about connections, framing and time."""

# tables: a row stays together
from __future__ import annotations

import struct

from tests.hostile.row import (
    DEADLINE,
    FEED,
    FEED_TYPE,
    MIB,
    Row,
    Visit,
    answers,
    chunked,
    head,
    in_turn,
    reply,
    says,
)

CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(FEED)}"


async def nothing(visit: Visit) -> None:
    """Close."""


async def resets(visit: Visit) -> None:
    await visit.reset()


async def hangs(visit: Visit) -> None:
    await visit.hang()


async def drips_head(visit: Visit) -> None:
    await visit.drip(head("200 OK", LENGTH) * 20, 0.1)


async def drips_body(visit: Visit) -> None:
    await visit.send(head("200 OK", LENGTH))
    await visit.drip(FEED, 0.1)


async def stalls(visit: Visit) -> None:
    await visit.send(head("200 OK", LENGTH) + FEED[:200])
    await visit.hang()


async def stalls_in_head(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await visit.hang()


async def slow_but_in_time(visit: Visit) -> None:
    data = reply()
    await visit.drip(data, DEADLINE / 6, len(data) // 3 + 1)


async def endless_headers(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\n")
    await visit.flood(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 100, 64 * MIB)


async def endless_header_line(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nX-Filler: ")
    await visit.flood(b"a" * 8192, 64 * MIB)


async def endless_reason(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 ")
    await visit.flood(b"OK " * 2048, 64 * MIB)


async def endless_interim(visit: Visit) -> None:
    await visit.flood(b"HTTP/1.1 100 Continue\r\n\r\n", 16 * MIB)


async def endless_interim_headers(visit: Visit) -> None:
    await visit.flood(b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"a" * 9000 + b">\r\n\r\n", 16 * MIB)


async def endless_body(visit: Visit) -> None:
    await visit.send(head())
    await visit.flood(b"<!-- filler -->" * 1000, 64 * MIB)


async def endless_chunks(visit: Visit) -> None:
    await visit.send(head("200 OK", CHUNKED))
    await visit.flood(b"2000\r\n" + b" " * 8192 + b"\r\n", 64 * MIB)


async def endless_chunk_extension(visit: Visit) -> None:
    await visit.send(head("200 OK", CHUNKED) + b"5;")
    await visit.flood(b"x" * 8192, 64 * MIB)


async def endless_trailers(visit: Visit) -> None:
    await visit.send(head("200 OK", CHUNKED) + chunked(FEED)[:-2])
    await visit.flood(b"X-Trailer: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 100, 64 * MIB)


async def tiny_chunks_for_ever(visit: Visit) -> None:
    await visit.send(head("200 OK", CHUNKED))
    await visit.flood(b"1\r\na\r\n" * 2000, 64 * MIB)


async def endless_error_page(visit: Visit) -> None:
    await visit.send(head("500 Internal Server Error", type_="text/html"))
    await visit.flood(b"<p>sorry</p>" * 1000, 64 * MIB)


async def short_and_reset(visit: Visit) -> None:
    await visit.send(head("200 OK", LENGTH) + FEED[:100])
    await visit.drip(b"", 0)
    await visit.reset()


async def until_close_and_reset(visit: Visit) -> None:
    await visit.drip(head() + FEED, 0.05, 300)
    await visit.reset()


async def keeps_open(visit: Visit) -> None:
    await visit.send(reply(FEED, "Connection: keep-alive", "Keep-Alive: timeout=600"))
    await visit.hang()


async def answers_before_asked(visit: Visit) -> None:
    await visit.send(reply())
    await visit.hang()


LINE = b"HTTP/1.1 200 OK\r\n"
BIG_FEED = FEED.replace(b"</channel>", b"<!-- " + b"x" * (5 * MIB) + b" --></channel>")
OVER = FEED.replace(b"</channel>", b"<!-- " + b"x" * (11 * MIB) + b" --></channel>")
MANY_HEADERS = [f"X-Filler-{number}: {'a' * 80}" for number in range(900)]

ROWS: list[Row] = [
    # connections
    Row(name="refused", outcome="connection_error", url="http://{host}:{dead_port}/feed"),
    Row(name="connect hangs", outcome="timeout", url="http://{host}:{full_port}/feed"),
    Row(name="closed at once", outcome="connection_error", play=nothing, early=True),
    Row(name="reset at once", outcome="connection_error", play=resets, early=True),
    Row(name="closed after the request", outcome="connection_error", play=nothing),
    Row(name="reset after the request", outcome="connection_error", play=resets),
    Row(name="accepts and says nothing", outcome="timeout", play=hangs, early=True),
    Row(name="reads and says nothing", outcome="timeout", play=hangs),
    Row(name="answers before it was asked", outcome=("ok", "connection_error"), play=answers_before_asked, early=True),
    Row(name="keeps the connection open", outcome="ok", play=keeps_open, seconds=DEADLINE - 2),
    # time
    Row(name="headers drip", outcome="timeout", play=drips_head),
    Row(name="headers stall", outcome="timeout", play=stalls_in_head),
    Row(name="body drips", outcome="timeout", play=drips_body),
    Row(name="body stalls", outcome="timeout", play=stalls),
    Row(name="slow but in time", outcome="ok", play=slow_but_in_time),
    # what is no HTTP
    Row(name="HTTP/0.9", outcome="protocol_error", play=says(FEED)),
    Row(name="random bytes", outcome="protocol_error", play=says(bytes(range(256)) * 20)),
    Row(name="null bytes", outcome="protocol_error", play=says(bytes(4096))),
    Row(name="SSH banner", outcome="protocol_error", play=says(b"SSH-2.0-OpenSSH_9.2\r\n"), early=True),
    Row(name="SMTP banner", outcome="protocol_error", play=says(b"220 mail.example.org ESMTP\r\n"), early=True),
    Row(name="Redis error", outcome="protocol_error", play=says(b"-ERR unknown command 'GET'\r\n")),
    Row(name="TLS alert in plain text", outcome="protocol_error", play=says(b"\x15\x03\x01\x00\x02\x02\x46")),
    Row(name="HTTP/2 settings", outcome="protocol_error", play=says(struct.pack(">I", 0)[1:] + b"\x04" + bytes(5))),
    Row(name="ICY", outcome="protocol_error", play=says(b"ICY 200 OK\r\n\r\n" + FEED)),
    Row(name="HTTP/2.0 status line", outcome="protocol_error", play=says(reply().replace(b"HTTP/1.1", b"HTTP/2.0"))),
    Row(name="HTTP/3.7 status line", outcome="protocol_error", play=says(reply().replace(b"HTTP/1.1", b"HTTP/3.7"))),
    Row(name="HTTP/1.0", outcome="ok", play=says(reply().replace(b"HTTP/1.1", b"HTTP/1.0"))),
    Row(name="half a status line", outcome="protocol_error", play=says(b"HTTP/1.1 20")),
    Row(name="status of four digits", outcome="protocol_error", play=answers(status="2000 OK")),
    Row(name="status of letters", outcome="protocol_error", play=answers(status="abc OK")),
    Row(name="status below 100", outcome="protocol_error", play=answers(status="099 Odd")),
    Row(name="no reason phrase", outcome="ok", play=says(reply().replace(b"200 OK", b"200"))),
    Row(name="blank line first", outcome=("ok", "protocol_error"), play=says(b"\r\n" + reply())),
    # headers
    Row(name="headers without end", outcome="too_large", play=endless_headers),
    Row(name="header line without end", outcome="too_large", play=endless_header_line),
    Row(name="reason phrase without end", outcome="too_large", play=endless_reason),
    Row(name="many headers within the limit", outcome="ok", play=answers(FEED, *MANY_HEADERS)),
    Row(name="headers over the limit in one go", outcome="too_large", play=answers(FEED, *MANY_HEADERS, *MANY_HEADERS)),
    Row(name="headers and then nothing", outcome="protocol_error", play=says(LINE + b"Content-Type: text/xml\r\n")),
    Row(name="header without a colon", outcome="protocol_error", play=says(LINE + b"nonsense\r\n\r\n")),
    Row(name="header with a space in its name", outcome="protocol_error", play=says(LINE + b"A B: c\r\n\r\n")),
    Row(name="header without a name", outcome="protocol_error", play=says(LINE + b": c\r\n\r\n")),
    Row(name="null byte in a header", outcome="protocol_error", play=says(LINE + b"X: a\0b\r\n\r\n")),
    Row(name="lone CR in a header", outcome="protocol_error", play=says(LINE + b"X: a\rY: b\r\n\r\n")),
    Row(name="bare LF line ends", outcome="ok", play=says(head("200 OK", LENGTH).replace(b"\r\n", b"\n") + FEED)),
    Row(name="latin-1 in a header", outcome="ok", play=answers(FEED, "X-Title: caf\xe9")),
    Row(name="100 and 103 first", outcome="ok", play=says(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply())),
    Row(name="1xx without end", outcome="protocol_error", play=endless_interim),
    Row(name="large 1xx without end", outcome=("too_large", "protocol_error"), play=endless_interim_headers),
    Row(name="101 switches protocols", outcome="protocol_error", play=says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + FEED)),
    # framing
    Row(name="length negative", outcome="protocol_error", play=says(head("200 OK", "Content-Length: -5") + FEED)),
    Row(name="length of letters", outcome="protocol_error", play=says(head("200 OK", "Content-Length: many") + FEED)),
    Row(name="length hexadecimal", outcome="protocol_error", play=says(head("200 OK", "Content-Length: 0x10") + FEED)),
    Row(name="length with a plus", outcome="protocol_error", play=says(head("200 OK", "Content-Length: +10") + FEED)),
    Row(name="length of 30 digits", outcome="protocol_error", play=says(head("200 OK", "Content-Length: " + "9" * 30))),
    Row(name="length of a terabyte", outcome="too_large", play=says(head("200 OK", f"Content-Length: {10**12}"))),
    Row(name="two lengths", outcome="protocol_error", play=says(head("200 OK", LENGTH, "Content-Length: 5") + FEED)),
    Row(name="a list of lengths", outcome="protocol_error", play=says(head("200 OK", "Content-Length: 5, 6") + FEED)),
    Row(name="length and chunks", outcome="protocol_error", play=says(head("200 OK", LENGTH, CHUNKED) + chunked(FEED))),
    Row(name="chunks and length", outcome="protocol_error", play=says(head("200 OK", CHUNKED, LENGTH) + chunked(FEED))),
    Row(name="chunked twice", outcome="protocol_error", play=says(head("200 OK", CHUNKED, CHUNKED) + chunked(FEED))),
    Row(name="gzip as transfer coding", outcome="protocol_error", play=says(
        head("200 OK", "Transfer-Encoding: gzip, chunked") + chunked(FEED))),
    Row(name="unknown transfer coding", outcome="protocol_error", play=says(
        head("200 OK", "Transfer-Encoding: cow") + FEED)),
    Row(name="identity transfer coding", outcome="protocol_error", play=says(
        head("200 OK", "Transfer-Encoding: identity") + FEED)),
    Row(name="chunked", outcome="ok", play=says(head("200 OK", CHUNKED) + chunked(FEED, 100))),
    Row(name="chunked with extensions", outcome="ok", play=says(
        head("200 OK", CHUNKED) + chunked(FEED, 100, b';name="value"'))),
    Row(name="chunked with trailers", outcome="ok", play=says(
        head("200 OK", CHUNKED) + chunked(FEED)[:-2] + b"X-Checksum: 1\r\n\r\n")),
    Row(name="chunks of one byte", outcome="ok", play=says(head("200 OK", CHUNKED) + chunked(FEED, 1))),
    Row(name="chunk size of letters", outcome="protocol_error", play=says(head("200 OK", CHUNKED) + b"zz\r\n" + FEED)),
    Row(name="chunk size negative", outcome="protocol_error", play=says(head("200 OK", CHUNKED) + b"-5\r\n" + FEED)),
    Row(name="chunk size overflows", outcome="protocol_error", play=says(
        head("200 OK", CHUNKED) + b"f" * 40 + b"\r\n" + FEED)),
    Row(name="chunk longer than it says", outcome="protocol_error", play=says(
        head("200 OK", CHUNKED) + b"5\r\n" + FEED + b"\r\n0\r\n\r\n")),
    Row(name="chunks without end", outcome="truncated", play=says(head("200 OK", CHUNKED) + chunked(FEED)[:-5])),
    Row(name="end inside a chunk", outcome="truncated", play=says(head("200 OK", CHUNKED) + b"ffff\r\n" + FEED)),
    Row(name="chunk extension without end", outcome="too_large", play=endless_chunk_extension, sent=16 * MIB),
    Row(name="trailers without end", outcome="too_large", play=endless_trailers),
    Row(name="body shorter than its length", outcome="truncated", play=says(head("200 OK", LENGTH) + FEED[:-10])),
    Row(name="no body at all", outcome="truncated", play=says(head("200 OK", LENGTH))),
    Row(name="short body, then reset", outcome="truncated", play=short_and_reset),
    Row(name="body longer than its length", outcome="ok", play=says(reply() + b"junk" * 1000)),
    Row(name="a second reply behind the first", outcome="ok", play=says(reply() + reply(b"<rss/>") * 3)),
    Row(name="garbage behind the reply", outcome="ok", play=says(reply() + bytes(range(256)))),
    Row(name="body until close", outcome="ok", play=says(head() + FEED)),
    Row(name="body until close, then reset", outcome="truncated", play=until_close_and_reset),
    Row(name="length zero and a body", outcome="not_a_feed", play=says(head("200 OK", "Content-Length: 0") + FEED)),
    # size
    Row(name="body without end", outcome="too_large", play=endless_body, sent=16 * MIB, memory=48 * MIB),
    Row(name="chunks for ever", outcome="too_large", play=endless_chunks, sent=16 * MIB, memory=48 * MIB),
    Row(name="tiny chunks for ever", outcome="too_large", play=tiny_chunks_for_ever, memory=48 * MIB),
    Row(name="body of 5 MiB", outcome="ok", play=answers(BIG_FEED), sent=6 * MIB, seconds=30),
    Row(name="announced over the limit", outcome="too_large", play=answers(OVER), sent=6 * MIB),
    Row(name="over the limit without a length", outcome="too_large", play=says(head(type_=FEED_TYPE) + OVER),
        sent=16 * MIB, memory=48 * MIB),
    Row(name="error page without end", outcome="http_error", play=endless_error_page, sent=6 * MIB),
    # later polls
    Row(name="reset, then well again", outcome="connection_error", then=("ok", "not_modified"),
        play=in_turn(resets, answers()), entries=3),
    Row(name="well, then silent, then well", outcome="ok", then=("timeout", "not_modified"),
        play=in_turn(answers(), hangs, answers()), entries=3),
]  # fmt: skip
