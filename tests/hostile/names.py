"""Rows about addresses that editors or name servers give: names, spellings, certificates."""

# ruff: noqa: E501  # tables: a row stays together
from __future__ import annotations

from collections.abc import Sequence

from tests.hostile.row import DEADLINE, FEED, NOBODY, Asked, Row, Visit, answers, head, says

from ketfeed.model import Outcome


async def hangs(visit: Visit) -> None:
    await visit.hang()


async def nothing(visit: Visit) -> None:
    """Close."""


def refused(url: str, outcome: Outcome = "blocked_address") -> Row:
    """An address in feeds.yaml that must not be asked for; "{port}" is a canary's."""
    return Row(name=f"source {url[:70]}", outcome=outcome, url=url, seconds=4.0, sent=0)


def named(name: str, outcome: Outcome, answers_of_dns: Sequence[str], seconds: float = DEADLINE + 4) -> Row:
    """A source whose name resolves to these addresses; "{host}" is the row's own."""
    host = f"{name.lower().replace(',', '').replace(' ', '-')}.example.org"
    return Row(
        name=f"DNS: {name}",
        outcome=outcome,
        url=f"http://{host}:{{port}}/feed",
        resolves={host: answers_of_dns},
        play=answers(),
        seconds=seconds,
        check=lambda asked: "" if all(request.headers["host"].startswith(host) for request in asked) else "wrong Host",
    )


def host_is_intact(asked: Sequence[Asked]) -> str:
    return "" if [request.headers["host"].split(":")[0] for request in asked] == ["tls.example.org"] else "wrong Host"


SECURE = "https://{host}:{tls_port}/feed"

ROWS: list[Row] = [
    # what the name server says
    named("one answer", "ok", ["{host}"]),
    named("no answer", "dns", []),
    Row(name="DNS: unknown name", outcome="dns", url="http://unknown.example.org/feed", seconds=4.0),
    Row(name="DNS: name server hangs", outcome="timeout", url="http://slow.example.org/feed",
        resolves={"slow.example.org": ["hang"]}),
    Row(name="DNS: name server breaks", outcome="dns", url="http://broken.example.org/feed",
        resolves={"broken.example.org": ["fail"]}, seconds=4.0),
    named("loopback", "blocked_address", ["127.0.0.1"]),
    named("private", "blocked_address", ["192.168.0.1"]),
    named("metadata", "blocked_address", ["169.254.169.254"]),
    named("good, then private", "blocked_address", ["{host}", "10.0.0.1"]),
    named("private, then good", "blocked_address", ["10.0.0.1", "{host}"]),
    named("good, then mapped loopback", "blocked_address", ["{host}", "::ffff:127.0.0.1"]),
    named("mapped good", "blocked_address", ["::ffff:127.16.0.1"]),
    named("NAT64 private", "blocked_address", ["64:ff9b::a00:1"]),
    named("6to4 loopback", "blocked_address", ["2002:7f00:1::"]),
    named("link local with a zone", "blocked_address", ["fe80::1%lo"]),
    named("IPv6 loopback", "blocked_address", ["::1"]),
    named("unspecified", "blocked_address", ["0.0.0.0"]),
    named("broadcast", "blocked_address", ["255.255.255.255"]),
    named("words for an address", "blocked_address", ["localhost"]),
    named("a socket for an address", "blocked_address", ["/var/run/docker.sock"]),
    named("a thousand good answers", "ok", ["{host}"] * 1000),
    named("first address dead", "ok", [NOBODY, "{host}"]),
    named("rebinding", "ok", ["rebind", "{host}", "127.0.0.1"]),
    # what the editor wrote
    *(refused(url) for url in (
        "http://127.0.0.1:{port}/feed", "http://127.1:{port}/", "http://2130706433:{port}/",
        "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/", "http://0.0.0.0:{port}/", "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f10:1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
        "http://10.0.0.1:{port}/", "http://192.168.1.1/", "http://169.254.169.254/latest/", "http://100.100.100.200/",
        "http://168.63.129.16/", "http://[fd00:ec2::254]/", "http://localhost:{port}/", "http://intranet/",
        "http://printer.local/", "http://db.internal/", "http://127.15.255.255:{port}/", "http://127.17.0.0:{port}/",
    )),
    *(refused(url, "bad_url") for url in (
        "http://user:password@{host}:{port}/feed", "http://{host}:{port}@127.0.0.1/", "http://{host}\\@127.0.0.1/",
        "http://%31%32%37.0.0.1/", "http://{host}:99999/", "http://", "http:///feed", "http://a..b.org/",
        "http://{host}:{port}/a\x00b", "http://" + "a" * 300 + ".org/", "http://example.org/" + "a" * 5000,
        "http://[::1/", "not an address",
    )),
    *(refused(url, "unsupported_scheme") for url in (
        "file:///etc/passwd", "ftp://{host}/feed", "gopher://{host}:{port}/", "javascript:alert(1)",
    )),
    *(refused(url, "blocked_port") for url in ("http://{host}:22/", "http://{host}:6379/", "https://{host}:25/")),
    # certificates
    Row(name="TLS", outcome="ok", url=SECURE, tls="good", play=answers()),
    Row(name="TLS: name and Host intact", outcome="ok", url="https://tls.example.org:{tls_port}/feed", tls="good",
        play=answers(), resolves={"tls.example.org": ["{host}"]}, check=host_is_intact),
    Row(name="TLS: expired", outcome="tls", url=SECURE, tls="expired", play=answers()),
    Row(name="TLS: another host's", outcome="tls", url=SECURE, tls="other-host", play=answers()),
    Row(name="TLS: unknown issuer", outcome="tls", url=SECURE, tls="unknown-issuer", play=answers()),
    Row(name="TLS: self-signed", outcome="tls", url=SECURE, tls="self-signed", play=answers()),
    Row(name="TLS: version 1.1", outcome=("tls", "connection_error"), url=SECURE, tls="old", play=answers()),
    Row(name="TLS: plain HTTP instead", outcome="tls", url="https://{host}:{port}/feed", play=says(
        b"HTTP/1.1 400 Bad Request\r\n\r\n"), early=True),
    Row(name="TLS: garbage instead", outcome="tls", url="https://{host}:{port}/feed", play=says(bytes(500)), early=True),
    Row(name="TLS: closed in the handshake", outcome=("tls", "connection_error"), url="https://{host}:{port}/feed",
        play=nothing, early=True),
    Row(name="TLS: handshake hangs", outcome="timeout", url="https://{host}:{port}/feed", play=hangs, early=True),
    Row(name="TLS: body short", outcome="truncated", url=SECURE, tls="good",
        play=says(head("200 OK", f"Content-Length: {len(FEED)}") + FEED[:50])),
    Row(name="http on the TLS port", outcome=("protocol_error", "connection_error", "timeout"), tls="good",
        url="http://{host}:{tls_port}/feed", play=answers()),
]  # fmt: skip
