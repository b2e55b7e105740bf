"""Rows about redirects: every hop is judged, and secrets stay where they belong."""

# ruff: noqa: E501  # tables: a row stays together
from __future__ import annotations

from collections.abc import Sequence

from tests.hostile.row import DEADLINE, FEED, MIB, Asked, Play, Row, Visit, answers, by_path, head, redirects

HTML = "text/html"


async def endless_body(visit: Visit) -> None:
    await visit.send(head("302 Found", "Location: /end"))
    await visit.flood(b"<p>moved</p>" * 1000, 64 * MIB)


async def always_further(visit: Visit) -> None:
    number = int(visit.path.rpartition("/")[2] or 0) if visit.path != "/feed" else 0
    await visit.send(head("302 Found", f"Location: /hop/{number + 1}", "Content-Length: 0"))


def chain(length: int) -> Play:
    """``length`` redirects and then the feed."""

    async def play(visit: Visit) -> None:
        number = int(visit.path.removeprefix("/hop/")) if visit.path.startswith("/hop/") else 0
        if number == length:
            await answers()(visit)
        else:
            await visit.send(head("302 Found", f"Location: /hop/{number + 1}", "Content-Length: 0"))

    return play


def to(location: str, status: str = "302 Found") -> Play:
    """A redirect whose target, on the same server, is the feed."""
    return by_path(feed=redirects(location, status), end=answers())


def secret_stays_home(asked: Sequence[Asked]) -> str:
    for request in asked:
        at_home = request.path in ("/feed", "/same")
        for name in ("authorization", "x-api-key"):
            if at_home and name not in request.headers:
                return f"{name} missing at {request.path}"
            if not at_home and name in request.headers:
                return f"{name} sent to {request.path}"
        if "cookie" in request.headers:
            return "a cookie was sent"
    return "" if len(asked) == 3 else f"{len(asked)} requests"


def canary(location: str, outcome: str = "blocked_address", status: str = "302 Found") -> Row:
    return Row(name=f"redirect {status[:3]} to {location[:60]}", outcome=outcome, play=redirects(location, status))  # type: ignore[arg-type]


