"""Dates as feeds write them become aware UTC, or None: never a guess that does not round-trip.

Read are, in this order: RFC 3339 / ISO 8601 (also week-less shortened forms and a space for the T), epoch seconds and
milliseconds, RFC 822 with named zones, words in the main European languages, and all-number forms.
``03/04/2021`` is decided by the other dates of the same document or its language (``Order``), else it is None.
feedparser is not asked: it turns ``2020/1/10`` into November.

Everything here is linear in the text, bounded to MAX_TEXT characters, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from ketfeed.ingest.zones import ZONES

Order = Literal["day", "month"]
"""What comes first in ``03/04/2021``."""

MAX_TEXT = 120
"""Characters of a date; more is not a date."""

EARLIEST, LATEST = 1970, 2100
"""Years a feed's entry can have; 0000, 0001 and 9999 are empty fields of databases."""

_MONTHS = (
    # January
    (
        "january jan januar jänner jän janvier janv enero ene gennaio gen janeiro januari januarie stycznia "
        "styczeń sty ledna leden января январь янв ianuarie ian tammikuuta tammikuu ocak oca januára január "
        "ιανουαρίου ιαν"
    ),
    # February
    (
        "february feb februar febr février fevrier févr fevr fév fev febrero febbraio fevereiro februari lutego "
        "luty lut února únor února февраля февраль фев februarie helmikuuta helmikuu şubat şub február φεβρουαρίου "
        "φεβ feber"
    ),
    # March
    (
        "march mar märz maerz mär mrz mars marzo março marco maart mrt marca marzec března březen марта март мар "
        "martie maaliskuuta maaliskuu mart március μαρτίου μαρ marts"
    ),
    # April
    (
        "april apr avril avr abril abr aprile kwietnia kwiecień kwi dubna duben апреля апрель апр aprilie "
        "huhtikuuta huhtikuu nisan nis április απριλίου απρ"
    ),
    # May
    "may mai mayo maggio mag maio mei maj maja května květen мая май toukokuuta toukokuu mayıs május μαΐου μαϊ",
    # June
    (
        "june jun juni juin junio giugno giu junho czerwca czerwiec cze června červen июня июнь июн iunie iun "
        "kesäkuuta kesäkuu haziran haz június ιουνίου ιουν"
    ),
    # July
    (
        "july jul juli juillet juil julio luglio lug julho lipca lipiec lip července červenec июля июль июл iulie "
        "iul heinäkuuta heinäkuu temmuz tem július ιουλίου ιουλ"
    ),
    # August
    (
        "august aug août aout agosto ago augustus sierpnia sierpień sie srpna srpen августа август авг elokuuta "
        "elokuu ağustos ağu augusztus αυγούστου αυγ augusti"
    ),
    # September
    (
        "september sep sept septembre septiembre setiembre settembre set setembro września wrzesień wrz září "
        "сентября сентябрь сен сент septembrie syyskuuta syyskuu eylül eyl szeptember σεπτεμβρίου σεπ"
    ),
    # October
    (
        "october oct oktober okt octobre octubre ottobre ott outubro out października październik paź října říjen "
        "октября октябрь окт octombrie lokakuuta lokakuu ekim eki október οκτωβρίου οκτ"
    ),
    # November
    (
        "november nov novembre noviembre novembro listopada listopad lis listopadu ноября ноябрь ноя нояб "
        "noiembrie noi marraskuuta marraskuu kasım kas νοεμβρίου νοε"
    ),
    # December
    (
        "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro grudnia grudzień gru "
        "prosince prosinec декабря декабрь дек decembrie joulukuuta joulukuu aralık ara δεκεμβρίου δεκ desember "
        "des"
    ),
)
MONTHS: dict[str, int] = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
"""Month names and abbreviations in lower case: English, German (Austria too), French, Spanish, Italian, Portuguese,
Dutch, Danish, Swedish, Norwegian, Finnish, Polish, Czech, Romanian, Hungarian, Turkish, Greek, Russian. A name two
languages give to different months is left out."""

for _ambiguous in ("lip", "lis", "listopad"):  # Croatian listopad is October, Polish and Czech November
    MONTHS.pop(_ambiguous, None)

