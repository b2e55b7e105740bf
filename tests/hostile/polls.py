"""Rows about many polls of one source: what was learned must last, and only what was good may be learned."""

# ruff: noqa: E501  # tables: a row stays together
from __future__ import annotations

from collections.abc import Sequence

from tests.hostile.row import (
    FEED,
    Asked,
    Play,
    Row,
    Visit,
    answers,
    entry,
    gzipped,
    head,
    in_turn,
    redirects,
    rss,
    says,
)

MODIFIED = "Last-Modified: Mon, 01 Jun 2026 10:00:00 GMT"
NOT_MODIFIED = says(head("304 Not Modified", type_=None))
BROKEN = answers(FEED[:-400] + b"<<<&&&")
EMPTY = answers(rss(""))


def asks(*expected: str | None) -> object:
    """A check that If-None-Match was this at each request."""

    def check(asked: Sequence[Asked]) -> str:
        got = [request.headers.get("if-none-match") for request in asked]
        return "" if got == list(expected) else f"If-None-Match was {got}"

    return check


def no_cookies(asked: Sequence[Asked]) -> str:
    return next((f"cookie sent: {request.headers['cookie']}" for request in asked if "cookie" in request.headers), "")


def conditional(etag: str) -> Play:
    """304 to exactly this tag, else the feed with it."""

    async def play(visit: Visit) -> None:
        if visit.header("if-none-match") == etag.strip():
            await NOT_MODIFIED(visit)
        else:
            await answers(FEED, f"ETag: {etag}")(visit)

    return play


def always_new() -> Play:
    async def play(visit: Visit) -> None:
        items = "".join(entry(visit.nth * 1000 + number) for number in range(20))
        await answers(rss(items), f'ETag: "{visit.nth}"')(visit)

    return play


def echo(etag: str, name: str) -> Row:
    return Row(name=name, outcome="ok", then=("not_modified", "not_modified"), play=conditional(etag), entries=3,
               check=asks(None, etag.strip(), etag.strip()))  # type: ignore[arg-type]  # fmt: skip


ROWS: list[Row] = [
    echo('"abc"', "ETag echoed"),
    echo('W/"abc"', "weak ETag echoed"),
    echo("abc", "ETag without quotes echoed"),
    echo('"a" b "c', "ETag with odd quotes echoed"),
    echo('"caf\xe9 \xff"', "ETag in latin-1 echoed"),
    echo('"' + "x" * 8000 + '"', "ETag of 8 KB echoed"),
    echo("W/", "ETag of two letters echoed"),
    Row(name="Last-Modified echoed", outcome="ok", then=("not_modified",), entries=3,
        play=in_turn(answers(FEED, "Last-Modified: yesterday, about noon"), NOT_MODIFIED),
        check=lambda asked: "" if asked[-1].headers.get("if-modified-since") == "yesterday, about noon" else "not echoed"),
    Row(name="304 at first", outcome=("ok", "http_error"), then=("not_modified",), play=in_turn(NOT_MODIFIED, answers()),
        entries=3),
    Row(name="304 always", outcome="http_error", then=("http_error",), play=NOT_MODIFIED, entries=0),
    Row(name="equal bodies", outcome="ok", then=("not_modified", "not_modified"), play=answers(), entries=3),
    Row(name="equal bodies in other codings", outcome="ok", then=("not_modified", "not_modified"), entries=3,
        play=in_turn(answers(), answers(gzipped(), "Content-Encoding: gzip"), answers())),
    Row(name="other spaces, same entries", outcome="ok", then=("not_modified",), entries=3,
        play=in_turn(answers(), answers(FEED.replace(b"</item>", b"</item>\n\n")))),
    Row(name="another tag each time", outcome="ok", then=("ok", "ok"), play=always_new(), entries=60),
    Row(name="broken later", outcome="ok", then=(("parse_error", "ok"), ("parse_error", "not_modified")),
        play=in_turn(answers(), BROKEN), entries=3),
    Row(name="empty later", outcome="ok", then=(("ok", "not_modified"), "not_modified"), play=in_turn(answers(), EMPTY),
        entries=3),
    Row(name="a page later", outcome="ok", then=("not_a_feed", "not_modified"), entries=3,
        play=in_turn(answers(), answers(b"<html>gone</html>", type_="text/html"), answers())),
    Row(name="an entity later", outcome="ok", then=("forbidden_xml", "not_modified"), entries=3,
        play=in_turn(answers(), answers(rss("", before='<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]>')), answers())),
    Row(name="validators outlive failures", outcome="ok", then=("http_error", "truncated", "not_modified"), entries=3,
        play=in_turn(answers(FEED, 'ETag: "good"'), answers(b"", 'ETag: "bad"', status="500 Oops"),
                     says(head("200 OK", 'ETag: "bad"', "Content-Length: 99999")), NOT_MODIFIED),
        check=asks(None, '"good"', '"good"', '"good"')),  # type: ignore[arg-type]
    Row(name="validators are not those of a broken document", outcome="ok", then=("not_a_feed", "not_modified"), entries=3,
        play=in_turn(answers(FEED, 'ETag: "good"'), answers(b"<html></html>", 'ETag: "bad"'), NOT_MODIFIED),
        check=asks(None, '"good"', '"good"')),  # type: ignore[arg-type]
    Row(name="validators are dropped with the tag", outcome="ok", then=("ok", "ok"), entries=3,
        play=in_turn(answers(FEED, 'ETag: "1"'), answers(FEED.replace(b"trial", b"study")),
                     answers(FEED.replace(b"trial", b"test"))),
        check=asks(None, '"1"', None)),  # type: ignore[arg-type]
    Row(name="cookies are never returned", outcome="ok", then=("not_modified", "not_modified"), entries=3,
        play=answers(FEED, "Set-Cookie: id=1; Max-Age=999999; Domain=.0.1"), check=no_cookies),
    Row(name="gone later", outcome="ok", then=("gone",), play=in_turn(answers(), answers(status="410 Gone")), entries=3),
    Row(name="redirect inside later", outcome="ok", then=("blocked_address", "not_modified"), entries=3,
        play=in_turn(answers(), redirects("http://127.0.0.1:{port}/"), answers())),
    Row(name="limited later", outcome="ok", then=("rate_limited",), entries=3,
        play=in_turn(answers(), answers(b"", "Retry-After: 600", status="429 Too Many"))),
    Row(name="bomb later", outcome="ok", then=("bad_encoding", "not_modified"), entries=3,
        play=in_turn(answers(), answers(FEED, "Content-Encoding: br"), answers())),
    Row(name="ids change, links do not", outcome="ok", then=("ok",), entries=3,
        play=in_turn(answers(), answers(FEED.replace(b"entry-", b"ENTRY-")))),
    Row(name="the same id for all", outcome="ok", entries=None,
        play=answers(rss("".join(entry(n).replace(f"entry-{n}<", "same<") for n in range(1, 50))))),
]  # fmt: skip
