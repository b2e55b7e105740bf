"""Rows about content codings."""

# ruff: noqa: E501  # tables: a row stays together
from __future__ import annotations

import zlib

from tests.hostile.row import FEED, MIB, Row, Visit, answers, chunked, gzipped, head, says

GZIP = "Content-Encoding: gzip"
ZIPPED = gzipped()


def bomb(size: int) -> bytes:
    """A feed's start and then ``size`` bytes of nothing, as one gzip stream made without holding it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    parts = [packer.compress(b'<?xml version="1.0"?><rss version="2.0"><channel><title>')]
    block = b" " * MIB
    parts += [packer.compress(block) for _ in range(size // MIB)]
    return b"".join([*parts, packer.flush()])


BOMB = bomb(512 * MIB)
NESTED = gzipped(gzipped(bytes(64 * MIB)))


def with_name(data: bytes, size: int) -> bytes:
    """The gzip stream with an optional file name of ``size`` bytes in its header."""
    return data[:3] + b"\x08" + data[4:10] + b"n" * size + b"\0" + data[10:]


async def bomb_for_ever(visit: Visit) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    await visit.send(head("200 OK", GZIP) + packer.flush(zlib.Z_SYNC_FLUSH))
    block = bytes(MIB // 4)
    for _ in range(4 * 4096):
        await visit.send(packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH))


async def drips_gzip(visit: Visit) -> None:
    await visit.send(head("200 OK", GZIP, f"Content-Length: {len(ZIPPED)}"))
    await visit.drip(ZIPPED, 0.01, 50)


async def name_without_end(visit: Visit) -> None:
    await visit.send(head("200 OK", GZIP) + ZIPPED[:3] + b"\x08" + ZIPPED[4:10])
    await visit.flood(b"n" * 8192, 64 * MIB)


ROWS: list[Row] = [
    Row(name="gzip", outcome="ok", play=answers(ZIPPED, GZIP)),
    Row(name="x-gzip", outcome="ok", play=answers(ZIPPED, "Content-Encoding: x-gzip")),
    Row(name="GZIP in capitals", outcome="ok", play=answers(ZIPPED, "Content-Encoding: GZip")),
    Row(name="gzip in slow small pieces", outcome="ok", play=drips_gzip),
    Row(name="gzip in chunks", outcome="ok", play=says(
        head("200 OK", GZIP, "Transfer-Encoding: chunked") + chunked(ZIPPED, 7))),
    Row(name="gzip until close", outcome="ok", play=says(head("200 OK", GZIP) + ZIPPED)),
    Row(name="gzip not declared", outcome="ok", play=answers(ZIPPED)),
    Row(name="gzip as media type", outcome="ok", play=answers(ZIPPED, type_="application/gzip")),
    Row(name="identity", outcome="ok", play=answers(FEED, "Content-Encoding: identity")),
    Row(name="gzip of two members", outcome="ok", play=answers(gzipped(FEED[:500]) + gzipped(FEED[500:]), GZIP)),
    Row(name="gzip padded with zeros", outcome="ok", play=answers(ZIPPED + bytes(512), GZIP)),
    Row(name="gzip with a file name", outcome="ok", play=answers(with_name(ZIPPED, 100), GZIP)),
    Row(name="gzip with a file name without end", outcome="too_large", play=name_without_end, sent=16 * MIB),
    Row(name="gzip declared, plain sent", outcome="bad_encoding", play=answers(FEED, GZIP)),
    Row(name="gzip declared, zlib sent", outcome="bad_encoding", play=answers(zlib.compress(FEED), GZIP)),
    Row(name="gzip ends early", outcome="truncated", play=answers(ZIPPED[:-20], GZIP)),
    Row(name="gzip without its trailer", outcome="truncated", play=answers(ZIPPED[:-8], GZIP)),
    Row(name="gzip header only", outcome="truncated", play=answers(ZIPPED[:10], GZIP)),
    Row(name="gzip of one byte", outcome="truncated", play=answers(ZIPPED[:1], GZIP)),
    Row(name="gzip of nothing", outcome="not_a_feed", play=answers(gzipped(b""), GZIP)),
    Row(name="gzip declared, nothing sent", outcome="not_a_feed", play=answers(b"", GZIP)),
    Row(name="gzip with a wrong checksum", outcome="bad_encoding", play=answers(
        ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], GZIP)),
    Row(name="gzip with a wrong length", outcome="bad_encoding", play=answers(ZIPPED[:-4] + bytes(4), GZIP)),
    Row(name="gzip with damaged data", outcome="bad_encoding", play=answers(
        ZIPPED[:60] + b"\xff\xff\xff\xff" + ZIPPED[64:], GZIP)),
    Row(name="gzip with junk behind it", outcome="bad_encoding", play=answers(ZIPPED + b"junk", GZIP)),
    Row(name="gzip of a thousand members", outcome="bad_encoding", play=answers(gzipped(b"") * 1000, GZIP)),
    Row(name="gzip twice", outcome="bad_encoding", play=answers(gzipped(ZIPPED), "Content-Encoding: gzip, gzip")),
    Row(name="gzip inside gzip", outcome=("ok", "not_a_feed"), play=answers(gzipped(ZIPPED), GZIP)),
    Row(name="gzip bomb of 512 MiB", outcome="too_large", play=answers(BOMB, GZIP), sent=2 * MIB, memory=48 * MIB),
    Row(name="gzip bomb, not declared", outcome="too_large", play=answers(BOMB), sent=2 * MIB, memory=48 * MIB),
    Row(name="gzip bomb for ever", outcome="too_large", play=bomb_for_ever, sent=16 * MIB, memory=48 * MIB),
    Row(name="bomb inside a bomb", outcome=("not_a_feed", "too_large", "parse_error"), play=answers(NESTED, GZIP)),
    Row(name="deflate unasked", outcome="bad_encoding", play=answers(zlib.compress(FEED), "Content-Encoding: deflate")),
    Row(name="br unasked", outcome="bad_encoding", play=answers(b"\x0b\x02\x80" + FEED, "Content-Encoding: br")),
    Row(name="zstd unasked", outcome="bad_encoding", play=answers(b"(\xb5/\xfd" + FEED, "Content-Encoding: zstd")),
    Row(name="compress unasked", outcome="bad_encoding", play=answers(b"\x1f\x9d" + FEED, "Content-Encoding: compress")),
    Row(name="coding nobody knows", outcome="bad_encoding", play=answers(FEED, "Content-Encoding: cow")),
    Row(name="coding with control characters", outcome="bad_encoding", play=answers(
        FEED, "Content-Encoding: a\tb\xa0\xff")),
    Row(name="two coding headers", outcome="bad_encoding", play=answers(FEED, GZIP, "Content-Encoding: br")),
]  # fmt: skip