_ZONE = (
    r"(?:\s*(?P<zone>z|(?:(?:gmt|utc?)\s*)?[+\-\u2212]\s*\d{1,2}(?::?\d{2}(?::?\d{2})?)?"
    r"|[a-z]{1,5}(?:/[a-z_]+)?|\([a-z ]{1,40}\))?)?"
)
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))?(?:[:.](?P<second>\d{2}))?(?:[.,]\d{1,9})?"
    r"(?:\s*(?P<half>[ap])\.?\s?m\.?(?![a-z]))?"
)
_ISO = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d{2})(?:-?(?P<day>\d{2}))?)?"
    r"(?:(?:\s*[t_ ]\s*)(?P<hour>\d{1,2})(?::?(?P<minute>\d{2}))?(?::?(?P<second>\d{2}))?(?:[.,]\d{1,12})?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?" + _ZONE + r")?"
)
_ORDINAL = re.compile(r"(?P<year>\d{4})-(?P<days>\d{3})(?:t.*)?")
_WEEK = re.compile(r"(?P<year>\d{4})-?w(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?(?:t.*)?")
_EPOCH = re.compile(r"(\d{9,10})(\d{3})?(?:\.\d+)?")
_PACKED = re.compile(
    r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})" + _ZONE
)
_NUMBERS = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./\-])\s?(?P<b>\d{1,2})(?P=sep)\s?(?P<c>\d{4}|\d{2})\.?(?:(?:,|\s|t|\s-\s|\s–\s|\sat|\sum|\sà)*\s*"
    + _CLOCK
    + _ZONE
    + r")?"
)
_WORD = re.compile(r"[^\W\d_]+")
_YEAR_LAST_CLOCK = re.compile(_CLOCK + _ZONE)
_DAY_MONTH = re.compile(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|ª|°|\.|-[aáeé]n?\b)?[\s\-./,]*(?:de\s|of\s|d')?(?P<name>[^\W\d_]{3,14})\.?"
    r"(?:[\s\-./,']*(?:de\s|del\s)?(?P<year>\d{4}|\d{2})(?!\s?[:h]\d)\b)?"
)
_MONTH_DAY = re.compile(
    r"(?P<name>[^\W\d_]{3,14})\.?[\s\-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![:\d])(?:[\s\-./,']+(?P<year>\d{4}|\d{2})(?!\s?:\d)\b)?"
)
_YEAR_MONTH_DAY = re.compile(r"(?P<year>\d{4})[\s\-./,]+(?P<name>[^\W\d_]{3,14})\.?[\s\-./,]+(?P<day>\d{1,2})\b")
_CJK = re.compile(
    r"(?P<year>\d{4})\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일]\s*(?:" + _CLOCK + _ZONE + r")?"
)
_LATE_YEAR = re.compile(r"(?<![:\d+\-])((?:19|20)\d{2})(?![:\d])")
_NOISE = re.compile(
    r"^(?:published|posted|updated|date|on|veröffentlicht am|publié le|publicado el)\s*:?\s+"
    r"|\bo'clock\b|\buhr\b|\bat\b|\bum\b|\bà\b|\ba las\b|\balle\b|\bklo\b|\|"
)
_WEEKDAY = re.compile(r"^[^\W\d_]{2,14}\.?\s*,\s*|^(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)[a-z]*\.?\s+")


def read_date(text: str, order: Order | None = None) -> datetime | None:
    """The moment a feed's string means, in UTC; None when it is no date or could mean two.

    ``order`` decides all-number dates; without it only those are read that cannot mean two days. A date without
    a time of day is its midnight in UTC; one without a zone is taken as UTC.
    """
    if len(text) > MAX_TEXT:
        return None
    return _read(text.strip(), order)


@lru_cache(maxsize=512)
def _read(text: str, order: Order | None) -> datetime | None:
    return _usual(text) or _unusual(text, order)


