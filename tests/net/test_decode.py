"""Content coding: gzip with a cap, its end required, nothing else accepted."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.errors import BadEncoding, PollError, TooLarge, Truncated
from ketfeed.net.decode import Decoder

TEXT = b"<rss>ketamine</rss>" * 500
ZIPPED = gzip.compress(TEXT, mtime=0)


def decode(data: bytes, coding: str | None = "gzip", limit: int = 1_000_000, cuts: tuple[int, ...] = ()) -> bytes:
    decoder = Decoder(coding, limit)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        decoder.feed(data[start:end])
    return decoder.finish()


@given(st.binary(max_size=3000), st.lists(st.integers(0, 5000), max_size=8).map(tuple))
def test_any_body_comes_back_however_it_was_cut(body: bytes, cuts: tuple[int, ...]) -> None:
    assert decode(gzip.compress(body), cuts=cuts) == body
    if not body.startswith(b"\x1f\x8b"):
        assert decode(body, coding=None, cuts=cuts) == body


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.lists(st.integers(0, 2000), max_size=8).map(tuple))
def test_members_that_follow_one_another_are_one_body(bodies: list[bytes], cuts: tuple[int, ...]) -> None:
    data = b"".join(gzip.compress(body) for body in bodies)
    assert decode(data + bytes(100), cuts=cuts) == b"".join(bodies)


@given(st.integers(1, len(ZIPPED) - 1))
def test_a_stream_that_ends_early_is_truncated_wherever_it_ends(end: int) -> None:
    with pytest.raises(Truncated):
        decode(ZIPPED[:end])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4).map(tuple))
def test_any_bytes_have_a_class_of_the_closed_list(data: bytes, cuts: tuple[int, ...]) -> None:
    for prefix in (b"", b"\x1f\x8b", ZIPPED[:30], ZIPPED):
        try:
            decode(prefix + data, cuts=cuts)
        except PollError as error:
            assert error.outcome in ("truncated", "bad_encoding", "too_large")  # noqa: PT017


def test_the_limit_is_exact_and_holds_for_both_kinds_of_body() -> None:
    assert decode(ZIPPED, limit=len(TEXT)) == TEXT
    assert decode(TEXT, coding=None, limit=len(TEXT)) == TEXT
    for data, coding in ((ZIPPED, "gzip"), (TEXT, None)):
        with pytest.raises(TooLarge):
            decode(data, coding, limit=len(TEXT) - 1)


def test_a_bomb_never_grows_past_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    decoder = Decoder("gzip", 100_000)
    with pytest.raises(TooLarge):
        decoder.feed(bomb)
    assert decoder.size == 100_001


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", " gzip ", "identity, gzip"])
def test_gzip_is_known_by_its_names(coding: str) -> None:
    assert decode(ZIPPED, coding) == TEXT


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br", "cow", "caf\xe9\x01"]
)
def test_another_coding_is_refused_before_a_byte_is_read(coding: str) -> None:
    with pytest.raises(BadEncoding) as caught:
        Decoder(coding, 1000)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("coding", [None, "", "identity", "identity, identity"])
def test_no_coding_leaves_the_body_alone(coding: str | None) -> None:
    assert decode(TEXT, coding) == TEXT
    assert decode(b"", coding) == b""
    assert decode(b"\x1f", coding) == b"\x1f"


def test_gzip_is_recognised_where_it_was_not_declared() -> None:
    assert decode(ZIPPED, None) == TEXT


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        zlib.compress(TEXT),
        ZIPPED + b"junk",
        ZIPPED[:-8] + bytes(8),
        gzip.compress(b"") * 65,
        b"\x1f\x8b\x00" * 20,
    ],
    ids=["plain", "zlib", "junk behind", "wrong checksum", "65 members", "no method"],
)
def test_what_is_declared_as_gzip_and_is_not_is_refused(data: bytes) -> None:
    with pytest.raises(BadEncoding):
        decode(data)


def test_declared_gzip_without_a_byte_is_an_empty_body() -> None:
    assert decode(b"") == b""
