"""Addresses: absolute or nothing, without what tracks the reader, and a key for "the same page".

The parsing is the standard library's with the corrections browsers make (white space inside, backslashes).
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

import idna

_PARAMETERS = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igshid igsh li_fat_id mc_cid mc_eid
    _hsenc _hsmi __hssc __hstc __hsfp hsctatracking mkt_tok oly_anon_id oly_enc_id vero_id vero_conv _openstat
    wickedid rb_clickid s_cid s_kwcid epik irclickid srsltid guce_referrer guce_referrer_sig cmpid campaign_id
    ns_campaign ns_mchannel ns_source ns_linkname ns_fee at_medium at_campaign at_custom1 at_custom2 at_custom3
    at_custom4 xtor piwik_campaign piwik_kwd piwik_keyword pk_campaign pk_kwd pk_keyword pk_source pk_medium
    pk_content mtm_campaign mtm_keyword mtm_kwd mtm_source mtm_medium mtm_content mtm_cid mtm_group mtm_placement
    matomo_campaign matomo_keyword __twitter_impression _branch_match_id ref_src ref_url spm sc_channel
    sc_campaign echobox trk_contact trk_msg trk_module trk_sid fb_action_ids fb_action_types fb_source fb_ref
    action_object_map action_type_map action_ref_map hmb_campaign hmb_source hmb_medium ftag rss_src wt.mc_id
    wt.rss_f wt.rss_a wt.rss_ev
"""
TRACKING = frozenset(_PARAMETERS.split())
"""Query parameters that say who clicked where, never which page it is.

Source: the parameters that the vendors' own documentation names (Google Ads and Analytics, Meta, Microsoft, Matomo,
Mailchimp, HubSpot, Marketo, AT Internet, Webtrends), as also collected by the ClearURLs and AdGuard "URL tracking"
lists (their generic sections, read 2026-03). ``ref``, ``source``, ``id``, ``from`` are not here: sites use them for
content. PubMed's own are in TRACKING_PREFIXES' neighbour HOST_TRACKING.
"""

TRACKING_PREFIXES = ("utm_", "hsa_", "stm_")
"""Families: Urchin/Google Analytics, HubSpot ads, Social Traffic."""

HOST_TRACKING: dict[str, frozenset[str]] = {
    "pubmed.ncbi.nlm.nih.gov": frozenset({"fc", "ff", "v"}),  # which feed was read, when, by which version
    "medscape.com": frozenset({"src", "uac", "impid", "faf", "sso"}),
    "nytimes.com": frozenset({"partner", "emc", "smid"}),
    "youtube.com": frozenset({"si", "feature"}),
    "statnews.com": frozenset({"source"}),
    "sciencedirect.com": frozenset({"dgcid", "rss"}),
    "nature.com": frozenset({"error", "code"}),
    "tandfonline.com": frozenset({"af", "ai"}),
    "onlinelibrary.wiley.com": frozenset({"af"}),
    "journals.sagepub.com": frozenset({"ai", "ui", "af", "mi"}),
    "psychiatryonline.org": frozenset({"ai", "af", "mi", "ui"}),
    "liebertpub.com": frozenset({"ai", "af", "mi", "ui"}),
    "jamanetwork.com": frozenset({"guestaccesskey"}),
    "bbc.co.uk": frozenset({"at_bbc_team"}),
    "theguardian.com": frozenset({"cmp"}),
    "medrxiv.org": frozenset({"rss"}),
    "biorxiv.org": frozenset({"rss"}),
    "academic.oup.com": frozenset({"rss", "login"}),
}
"""Parameters that track only on these hosts (and below them); journals' platforms mark "came by RSS" with them."""

REDIRECTORS: tuple[tuple[str, str], ...] = (
    ("news.google.com", "/rss/articles/"),
    ("news.google.com", "/articles/"),
    ("news.google.com", "/__i/rss/"),
    ("news.google.com", "/news/url"),
    ("www.google.com", "/url"),
    ("google.com", "/url"),
    ("feedproxy.google.com", "/"),
    ("feeds.feedburner.com", "/~r/"),
    ("feeds.feedblitz.com", "/"),
    ("rss.feedsportal.com", "/"),
    ("go.redirectingat.com", "/"),
    ("click.icptrack.com", "/"),
    ("www.bing.com", "/news/apiclick.aspx"),
    ("bing.com", "/news/apiclick.aspx"),
    ("r.search.yahoo.com", "/"),
    ("news.yahoo.com", "/rss/"),
    ("t.co", "/"),
    ("bit.ly", "/"),
    ("ow.ly", "/"),
    ("buff.ly", "/"),
    ("tinyurl.com", "/"),
    ("lnkd.in", "/"),
    ("trib.al", "/"),
    ("dlvr.it", "/"),
    ("ift.tt", "/"),
    ("feeds.reuters.com", "/~r/"),
    ("rss.cnn.com", "/~r/"),
    ("links.govdelivery.com", "/"),
    ("lnks.gd", "/"),
)
"""Host and start of the path of addresses that only lead on; where they lead is known after a visit."""

