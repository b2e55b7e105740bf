"""What kind of thing an entry is: research, news, guide ... decided by votes, each of which is a reason.

    the source's kind      a registry publishes trial records                                      SOURCE_VOTES
    the address            /trials/, youtube.com, .../podcast/                                     HOST_VOTES
    the words              "randomised", "announces", "our clinic", found by the tagger's automaton    KIND_CUES
    the structure          an audio enclosure, a DOI

The votes are added up; the kind with the most wins, the earlier of ENTRY_KINDS on a tie, "news" without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ketfeed.model import ENTRY_KINDS, Entry, EntryKind, Source, SourceKind

Vote = tuple[EntryKind, float]

SOURCE_VOTES: Mapping[SourceKind, tuple[Vote, ...]] = {
    "registry": (("trial-record", 3.0),),
    "preprint": (("preprint", 3.0),),
    "journal": (("research", 1.5),),
    "database": (("research", 1.2),),
    "press-release": (("press-release", 2.0),),
    "opinion": (("opinion", 1.2),),
    "video": (("video", 3.0),),
    "podcast": (("podcast", 3.0),),
    "provider": (("provider", 1.2),),
    "news": (("news", 0.5),),
    "trade": (("news", 0.5),),
    "university": (("news", 0.3),),
    "agency": (("news", 0.3),),
    "community": (("opinion", 0.8),),
}
"""What the editors said of the source; strong only where a source publishes nothing else."""

_SOURCE_VOTES: Mapping[SourceKind, tuple[tuple[EntryKind, float, str], ...]] = {
    source: tuple((kind, weight, f"source is {source}") for kind, weight in votes)
    for source, votes in SOURCE_VOTES.items()
}

_RESEARCH_HOSTS = (
    "pubmed|ncbi\\.nlm|europepmc|nature\\.com|sciencedirect|springer|wiley|frontiersin|mdpi|jamanetwork|nejm|thelancet"
    "|bmj\\.com|cambridge\\.org|oup\\.com|academic\\.oup|tandfonline|sagepub|psychiatryonline|elsevier|plos|karger"
    "|biomedcentral|semanticscholar|scholar|researchgate|repository|pure\\.|doaj|dntb|jci\\.org|pnas|cell\\.com"
    "|science\\.org|acs\\.org|hindawi|thieme|cureus|lww\\.com|openscience|distantreader|booksc|scielo|core\\.ac"
)

_PODCAST_HOSTS = r"podcasts?\.|spotify|soundcloud|libsyn|buzzsprout|podbean|simplecast|megaphone"
_PROVIDER_HOSTS = (
    r"ketamin|clinic|infusion|wellness|paincent|painmanag|spine|tms|therap(y|ies)|healing|medicalcenter|medspa"
    r"|psychiatr(y|ic)[^/]*\.(com|net|clinic)|treatment"
)
_NEWS_HOSTS = (
    r"news|times|post|herald|tribune|gazette|journal|daily|bbc|cnn|reuters|apnews|guardian|telegraph|radio|press|today"
    r"|stat|fierce|becker"
)

_REGISTRY_HOSTS = (
    r"clinicaltrials|clinicaltrialsregister|isrctn|anzctr|chictr|drks|euclinicaltrials|trialsearch|trials\.(co|org)"
    r"|ichgcp|centerwatch|trialbulletin"
)
_RELEASE_HOSTS = r"prnewswire|businesswire|globenewswire|newswire|accesswire|einpresswire|prweb|presseportal"

_HOSTS: tuple[tuple[str, EntryKind, float], ...] = (
    (r"(medrxiv|biorxiv|psyarxiv|preprints|researchsquare|ssrn)\.", "preprint", 3.0),
    (_REGISTRY_HOSTS, "trial-record", 3.0),
    (_RESEARCH_HOSTS, "research", 1.5),
    (r"doi\.org", "research", 1.5),
    (r"youtube|youtu\.be|vimeo|(^|\.)ted\.com|rumble|dailymotion|twitch", "video", 3.0),
    (_PODCAST_HOSTS, "podcast", 3.0),
    (_RELEASE_HOSTS, "press-release", 2.5),
    (_PROVIDER_HOSTS, "provider", 0.7),
    (_NEWS_HOSTS, "news", 0.5),
)
"""Hosts that carry one kind of thing."""

HOST_VOTES = tuple((re.compile(pattern), kind, weight) for pattern, kind, weight in _HOSTS)

_PATHS: tuple[tuple[str, EntryKind, float], ...] = (
    (r"/(?:trials?|clinical-trials?|study/NCT\d+)(?=[-/])", "trial-record", 1.6),
    (r"NCT\d{8}", "trial-record", 1.6),
    (r"/(?:papers?|publications?|doi|articles?/PMC\d+|abstract|pubmed|article-abstract)/", "research", 1.0),
    (r"/(?:videos?|watch|webinars?)[/?]", "video", 1.6),
    (r"/(?:podcasts?|episodes?)/", "podcast", 1.6),
    (r"/(?:press-releases?|news-releases?|pressemitteilung)[/-]", "press-release", 2.0),
    (r"/(?:opinion|op-ed|editorials?|commentary|columnists?)[/-]", "opinion", 1.8),
    (r"/(?:drug-safety|medwatch|human-drug-compounding|recalls?)[^/]*", "safety-alert", 2.0),
    (r"/(?:guidelines?|consensus|practice-parameters?)[/-]", "guideline", 1.0),
    (r"/(?:conditions?|services?|treatments?|what-we-treat|ketamine-(?:treatment|therapy|infusions?))(?=/|$)",
     "provider", 0.7),
    (r"/(?:faqs?|learn|how-to|what-is|guide)[-/]", "guide", 0.8),
    (r"/(?:news|story|stories|article|politics|business|entertainment)/", "news", 0.4),
)  # fmt: skip
"""The words publishers put in paths. Each kind votes once."""

_PATH = re.compile("|".join(f"({pattern})" for pattern, _, _ in _PATHS), re.IGNORECASE)
_AFTER_SLASH = re.compile(
    "/(?:" + "|".join(f"({pattern[1:] if pattern[0] == '/' else '(?!)'})" for pattern, _, _ in _PATHS) + ")",
    re.IGNORECASE,
)
"""The same without what needs no slash: searching leaps from slash to slash."""


@lru_cache(maxsize=1024)
def _host_votes(host: str) -> tuple[tuple[EntryKind, float, str], ...]:
    return tuple(
        (kind, weight, f"address: {found.group(0)}")
        for pattern, kind, weight in HOST_VOTES
        for found in (pattern.search(host),)
        if found
    )


def _cues(kind: EntryKind, weight: float, title: float, phrases: str) -> dict[str, tuple[EntryKind, float, float]]:
    return {phrase.strip(): (kind, weight, title) for phrase in phrases.split("|")}


KIND_CUES: Mapping[str, tuple[EntryKind, float, float]] = {
    # phrase → (kind, votes in summary or content, votes in the title)
    **_cues("research", 0.7, 1.0, (
        "randomized|randomised|placebo-controlled|double-blind|open-label|cohort|retrospective|"
        "prospective|in mice|in rats|mice|rats|rodent*|we aimed|we conducted|secondary analysis|"
        "post hoc|pilot study|case report|case series|pilot trial|noninferiority|non-inferiority|"
        "crossover|cross-sectional|proof-of-concept|pharmacokinetic*|doi|et al|participants were|"
        "dose-response|dose-finding|patients were randomized|preclinical|biomarker*|neuroimaging|fmri|"
        "electrophysiolog*|statistically significant|odds ratio|confidence interval|hazard ratio|"
        "background methods|methods results|study protocol|original article|journal paper|paper in"
    )),
    **_cues("research", 0.2, 0.6, (
        "effect of|effects of|efficacy|versus|vs|associated with|association between|modulat*|mechanism*|"
        "role of"
    )),
    **_cues("review", 1.2, 1.6, (
        "systematic review|meta-analysis|meta-analyses|scoping review|narrative review|literature review|"
        "umbrella review|review of the literature|this review|a review of|cochrane review|"
        "network meta-analysis"
    )),
    **_cues("guideline", 1.2, 1.8, (
        "consensus guideline*|consensus statement|clinical practice guideline*|practice guideline*|"
        "position statement|guidelines for|guideline for|guidance for|recommendations for clinicians|"
        "expert consensus|technology appraisal"
    )),
    **_cues("trial-record", 1.3, 1.3, (
        "recruiting|nct|clinicaltrials gov|registered trial|trial registration|trial record|"
        "not yet recruiting|estimated completion|primary outcome measure*|sponsored by|study to evaluate|"
        "a study of|trial outcomes"
    )),
    **_cues("preprint", 1.5, 1.5, (
        "preprint|not peer reviewed|has not been peer-reviewed|medrxiv|biorxiv|psyarxiv"
    )),
    **_cues("press-release", 0.9, 1.2, (
        "press release|news release|prnewswire|pr newswire|globe newswire|business wire|"
        "forward-looking statements|nasdaq|tsx|otcqb|nyse|cse|today announced|is pleased to announce|"
        "announces|announced today|provides update|announces update|reports second quarter|"
        "reports third quarter|reports first quarter|corporate update|financial results|reports q*"
    )),
    **_cues("opinion", 1.3, 1.5, (
        "movie review|film review|book review|opinion|op-ed|editorial|letter to the editor|commentary|"
        "perspective|viewpoint|columnist|column|"
        "i believe|my experience|my story|why i|blogger|a blog|an entertainment blog|a columnist|"
        "physician argues|argues|comments on|personal essay|essay|argues that|"
        "interview with|q&a with|confessions"
    )),
    **_cues("guide", 0.6, 1.4, (
        "paradigm shift|prescribing information|enrollment|directory explains|the guide|explainer|what is|"
        "what are|how to|how do|how does|what you should know|what to know|"
        "everything you need to know|guide to|a guide|faq|frequently asked questions|tips for|"
        "symptoms causes|causes symptoms|explained|overview of|signs of|ways to|what to expect|"
        "understanding|should you|benefits of|myths|questions to ask"
    )),
    **_cues("video", 0.5, 1.4, (
        "video|webinar|watch|talk summary|documentary|youtube|vlog|ted talk"
    )),
    **_cues("podcast", 1.8, 1.8, (
        "podcasts|podcast episode|podcast page|podcast conversation|a podcast|this episode|new episode|"
        "our podcast|listen to|our host"
    )),
    **_cues("provider", 1.3, 0.7, (
        "provider spotlight|our clinic|our patients|we offer|we provide|our team|our providers|schedule a consultation|"
        "book an appointment|book a consultation|free consultation|contact us|call us|a clinic|clinic page|"
        "clinic offers|clinic describes|clinic explains|the clinic|a pain practice|the practice offers|"
        "infusion center|at our|new patients|treatment center|a provider|providers page|a practice|"
        "a seller|pain center|wellness center"
    )),
    **_cues("safety-alert", 1.6, 1.8, (
        "safety alert|drug safety communication|recall|recalls|warning letter|black box warning|"
        "boxed warning|safety update|fda warns|fda alerts|alerts health care professionals|medwatch|"
        "pharmacovigilance|safety communication|mhra warns"
    )),
    **_cues("news", 0.5, 0.7, (
        "says|said|told|reports|reported|announced|approves|approved|police|court|lawsuit|sentenced|"
        "charged|pleaded guilty|pleads guilty|minister|senator|governor|lawmakers|officials|"
        "researchers say|new study|study finds|scientists|startup|opens|closes|raises|shares|stock|"
        "sales|mayor|spokesperson|prosecutors|the president|interview"
    )),
}  # fmt: skip
"""Words and phrases that vote. Headlines speak of "effects of" where papers do; bodies use it for anything."""


_OPENING_RULES: tuple[tuple[str, EntryKind, float], ...] = (
    (r"(?:editorial|opinion|commentary|letter|viewpoint|perspective|op-ed|column)\b", "opinion", 3.0),
    (r"(?:a |systematic |narrative )?review\b(?=\s*:| of\b)", "review", 1.6),
    (r"(?:watch|video)\b\s*:", "video", 2.0),
    (r"(?:podcast|episode|ep)\b\s*[:#\d]|e\d{2,4}\s", "podcast", 2.0),
    (r"(?:how to|what is|what are|what you|what to|why you|\d+ (?:things|ways|tips))\b", "guide", 0.6),
)
_OPENING = re.compile("|".join(f"({pattern})" for pattern, _, _ in _OPENING_RULES), re.IGNORECASE)
"""How titles open."""


def address_votes(entry: Entry) -> list[tuple[EntryKind, float, str]]:
    """Votes of the entry's address and enclosures, each with its reason."""
    votes: list[tuple[EntryKind, float, str]] = []
    if entry.link:
        host, _, path = entry.link.partition("://")[2].partition("/")
        votes += _host_votes(host.lower())
        seen: list[EntryKind] = []
        pattern = _PATH if "nct" in path.lower() else _AFTER_SLASH
        for found in pattern.finditer(f"/{path}"):
            _, kind, weight = _PATHS[(found.lastindex or 1) - 1]
            if kind not in seen:
                seen.append(kind)
                votes.append((kind, weight, f"address: {found.group(0)[:60]}"))
    for enclosure in entry.enclosures:
        media = (enclosure.type or "").partition("/")[0]
        if media == "audio":
            votes.append(("podcast", 2.5, f"enclosure: {enclosure.type}"))
        elif media == "video":
            votes.append(("video", 2.5, f"enclosure: {enclosure.type}"))
    return votes


