"""Rows about statuses: every reply has one meaning, and a status without a feed costs no body."""

# tables: a row stays together
from __future__ import annotations

from tests.hostile.row import FEED, Row, answers, head, says


def status(line: str, outcome: str, *lines: str, body: bytes = FEED, name: str = "") -> Row:
    return Row(
        name=name or f"status {line}",
        outcome=outcome,  # type: ignore[arg-type]  # words of the table
        play=answers(body, *lines, status=line),
        status=int(line[:3]),
        entries=0 if outcome != "ok" else 3,
    )


ROWS: list[Row] = [
    status("203 Non-Authoritative", "ok"),
    status("201 Created", "http_error"),
    status("202 Accepted", "http_error"),
    Row(name="status 204", outcome="http_error", play=says(head("204 No Content", type_=None)), status=204),
    Row(name="status 204 with a body", outcome="http_error", play=answers(status="204 No Content"), status=204),
    status("205 Reset Content", "http_error"),
    status("206 Partial Content", "http_error", "Content-Range: bytes 0-10/20"),
    status("207 Multi-Status", "http_error"),
    status("226 IM Used", "http_error", "IM: feed"),
    status("299 Odd", "http_error"),
    status("300 Multiple Choices", "http_error", "Location: http://127.0.0.1/"),
    status("305 Use Proxy", "http_error", "Location: http://127.0.0.1:3128/"),
    status("306 Unused", "http_error"),
    status("399 Odd", "http_error"),
    status("400 Bad Request", "http_error"),
    status("401 Unauthorized", "auth_required", 'WWW-Authenticate: Basic realm="\\"x"'),
    status("402 Payment Required", "http_error"),
    status("403 Forbidden", "auth_required"),
    status("404 Not Found", "http_error"),
    status("405 Method Not Allowed", "http_error"),
    status("406 Not Acceptable", "http_error"),
    status("407 Proxy Authentication Required", "auth_required"),
    status("408 Request Timeout", "http_error"),
    status("409 Conflict", "http_error"),
    status("410 Gone", "gone"),
    status("412 Precondition Failed", "http_error"),
    status("416 Range Not Satisfiable", "http_error"),
    status("418 I'm a teapot", "http_error"),
    status("421 Misdirected Request", "http_error"),
    status("425 Too Early", "http_error"),
    status("429 Too Many Requests", "rate_limited"),
    status("429 Too Many Requests", "rate_limited", "Retry-After: 120", name="429 with seconds"),
    status(
        "429 Too Many Requests", "rate_limited", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT", name="429 with a date"
    ),
    status("429 Too Many Requests", "rate_limited", "Retry-After: -5", name="429 with minus"),
    status("429 Too Many Requests", "rate_limited", "Retry-After: " + "9" * 400, name="429 with 400 digits"),
    status("429 Too Many Requests", "rate_limited", "Retry-After: soon", name="429 with words"),
    status("429 Too Many Requests", "rate_limited", "Retry-After: 1", "Retry-After: 99", name="429 with two"),
    status("431 Headers Too Large", "http_error"),
    status("451 Unavailable", "http_error"),
    status("499 Odd", "http_error"),
    status("500 Internal Server Error", "http_error"),
    status("501 Not Implemented", "http_error"),
    status("502 Bad Gateway", "http_error"),
    status("503 Service Unavailable", "http_error"),
    status("503 Service Unavailable", "rate_limited", "Retry-After: 3600", name="503 with Retry-After"),
    status("504 Gateway Timeout", "http_error"),
    status("520 Odd", "http_error"),
    status("599 Odd", "http_error"),
    status("600 Odd", "http_error"),
    status("999 Request Denied", "http_error"),
    status("404 \x1b[31mred\x07", "http_error", name="status with terminal codes"),
]
