"""Conditional requests and content codings, decided from headers alone (RFC 9110)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ketfeed.web.http import answer, choose_coding, prepare

CHANGED = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
FEED = prepare(
    {"": b"plain", "gzip": b"gz", "br": b"br"}, "application/atom+xml", "abc", CHANGED, browser_type="application/xml"
)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b'"abc"', 304),
        (b'W/"abc"', 304),
        (b'"x", W/"abc" , "y"', 304),
        (b'"abc-gz"', 304),
        (b'"abc-br"', 304),
        (b"*", 304),
        (b'"abcd"', 200),
        (b"abc", 200),
        (b"", 200),
        (b'"x,abc"', 200),
        (b", ".join(b'"%d"' % number for number in range(500)) + b', "abc"', 304),
    ],
)
def test_if_none_match_compares_weakly_through_lists_codings_and_the_star(value: bytes, status: int) -> None:
    assert answer("GET", {b"if-none-match": value}, FEED).status == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"Tue, 24 Nov 2026 09:30:00 GMT", 304),
        (b"Tue, 24 Nov 2026 09:30:01 GMT", 304),
        (b"Tue, 24 Nov 2026 09:29:59 GMT", 200),
        (b"yesterday", 200),
        (b"", 200),
    ],
)
def test_if_modified_since_compares_dates_and_ignores_what_is_none(value: bytes, status: int) -> None:
    assert answer("GET", {b"if-modified-since": value}, FEED).status == status


def test_if_none_match_wins_over_if_modified_since() -> None:
    headers = {b"if-none-match": b'"old"', b"if-modified-since": b"Tue, 24 Nov 2026 09:30:00 GMT"}
    assert answer("GET", headers, FEED).status == 200


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", ""),
        (b"gzip", "gzip"),
        (b"gzip, deflate, br, zstd", "br"),
        (b"br;q=0.5, gzip;q=0.9", "gzip"),
        (b"gzip;q=0", ""),
        (b"*", "br"),
        (b"*;q=0", ""),
        (b"identity;q=1, gzip;q=0.5", ""),
        (b"GZIP", "gzip"),
        (b"gzip;q=rubbish", "gzip"),
        (b"deflate", ""),
        (b"x-gzip", "gzip"),
    ],
)
def test_the_client_gets_the_coding_it_likes_best_of_those_there_are(accepted: bytes, coding: str) -> None:
    assert choose_coding(accepted, brotli=True, gzip=True) == coding


def test_every_coding_has_an_entity_tag_of_its_own() -> None:
    tags = {dict(answer("GET", {b"accept-encoding": one}, FEED).headers)[b"etag"] for one in (b"", b"gzip", b"br")}
    assert tags == {b'"abc"', b'"abc-gz"', b'"abc-br"'}


def test_head_has_the_headers_of_get_and_no_body() -> None:
    get, head = answer("GET", {}, FEED), answer("HEAD", {}, FEED)
    assert head.headers == get.headers
    assert head.body == b""


def test_a_304_repeats_what_a_cache_must_know_and_nothing_about_a_body() -> None:
    reply = answer("GET", {b"if-none-match": b'"abc"'}, FEED)
    names = {name for name, _ in reply.headers}
    assert {b"etag", b"vary", b"last-modified"} <= names
    assert not names & {b"content-length", b"content-type", b"content-encoding"}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (b"", b"application/atom+xml"),
        (b"*/*", b"application/atom+xml"),
        (b"application/atom+xml,application/rss+xml,text/html;q=0.1", b"application/atom+xml"),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", b"application/xml"),
    ],
)
def test_a_browser_gets_a_media_type_it_can_show(accept: bytes, media_type: bytes) -> None:
    headers = dict(answer("GET", {b"accept": accept}, FEED).headers)
    assert headers[b"content-type"] == media_type
    assert headers[b"vary"] == b"Accept, Accept-Encoding"