def _usual(text: str) -> datetime | None:
    """RFC 822 with four digits of year and RFC 3339 as their grammars have it: what nearly every feed writes.

    None for anything else and for anything that needs a second look; ``_unusual`` reads the same moment of all of it.
    """
    if found := _RFC_3339.fullmatch(text):
        year, month, day, hour, minute, second, sign, hours, minutes = found.groups()
        number = int(month)
    elif found := _RFC_822.fullmatch(text):
        day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
        number = MONTHS[month.lower()]
    else:
        return None
    if not EARLIEST < int(year) < LATEST:
        return None
    try:
        moment = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    if sign:
        if hours > "15" or minutes > "59":
            return None
        east = timedelta(hours=int(hours), minutes=int(minutes))
        moment = moment - east if sign == "+" else moment + east
    return moment


_RFC_3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|([+\-])(\d\d):?(\d\d))", re.ASCII)
_RFC_822 = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) (?:GMT|UTC|Z|([+\-])(\d\d)(\d\d))",
    re.ASCII,
)


def _unusual(text: str, order: Order | None) -> datetime | None:
    text = re.sub(r"\s+", " ", text.replace("\u202f", " ").replace("\xa0", " ")).strip(" \"'.,;").lower()
    if not any(character.isdigit() for character in text):
        return None
    try:
        return _iso(text) or _epoch(text) or _numbers(text, order) or _words(text)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        found = _PACKED.fullmatch(text)
    if found is not None:
        if found["month"] is None and len(text) == 4:
            return None  # a year alone says too little
        if found["day"] is None and found["hour"] is None and "-" not in text:
            return None  # 202103 may be anything
        return _build(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1), found)
    if week := _WEEK.fullmatch(text):
        return datetime.fromisocalendar(int(week["year"]), int(week["week"]), int(week["weekday"] or 1)).replace(
            tzinfo=UTC
        )
    if ordinal := _ORDINAL.fullmatch(text):
        days = int(ordinal["days"])
        moment = datetime(int(ordinal["year"]), 1, 1, tzinfo=UTC) + timedelta(days=days - 1)
        return moment if 1 <= days <= 366 and moment.year == int(ordinal["year"]) else None
    return None


def _epoch(text: str) -> datetime | None:
    found = _EPOCH.fullmatch(text)
    if found is None:
        return None
    moment = datetime.fromtimestamp(int(found[1]), UTC)
    return moment if EARLIEST < moment.year < LATEST else None


def _numbers(text: str, order: Order | None) -> datetime | None:
    text = _WEEKDAY.sub("", text, count=1)
    if cjk := _CJK.fullmatch(text):
        return _build(int(cjk["year"]), int(cjk["month"]), int(cjk["day"]), cjk)
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return None
    first, second, third = int(found["a"]), int(found["b"]), int(found["c"])
    if len(found["a"]) == 4:  # 2020/1/10: the year first is always year, month, day
        return _build(first, second, third, found)
    if len(found["a"]) == 3:
        return None
    year = _full_year(found["c"])
    if found["sep"] == ".":
        return _build(year, second, first, found)  # 22.11.2022: only the day stands first where dots are written
    if first == second and first <= 12:
        return _build(year, first, second, found)
    if first > 12 >= second:
        return _build(year, second, first, found)
    if second > 12 >= first:
        return _build(year, first, second, found)
    if order is None:
        return None
    day, month = (first, second) if order == "day" else (second, first)
    return _build(year, month, day, found)


def _words(text: str) -> datetime | None:
    """Dates with the month as a word: RFC 822, asctime, ``January 29, 2021 04:42 PM``, ``3 de mayo de 2021`` ..."""
    text = re.sub(r"\s+", " ", _NOISE.sub(" ", text)).strip()
    stripped = _WEEKDAY.sub("", text, count=1)
    for candidate in dict.fromkeys((stripped, text)):
        for pattern in (_YEAR_MONTH_DAY, _DAY_MONTH, _MONTH_DAY):
            for found in pattern.finditer(candidate):
                month = MONTHS.get(found["name"].removesuffix("."))
                if month is None:
                    continue
                rest = f"{candidate[: found.start()]} {candidate[found.end() :]}"
                return _with_clock(found, month, rest)
    return None