def decide_kind(
    entry: Entry, source: Source, cues: Iterable[tuple[str, bool]], identifiers: tuple[str, ...]
) -> tuple[EntryKind, tuple[str, ...]]:
    """The kind with the most votes and the reasons for it, strongest first.

    ``cues`` are the phrases of KIND_CUES that stand in the entry, with whether in the title; each votes once.
    """
    votes = [*_SOURCE_VOTES.get(source.kind, ()), *address_votes(entry)]
    opening = _OPENING.match(entry.title)
    if opening:
        _, kind, weight = _OPENING_RULES[(opening.lastindex or 1) - 1]
        votes.append((kind, weight, f"title opens: {opening.group(0).strip()}"))
    for phrase, in_title in cues:
        kind, weight, title_weight = KIND_CUES[phrase]
        votes.append((kind, title_weight if in_title else weight, f"{'title' if in_title else 'text'}: {phrase}"))
    if identifiers and any(identifier.startswith(("doi:", "pmid:", "pmcid:")) for identifier in identifiers):
        votes.append(("research", 0.8, "has an identifier of a paper"))
    if not votes:
        return "news", ("nothing says otherwise",)
    return _count(tuple(votes))


@lru_cache(maxsize=1024)
def _count(votes: tuple[tuple[EntryKind, float, str], ...]) -> tuple[EntryKind, tuple[str, ...]]:
    """The kind with the most votes and its reasons; most entries of a source have the same votes."""
    totals: dict[EntryKind, float] = {}
    for kind, weight, _ in votes:
        totals[kind] = totals.get(kind, 0.0) + weight
    paper = totals.get("research", 0.0)
    for special in _DETAILS:
        if totals.get(special, 0.0) >= 1.2:
            totals[special] += paper
    best = max(totals, key=lambda kind: (totals[kind], -_ORDER[kind])) if len(totals) > 1 else votes[0][0]
    reasons = [vote for vote in votes if vote[0] == best]
    if len(reasons) > 1:
        reasons.sort(key=_by_weight)
    return best, tuple([reason for _, _, reason in reasons[:5]])


def _by_weight(vote: tuple[EntryKind, float, str]) -> float:
    return -vote[1]


_DETAILS: tuple[EntryKind, ...] = ("review", "preprint", "trial-record")
"""Research told in more detail: votes for research count for them too."""

_ORDER = {kind: number for number, kind in enumerate(ENTRY_KINDS)}
