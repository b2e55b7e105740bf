"""What to write about a new source: proposals from its address and what it offers. Pure; an editor decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ketfeed.catalog.imports import free_id, propose_id
from ketfeed.model import Entry, FeedInfo, Publish, SourceKind, Tagging

JOURNALS = (
    r"(?:^|\.)(?:nature\.com|jamanetwork\.com|thelancet\.com|biomedcentral\.com|frontiersin\.org|bmj\.com|wiley\.com"
    r"|springer\.com|sciencedirect\.com|oup\.com|sagepub\.com|tandfonline\.com|lww\.com|psychiatryonline\.org"
    r"|plos\.org|mdpi\.com|cell\.com|nejm\.org|cambridge\.org|karger\.com)$"
)
KIND_OF_HOST: tuple[tuple[str, SourceKind], ...] = (
    (r"(?:^|\.)(?:youtube\.com|vimeo\.com)$", "video"),
    (r"(?:^|\.)(?:medrxiv|biorxiv|arxiv|psyarxiv|preprints|ssrn)\.(?:org|com)$", "preprint"),
    (r"(?:^|\.)(?:clinicaltrials\.gov|clinicaltrialsregister\.eu|isrctn\.com)$", "registry"),
    (r"(?:^|\.)(?:pubmed\.ncbi\.nlm\.nih\.gov|europepmc\.org|news\.google\.com|bing\.com)$", "search"),
    (
        r"(?:^|\.)(?:prnewswire|globenewswire|businesswire|eurekalert|accesswire|newswire)\.(?:com|org)$",
        "press-release",
    ),
    (r"(?:^|\.)(?:reddit\.com|lemmy\.[a-z]+|stackexchange\.com)$", "community"),
    (r"(?:^|\.)(?:gov|gov\.[a-z]{2}|europa\.eu|who\.int|mil)$", "agency"),
    (r"(?:^|\.)(?:edu|ac\.[a-z]{2}|edu\.[a-z]{2})$", "university"),
    (JOURNALS, "journal"),
    (r"(?:^|\.)(?:substack|medium|blogspot|wordpress)\.com$", "opinion"),
)
PROVIDER_WORDS = re.compile(
    r"clinic|infusion|wellness|(?:ketamine|mental)[a-z]*cent(?:er|re)|therapycent", re.IGNORECASE
)
LINK_ONLY: frozenset[SourceKind] = frozenset({"search", "community"})
PUBLIC_DOMAIN = re.compile(r"(?:^|\.)(?:gov|mil)$")  # works of the United States' government: 17 U.S.C. § 105
ALWAYS_FROM = 5  # entries; a topic of fewer may be chance


@dataclass(frozen=True, slots=True)
class Proposal:
    """What ``ketfeed sources add`` proposes; every value may be changed by the editor."""

    id: str
    title: str
    homepage: str | None
    kind: SourceKind
    topics: tuple[str, ...]  # only those every entry has: they would be given to every later one
    publish: Publish
    language: str | None


def propose(
    url: str, info: FeedInfo, entries: Sequence[Entry], taggings: Sequence[Tagging], taken: set[str]
) -> Proposal:
    """Proposals for a source at ``url`` that said ``info`` and brought ``entries``."""
    title = info.title or host_of(url)
    kind = propose_kind(url, info, entries)
    return Proposal(
        id=free_id(propose_id(title, url), taken),
        title=title,
        homepage=info.homepage,
        kind=kind,
        topics=_always(taggings),
        publish="link" if kind in LINK_ONLY else "full" if PUBLIC_DOMAIN.search(host_of(url)) else "summary",
        language=info.language,
    )


def propose_kind(url: str, info: FeedInfo, entries: Sequence[Entry]) -> SourceKind:
    """Kind from the host, then from what the entries carry; ``news`` when nothing speaks."""
    host = host_of(url)
    for pattern, kind in KIND_OF_HOST:
        if re.search(pattern, host):
            return kind
    if PROVIDER_WORDS.search(host):
        return "provider"
    media = [enclosure.type or "" for entry in entries for enclosure in entry.enclosures]
    half = max(1, len(entries) // 2)
    if sum(one.startswith("audio/") for one in media) >= half:
        return "podcast"
    if sum(one.startswith("video/") for one in media) >= half:
        return "video"
    papers = sum(any(one.startswith(("doi:", "pmid:")) for one in entry.identifiers) for entry in entries)
    if papers >= half:
        return "journal"
    return "page" if info.format == "page" else "news"


def host_of(url: str) -> str:
    """Host of an address without ``www.``; empty when it has none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _always(taggings: Sequence[Tagging]) -> tuple[str, ...]:
    if len(taggings) < ALWAYS_FROM:
        return ()
    shared = set.intersection(*({match.topic for match in tagging.matches} for tagging in taggings))
    return tuple(match.topic for match in taggings[0].matches if match.topic in shared)