def _with_clock(found: re.Match[str], month: int, rest: str) -> datetime | None:
    year_text = found["year"]
    if year_text is None:
        late = _LATE_YEAR.search(rest)
        if late is None:
            return None
        year_text, rest = late[1], f"{rest[: late.start()]} {rest[late.end() :]}"
    rest = rest.strip(" ,-–—.|()")
    rest = re.sub(r"^[^\W\d_]{2,14}\.?,?\s*(?=\d|$)", "", rest)  # a weekday left in front of the time
    clock = _YEAR_LAST_CLOCK.match(rest) if rest else None
    if rest and clock is None and any(character.isdigit() for character in rest):
        return None
    if (
        clock is not None
        and re.search(r"\d", rest[clock.end() :])
        and not re.fullmatch(r"\s*\([^()]*\)", rest[clock.end() :])
    ):
        return None
    return _build(_full_year(year_text), month, int(found["day"]), clock)


def _full_year(text: str) -> int:
    """Two digits: RFC 2822 section 4.3, 00-49 are 2000-2049."""
    year = int(text)
    if len(text) > 2:
        return year
    return year + (2000 if year < 50 else 1900)


def _build(year: int, month: int, day: int, clock: re.Match[str] | None) -> datetime | None:
    """The moment in UTC; None when no calendar has it."""
    if not EARLIEST <= year <= LATEST:
        return None
    parts = clock.groupdict() if clock is not None else {}
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    half = parts.get("half")
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    extra = timedelta()
    if hour == 24 and minute == 0 and second == 0:
        hour, extra = 0, timedelta(days=1)
    if second == 60:  # a leap second
        second, extra = 59, extra + timedelta(seconds=1)
    offset = _offset(parts.get("zone"))
    if offset is None:
        return None
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) + extra - offset
    return moment if EARLIEST <= moment.year <= LATEST else None


_NUMERIC_ZONE = re.compile(r"(?:(?:gmt|utc?)\s*)?([+\-\u2212])\s*(\d{1,2}):?(\d{2})?(?::?\d{2})?")


def _offset(zone: str | None) -> timedelta | None:
    """How far a zone is east of Greenwich; an unknown name counts as UTC, an impossible number as no date."""
    if not zone:
        return timedelta()
    zone = zone.strip("() ")
    found = _NUMERIC_ZONE.fullmatch(zone)
    if found is None:
        return timedelta(minutes=ZONES.get(zone, 0))
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours > 15 or minutes > 59:
        return timedelta() if hours > 15 else None
    return timedelta(hours=hours, minutes=minutes) * (1 if found[1] == "+" else -1)


def knows_zone(text: str) -> bool:
    """False when a date ends in letters that look like a zone and are in no table: it was read as UTC."""
    if text.endswith(" GMT") or (text.endswith("Z") and text[-2:-1].isdecimal()):
        return True
    text = text.strip().lower()
    if text.endswith(" gmt") or not "a" <= text[-1:] <= "z":
        return True
    found = _ZONE_NAME.search(text)
    return found is None or found[1] in ZONES or found[1] in {"am", "pm", "uhr"} or found[1] in MONTHS


_ZONE_NAME = re.compile(r"\d\s*([a-z]{2,5})$")
_AMBIGUOUS = re.compile(r"^\D{0,12}(\d{1,2})([/\-])(\d{1,2})\2(\d{4}|\d{2})\b")
_MONTH_FIRST = ("en-us", "en-ph", "es-us", "fil")
_LANGUAGE_ONLY = re.compile(r"[a-z]{2,3}")


def decide_order(texts: Iterable[str], language: str | None) -> Order | None:
    """Which number is the day in a document's all-number dates.

    A date that can mean one day only (``25/12/2021``) decides for all; contradicting ones decide nothing. Else the
    language: any but English writes the day first; US English the month; plain ``en`` says nothing.
    """
    days = months = 0
    for text in texts:
        if "/" not in text and "-" not in text[:15]:
            continue
        found = _AMBIGUOUS.match(text)
        if found:
            first, second = int(found[1]), int(found[3])
            days += first > 12 >= second
            months += second > 12 >= first
    if days or months:
        return None if days and months else "day" if days else "month"
    tag = (language or "").lower().replace("_", "-")
    if not tag:
        return None
    if tag.startswith(_MONTH_FIRST):
        return "month"
    if tag == "en" or not _LANGUAGE_ONLY.match(tag):
        return None
    return "day"
