"""Names of time zones in feeds → minutes east of Greenwich.

RFC 822 section 5.1 knows UT, GMT and eight American names; the rest is what feeds write. Where a name has several
meanings the one seen in feeds is taken: BST is British Summer Time (not Bangladesh), IST is India (not Israel or
Ireland), CST is US Central (not China), EST is US Eastern (not Australia), AST is Atlantic, MST is US Mountain.
Military letters are UTC: RFC 2822 section 4.3 says that RFC 822 had them wrong, so they mean nothing.
"""

from __future__ import annotations

from typing import Final

ZONES: Final[dict[str, int]] = {
    # Greenwich
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "uct": 0, "azost": 0,
    # America
    "nst": -210, "ndt": -150, "ast": -240, "adt": -180, "est": -300, "edt": -240, "et": -300, "cst": -360,
    "cdt": -300, "ct": -360, "mst": -420, "mdt": -360, "mt": -420, "pst": -480, "pdt": -420, "pt": -480,
    "akst": -540, "akdt": -480, "hst": -600, "hdt": -540, "hast": -600, "hadt": -540, "sst": -660,
    "brt": -180, "brst": -120, "art": -180, "clt": -240, "clst": -180, "cot": -300, "pet": -300, "vet": -240,
    "bot": -240, "gyt": -240, "uyt": -180, "ect": -300, "pyt": -240, "pyst": -180, "fkt": -240, "gft": -180,
    # Europe
    "bst": 60, "west": 60, "cet": 60, "met": 60, "mez": 60, "cest": 120, "mest": 120, "mesz": 120, "mewt": 60,
    "eet": 120, "eest": 180, "msk": 180, "msd": 240, "trt": 180, "samt": 240, "fet": 180, "set": 60, "swt": 60,
    "fwt": 60, "fst": 120, "hnec": 60,
    # Africa
    "cat": 120, "eat": 180, "wat": 60, "wast": 120, "sast": 120,
    # Asia
    "ist": 330, "idt": 180, "pkt": 300, "npt": 345, "irst": 210, "irdt": 270, "gst": 240, "azt": 240, "get": 240,
    "amt": -240, "uzt": 300, "yekt": 300, "omst": 360, "novt": 420, "krat": 420, "irkt": 480, "yakt": 540,
    "vlat": 600, "magt": 660, "pett": 720, "ict": 420, "wib": 420, "wita": 480, "wit": 540, "hkt": 480, "sgt": 480,
    "myt": 480, "pht": 480, "phst": 480, "jst": 540, "kst": 540, "cct": 390, "mmt": 390, "slst": 330, "bdt": 360,
    "btt": 360, "almt": 360, "ulat": 480, "bnt": 480,
    # Australia, Pacific
    "awst": 480, "acst": 570, "acdt": 630, "aest": 600, "aedt": 660, "aet": 600, "nzst": 720, "nzdt": 780, "nzt": 720,
    "chst": 600, "fjt": 720, "tot": 780, "pgt": 600, "lhst": 630,
    # written out
    "eastern": -300, "central": -360, "mountain": -420, "pacific": -480,
}  # fmt: skip
"""Lower-case name → minutes."""