ROWS: list[Row] = [
    *(
        Row(name=f"redirect {status}", outcome="ok", play=to("/end", status), entries=3)
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")
    ),
    Row(name="redirect relative to the path", outcome="ok", play=to("end?x=1")),
    Row(name="redirect without a scheme", outcome="ok", play=to("//{host}:{port}/end")),
    Row(name="redirect with a fragment", outcome="ok", play=to("/end#part")),
    Row(name="redirect with dots", outcome="ok", play=to("/a/../end")),
    Row(name="redirect with spaces around", outcome="ok", play=to("  /end  ")),
    Row(name="redirect with a space inside", outcome="ok", play=to("/end?a b")),
    Row(name="redirect in UTF-8", outcome="ok", play=to("/end?caf\u00c3\u00a9")),
    Row(name="redirect in capitals", outcome="ok", play=to("HTTP://{host}:{port}/end")),
    Row(name="redirect to https where nobody speaks it", outcome="timeout", play=redirects("https://{host}:{port}/end")),
    Row(name="five redirects", outcome="ok", play=chain(5), seconds=DEADLINE + 12),
    Row(name="six redirects", outcome="too_many_redirects", play=chain(6), seconds=DEADLINE + 12),
    Row(name="redirects for ever", outcome="too_many_redirects", play=always_further, seconds=DEADLINE + 12),
    Row(name="redirect to itself", outcome="too_many_redirects", play=redirects("/feed")),
    Row(name="redirects in a circle", outcome="too_many_redirects",
        play=by_path(feed=redirects("/end"), end=redirects("/feed"))),
    Row(name="redirect with a body without end", outcome="ok", play=by_path(feed=endless_body, end=answers()),
        sent=6 * MIB),
    Row(name="redirect without Location", outcome="redirect_error", play=redirects(None)),
    Row(name="redirect with an empty Location", outcome="redirect_error", play=redirects("")),
    Row(name="redirect with two Locations", outcome="redirect_error", play=redirects("/end", "302 Found", "Location: /x")),
    Row(name="redirect with one Location twice", outcome="ok", play=by_path(
        feed=redirects("/end", "302 Found", "Location: /end"), end=answers())),
    Row(name="redirect to an endless address", outcome="redirect_error", play=redirects("/" + "a" * 5000)),
    Row(name="redirect with a tab", outcome="redirect_error", play=redirects("http://example.org/a\tb")),
    Row(name="redirect with a user name", outcome="redirect_error", play=redirects("http://a:b@{host}:{port}/end")),
    Row(name="redirect to no host", outcome="redirect_error", play=redirects("http:///end")),
    Row(name="redirect with a backslash", outcome="redirect_error", play=redirects("http://{host}\\@127.0.0.1/")),
    Row(name="redirect to a bad port", outcome="redirect_error", play=redirects("http://{host}:99999/")),
    Row(name="redirect with a broken bracket", outcome="redirect_error", play=redirects("http://[::1/")),
    canary("javascript:alert(1)", "unsupported_scheme"),
    canary("file:///etc/passwd", "unsupported_scheme"),
    canary("ftp://{host}/feed", "unsupported_scheme"),
    canary("gopher://127.0.0.1:6379/_FLUSHALL", "unsupported_scheme"),
    canary("data:text/xml,<rss/>", "unsupported_scheme"),
    canary("unix:///var/run/docker.sock", "unsupported_scheme"),
    canary("http://{host}:22/", "blocked_port"),
    canary("http://{host}:6379/", "blocked_port"),
    canary("http://127.0.0.1:{port}/"),
    canary("http://127.0.0.1:{port}/", status="301 Moved"),
    canary("http://127.0.0.1:{port}/", status="303 See Other"),
    canary("http://127.0.0.1:{port}/", status="308 Permanent"),
    canary("//127.0.0.1:{port}/"),
    canary("http://127.1:{port}/"),
    canary("http://2130706433:{port}/"),
    canary("http://0x7f000001:{port}/"),
    canary("http://0177.0.0.1:{port}/"),
    canary("http://0:{port}/"),
    canary("http://[::1]:{port}/"),
    canary("http://[::ffff:127.0.0.1]:{port}/"),
    canary("http://[::ffff:127.16.0.1]:{port}/"),
    canary("http://[64:ff9b::7f00:1]:{port}/"),
    canary("http://[2002:7f00:1::]:{port}/"),
    canary("http://169.254.169.254/latest/meta-data/"),
    canary("http://169.254.169.254:{port}/latest/meta-data/"),
    canary("http://100.100.100.200/"),
    canary("http://168.63.129.16/"),
    canary("http://192.168.1.1:8080/"),
    canary("http://10.0.0.1:9200/_search"),
    canary("http://[fd00:ec2::254]/"),
    canary("http://[fe80::1]/"),
    canary("http://224.0.0.1/"),
    canary("http://localhost:{port}/"),
    canary("http://redis:6379/"),
    canary("http://metadata.google.internal/computeMetadata/v1/"),
    canary("http://kubernetes.default.svc/api"),
    Row(name="redirect to a name with a private address", outcome="blocked_address",
        play=redirects("http://inside.example.org:{port}/"), resolves={"inside.example.org": ["10.0.0.7"]}),
    Row(name="redirect to a name that has no address", outcome="dns", play=redirects("http://nowhere.example.org/")),
    Row(name="redirect by meta refresh", outcome="not_a_feed", play=answers(
        b"<html><head><meta http-equiv=refresh content='0;url=http://127.0.0.1/'></head></html>", type_=HTML)),
    Row(name="redirect by a Refresh header", outcome="not_a_feed", play=answers(
        b"<html><body>moved</body></html>", "Refresh: 0; url=http://127.0.0.1/", type_=HTML)),
    Row(name="Content-Location and Link lead nowhere", outcome="ok", play=answers(
        FEED, "Content-Location: http://127.0.0.1/", "Link: <http://127.0.0.1/>; rel=canonical")),
    Row(name="secrets and cookies stay at home", outcome="ok", auth="editor:secret",
        headers=(("X-Api-Key", "secret"),), resolves={"other.example.org": ["{host}"]}, check=secret_stays_home,
        play=by_path(feed=redirects("/same", "302 Found", "Set-Cookie: id=1; Path=/"),
                     same=redirects("http://other.example.org:{port}/away", "302 Found", "Set-Cookie: id=2"),
                     away=answers()), seconds=DEADLINE + 12),
    Row(name="secrets do not go from https to http", outcome="ok", tls="good", url="https://{host}:{tls_port}/feed",
        auth="editor:secret", headers=(("X-Api-Key", "secret"),), check=secret_stays_home, seconds=DEADLINE + 12,
        play=by_path(feed=redirects("/same"), same=redirects("http://{host}:{port}/away"), away=answers())),
]  # fmt: skip