_REDIRECTORS: dict[str, tuple[str, ...]] = {
    host: tuple(start for known, start in REDIRECTORS if known == host) for host, _ in REDIRECTORS
}
_UNSAFE = re.compile('[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff<>"{}|^`\\\\]')
_STRIP = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x1f \u00a0\u200b\u200e\u200f\ufeff"
_BREAKS = str.maketrans("", "", "\t\n\r")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_\-]{0,62}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_\-]{0,62}[a-z0-9_])?\.?", re.ASCII
)
_BARE_HOST = re.compile(r"(?:www\.)[a-z0-9\-]+(?:\.[a-z0-9\-]+)+(?:[/?#]|$)", re.IGNORECASE)


def join(base: str, address: str) -> str:
    """``address`` seen from ``base``: RFC 3986 section 5; ``address`` alone when either cannot be read."""
    address = address.strip(_STRIP).translate(_BREAKS)
    if not base:
        return address
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def absolute(address: str, base: str | None = None, limit: int = 4_096) -> str | None:
    """The address as absolute http or https, safe to put into an attribute; None when it is not one.

    ``base`` is what a relative address starts from. White space and quotes are escaped, the host is lower case and
    in its ASCII form, default ports are dropped; the rest stays as written.
    """
    if _is_simple(address, limit):
        return address
    if base and _ROOTED.fullmatch(address) and (origin := _origin(base)) and len(origin) + len(address) <= limit:
        return origin + address
    if len(address) > limit:
        address = address.strip(_STRIP).translate(_BREAKS)
        if len(address) > limit:
            return None  # nothing so long is remembered
    return _absolute(address, base, limit)


def _is_simple(address: str, limit: int) -> bool:
    return len(address) <= limit and _SIMPLE.fullmatch(address) is not None and "xn--" not in address


@lru_cache(maxsize=512)
def _origin(base: str) -> str | None:
    """Scheme and host of a base that needs no correction, else None."""
    found = _SIMPLE_ORIGIN.match(base)
    return found[0] if found and "xn--" not in base else None


@lru_cache(maxsize=256)  # the same address again is one of the same document
def _absolute(address: str, base: str | None, limit: int) -> str | None:
    address = address.strip(_STRIP).translate(_BREAKS)
    if not address or len(address) > limit:
        return None
    scheme = _SCHEME.match(address)
    if scheme and scheme.group(0)[:-1].lower() in {"http", "https"}:
        # "http:/host/x" and "http:\\host\x": browsers read both as http://host/x
        rest = address[scheme.end() :].lstrip("/\\")
        address = f"{scheme.group(0).lower()}//{rest}"
    elif address[:7].lower() == "feed://":
        address = f"http://{address[7:]}"
    elif scheme and not _looks_like_host(address):
        return None
    elif address.startswith("//") and not base:
        address = f"https:{address}"
    elif _BARE_HOST.match(address):
        address = f"https://{address}"
    elif base:
        address = join(base, address.replace("\\", "/") if "\\" in address else address)
    else:
        return None
    return _checked(address, limit)


def _looks_like_host(address: str) -> bool:
    """``example.org:8080/x`` has a colon and no scheme."""
    return re.match(r"[a-z0-9\-]+(\.[a-z0-9\-]+)+:\d{1,5}(/|$)", address, re.IGNORECASE) is not None


_SIMPLE_ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?)+(?=/)")
_SIMPLE_QUERY = r"[A-Za-z0-9_\-.~/%+,;:=@&!*'()$?]"
_SIMPLE = re.compile(
    rf"{_SIMPLE_ORIGIN.pattern}/[A-Za-z0-9_\-.~/%+,;:=@&!*'()$]*"
    rf"(?:\?{_SIMPLE_QUERY}*|(?:\?{_SIMPLE_QUERY}+)?#{_SIMPLE_QUERY}+)?"
)
"""What needs no correction: most links are so, and taking them apart costs more than all else."""

_ROOTED = re.compile(r"(?:/(?!\.)[A-Za-z0-9_\-.~]+)+/?(?:\?[A-Za-z0-9_\-.~/%+,;:=@&!*'()$?]+)?")
"""A relative address that only needs its host."""


def _checked(address: str, limit: int) -> str | None:
    if _is_simple(address, limit):
        return address
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    name = _ascii_host(host)
    if name is None:
        return None
    host = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    place = host if port is None or port == default else f"{host}:{port}"
    # A name and password in a link are never shown to a reader.
    path = _escaped(parts.path) or "/"
    if not parts.path and not parts.query and not parts.fragment:
        path = ""
    url = urlunsplit((parts.scheme, place, path, _escaped(parts.query), _escaped(parts.fragment)))
    return url if len(url) <= limit else None


