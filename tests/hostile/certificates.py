"""Certificates good and bad, made for one run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import trustme


def make_certificates(folder: Path, hosts: Sequence[str]) -> None:
    """Write ``ca.pem`` and one PEM file (key and chain) for each kind that ``row.Tls`` names."""
    folder.mkdir(parents=True)
    ca, stranger = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    names = [*hosts, "tls.example.org"]
    past = datetime(2020, 1, 1, tzinfo=UTC)
    leaves = {
        "good": ca.issue_cert(*names),
        "expired": ca.issue_cert(*names, not_before=past, not_after=datetime(2021, 1, 1, tzinfo=UTC)),
        "other-host": ca.issue_cert("other.example.org"),
        "unknown-issuer": stranger.issue_cert(*names),
        "old": ca.issue_cert(*names),
    }
    for name, leaf in leaves.items():
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    (folder / "self-signed.pem").write_bytes(stranger.private_key_pem.bytes() + stranger.cert_pem.bytes())
