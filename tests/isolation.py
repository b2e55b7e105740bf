"""A network that has nothing but a loopback interface, for this process and its children.

A broken guard must not be able to send one packet to a real private or metadata address. So the tests do not trust the
guard: they leave the machine's network for a namespace of their own (Linux; root, or user namespaces permitted).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1


def is_isolated() -> bool:
    """Whether this process sees a loopback interface and nothing else (tunnels the kernel adds by itself are down)."""
    if not sys.platform.startswith("linux"):
        return False
    return all(name == "lo" or not _is_up(name) for _, name in socket.if_nameindex()) and not _has_route()


def isolate(*, again: bool = False) -> str:
    """Enter an empty network, once; returns why that is impossible, or an empty string.

    ``again``: leave even an isolated network for a fresh one.
    """
    if not sys.platform.startswith("linux"):
        return "network namespaces need Linux"
    if is_isolated() and not again:
        return ""
    try:
        _unshare(CLONE_NEWNET)
    except OSError:
        try:
            _unshare_as_user()
        except OSError as error:
            return f"no network namespace may be made here ({error.strerror})"
    _bring_loopback_up()
    return "" if is_isolated() else "the new network namespace is not empty"


def every_address_is_ours() -> None:
    """Let every IPv4 and IPv6 address there is arrive at this machine's sockets, so that a canary can hear them all."""
    if not is_isolated():
        raise RuntimeError("not in a network of our own")
    for family in (socket.AF_INET, socket.AF_INET6):
        _add_local_default_route(family)


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _unshare_as_user() -> None:
    uid, gid = os.getuid(), os.getgid()
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _flags(sock: socket.socket, name: str) -> int:
    request = struct.pack("16sh14x", name.encode(), 0)
    return int(struct.unpack("16sh14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1])


def _is_up(name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return bool(_flags(sock, name) & IFF_UP)


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        flags = _flags(sock, "lo") | IFF_UP
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


def _has_route() -> bool:
    lines = Path("/proc/self/net/route").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[0] != "lo" for line in lines)


def nobody_is_at(address: str) -> None:
    """Let connecting to this IPv4 address fail at once."""
    to = struct.pack("HH4s", 8, RTA_DST, socket.inet_aton(address))
    _add_route(socket.AF_INET, 32, RTN_UNREACHABLE, to)


def _add_local_default_route(family: int) -> None:
    """``ip route add local default dev lo``."""
    _add_route(family, 0, RTN_LOCAL, struct.pack("HHi", 8, RTA_OIF, socket.if_nametoindex("lo")))


RTN_LOCAL, RTN_UNREACHABLE, RTA_DST, RTA_OIF = 2, 7, 1, 4


def _add_route(family: int, bits: int, kind: int, attributes: bytes) -> None:
    """Speak to the kernel directly: iproute2 is not everywhere."""
    rtm_newroute, ack_create = 24, 0x1 | 0x4 | 0x400  # NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
    table_local, proto_boot, scope_host = 255, 3, 254
    route = struct.pack("BBBBBBBBI", family, bits, 0, 0, table_local, proto_boot, scope_host, kind, 0) + attributes
    header = struct.pack("IHHII", 16 + len(route), rtm_newroute, ack_create, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(header + route)
        reply = netlink.recv(4096)
    error = struct.unpack_from("i", reply, 16)[0]
    if error and -error != errno.EEXIST:
        raise OSError(-error, os.strerror(-error))
