"""What must not be reached, as tables: networks, names and ports, each with the registry that says so.

Everything outside global unicast is denied first (guard.py); the networks here are the holes inside it.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

DENIED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        # IANA IPv4 Special-Purpose Address Registry
        ("0.0.0.0/8", "this network (RFC 791)"),
        ("10.0.0.0/8", "private use (RFC 1918)"),
        ("100.64.0.0/10", "shared address space (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("169.254.0.0/16", "link local and cloud metadata (RFC 3927)"),
        ("172.16.0.0/12", "private use (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments and cloud metadata (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.31.196.0/24", "AS112 sink (RFC 7535)"),
        ("192.52.193.0/24", "multicast tunnels (RFC 7450)"),
        ("192.88.99.0/24", "6to4 relays, withdrawn (RFC 7526)"),
        ("192.168.0.0/16", "private use (RFC 1918)"),
        ("192.175.48.0/24", "AS112 sink (RFC 7534)"),
        ("198.18.0.0/15", "benchmarking (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("240.0.0.0/4", "reserved and broadcast (RFC 1112)"),
        # services of cloud providers on public numbers, answered only inside the provider's network
        ("168.63.129.16/32", "cloud metadata (Azure)"),
        ("192.80.8.124/32", "cloud metadata (Equinix Metal)"),
        ("161.26.0.0/16", "cloud services (IBM)"),
        ("166.8.0.0/14", "cloud services (IBM)"),
        ("199.36.153.0/24", "cloud services (Google private access)"),
    )
)

GLOBAL_V6 = IPv6Network("2000::/3")
"""Global unicast (RFC 4291 section 2.4); everything outside it is denied."""

DENIED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        # IANA IPv6 Special-Purpose Address Registry, the part inside 2000::/3
        ("2001::/23", "protocol assignments: Teredo, benchmarking, ORCHID (RFC 2928)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4 (RFC 3056)"),
        ("2620:4f:8000::/48", "AS112 sink (RFC 7534)"),
        ("3ffe::/16", "6bone, returned (RFC 3701)"),
        ("3fff::/20", "documentation (RFC 9637)"),
    )
)

EMBEDDING_V6: tuple[tuple[IPv6Network, int, str], ...] = tuple(
    (IPv6Network(network), shift, reason)
    for network, shift, reason in (
        # prefix, bits to the right of the embedded IPv4 address, name
        ("::/96", 0, "IPv4-compatible (RFC 4291)"),
        ("::ffff:0:0/96", 0, "IPv4-mapped (RFC 4291)"),
        ("::ffff:0:0:0/96", 0, "IPv4-translated (RFC 2765)"),
        ("64:ff9b::/96", 0, "NAT64 (RFC 6052)"),
        ("64:ff9b:1::/96", 0, "NAT64, local use (RFC 8215)"),
        ("2002::/16", 80, "6to4 (RFC 3056)"),
        ("2001::/32", 64, "Teredo server (RFC 4380)"),
    )
)
"""Forms that carry an IPv4 address. All are denied; where an exception covers one, the IPv4 address is judged too."""

ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""First half of an interface identifier whose second half is an IPv4 address (RFC 5214 section 6.1)."""

SPECIAL_NAMES = frozenset({
    # IANA Special-Use Domain Names, and names used inside networks. ``test``, ``example`` and ``invalid`` are left
    # out: they have no address anywhere, so the lookup says ``dns``, which is what an editor needs to read.
    "alt", "arpa", "consul", "corp", "docker", "domain", "home", "i2p", "internal", "intra", "intranet", "kubernetes",
    "lan", "local", "localdomain", "localhost", "mail", "onion", "private", "svc", "workgroup",
})  # fmt: skip
"""Last labels of names that mean something only inside a network (RFC 6761, 6762, 7686, 8375, 9476; ICANN)."""

METADATA_NAMES = frozenset({
    "metadata.google.internal", "metadata.goog", "metadata.tencentyun.com", "metadata.platformequinix.com",
    "metadata.packet.net", "api.metadata.cloud.ibm.com",
})  # fmt: skip
"""Names of metadata services under public suffixes."""

BAD_PORTS = frozenset({
    # WHATWG Fetch, "bad port"
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    # databases, remote desktops and cluster controls: text sent there can be read as a command
    445, 1433, 1521, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5900, 6379, 6443, 10250, 11211, 27017,
})  # fmt: skip
"""Ports of other protocols."""