def _ascii_host(host: str) -> str | None:
    """The host in lower case ASCII; None when no such host can be."""
    host = unquote(host) if "%" in host else host
    if not host.isascii() or "xn--" in host.lower():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError:  # idna.IDNAError is one
            return None
    host = host.lower()
    if ":" in host:  # IPv6, judged by urlsplit
        return host if re.fullmatch(r"[0-9a-f:.]{2,45}", host) else None
    return host if len(host) <= 253 and _HOST.fullmatch(host) else None


def _escaped(part: str) -> str:
    if part.isascii() and not _UNSAFE.search(part):
        return part
    return _UNSAFE.sub(lambda found: quote(found.group(0), safe=""), part)


def without_tracking(url: str) -> str:
    """The address without parameters of the kept lists; the others keep their order and spelling."""
    head, mark, fragment = url.partition("#")
    place, question, query = head.partition("?")
    if query:
        here = _host_tracking(place.split("/", 3)[2].split(":", 1)[0] if place.count("/") > 1 else "")
        kept = [pair for pair in query.split("&") if not _tracks(pair, here)]
        query = "&".join(kept)
    elif not mark:
        return url
    if fragment.startswith(("utm_", "xtor=", "xtor%3D", "ftag=")) or fragment in {"rss", "RSS"}:
        fragment = ""
    return f"{place}{question if query else ''}{query}{mark if fragment else ''}{fragment}"


def _tracks(pair: str, here: frozenset[str]) -> bool:
    name = pair.split("=", 1)[0].lower().removeprefix("amp;")
    return name in TRACKING or name.startswith(TRACKING_PREFIXES) or name in here


@lru_cache(maxsize=512)
def _host_tracking(host: str) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for known, parameters in HOST_TRACKING.items():
        if host == known or host.endswith(f".{known}"):
            names |= parameters
    return names


def is_redirect(url: str) -> bool:
    """True for addresses that only lead on (Google News, FeedBurner, shorteners)."""
    _, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    starts = _REDIRECTORS.get(host)
    return starts is not None and f"/{path}".startswith(starts)


_OTHER_HOSTS = ("www.", "amp.", "m.", "mobile.")
_AMP_QUERY = frozenset({"amp", "outputtype"})
_VIEW_QUERY = frozenset({"print", "share", "mobile", "m", "nocache"})
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)


def canonical(url: str) -> str:
    """A key that is equal for addresses of the same page: ``host/path?query``, not an address to visit.

    Folded are scheme, ``www.``/``m.``/``amp.``, default file, trailing slash, ``/amp``, tracking, order of
    parameters, letter case of escapes and the fragment (unless it is a route, ``#!``).
    """
    return page_key(without_tracking(url))


def page_key(url: str) -> str:
    """``canonical`` of an address that has lost its tracking already."""
    if found := _PAGE.fullmatch(url):
        host, path, query, fragment = found[1], found[2], found[3], ""
    else:
        parts = urlsplit(url)
        host = parts.netloc.lower().removesuffix(":80").removesuffix(":443").rstrip(".")
        path, query, fragment = _plain_path(parts.path), parts.query, parts.fragment
    if host.startswith(_OTHER_HOSTS):
        for prefix in _OTHER_HOSTS:
            if host.startswith(prefix) and host.count(".") > 1:
                host = host[len(prefix) :]
    path = path.rstrip("/")
    if "/index." in path or "/default." in path.lower():
        path = _INDEX.sub("", path).rstrip("/")
    if "amp" in path:
        path = _without_amp(path)
    pairs = sorted(pair for pair in query.split("&") if pair and _is_content(pair)) if query else []
    query = f"?{'&'.join(pairs)}" if pairs else ""
    route = f"#{fragment}" if fragment.startswith("!") else ""
    return f"{host}{path}{query}{route}"


_PLAIN_PATH = re.compile(r"(?:/(?!\.)[A-Za-z0-9_\-.~]+)*/?")
_PAGE = re.compile(
    rf"https?://((?:[a-z0-9\-]+\.)+[a-z0-9\-]+)({_PLAIN_PATH.pattern})(?:\?([A-Za-z0-9_\-.~/%+,;:=@&!*'()$?]*))?"
)
"""Host, path and query of an address that needs no folding of escapes and dots."""


def _plain_path(path: str) -> str:
    """The path with its escapes and dots written one way."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    path = quote(unquote(path), safe="/:@!$&'()*+,;=~-._")
    path = posixpath.normpath(path) if path.strip("/") else ""
    return f"/{path.lstrip('/')}"


def _without_amp(path: str) -> str:
    """``/news/x/amp``, ``/amp/news/x``, ``/news/x.amp.html`` → ``/news/x``."""
    for suffix in ("/amp", ".amp", "/amphtml"):
        path = path.removesuffix(suffix)
    if path.startswith("/amp/"):
        path = path[4:]
    return re.sub(r"\.amp(\.html?)$", r"\1", path)


def _is_content(pair: str) -> bool:
    name, _, value = pair.partition("=")
    name = name.lower()
    if name in _AMP_QUERY and value.lower() in {"", "1", "amp", "true"}:
        return False
    return not (name in _VIEW_QUERY and value.lower() in {"", "1", "true", "print"})
