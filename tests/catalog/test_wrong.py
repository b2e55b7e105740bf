"""Wrong configurations: mutations of the shipped files, each refused at the right line, none with a crash."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from ketfeed.catalog.load import Loaded, load_marked
from ketfeed.catalog.marks import Marked, read_marked

SHIPPED = Path(__file__).parents[2] / "config"
FEEDS = (SHIPPED / "feeds.yaml").read_text(encoding="utf-8").splitlines()
TOPICS = (SHIPPED / "topics.yaml").read_text(encoding="utf-8").splitlines()

IDS = [match.group(1) for line in TOPICS if (match := re.match(r"  - id: (\S+)", line))]

Case = tuple[str, str, list[str], int]
"""What was done, to which file, the lines afterwards, and the line that has to be mended (from 1)."""


def read(name: str, lines: list[str]) -> Marked:
    return read_marked(name, ("\n".join(lines) + "\n").encode())


GOOD_FEEDS = read("feeds.yaml", FEEDS)
GOOD_TOPICS = read("topics.yaml", TOPICS)
SMALL_TOPICS = read("topics.yaml", [f"topics: [{', '.join(f'{{id: {topic}, terms: [a]}}' for topic in IDS)}]"])
"""The same ids with little else: reading rules again for each wrong feeds.yaml would only take time."""


def load(name: str, lines: list[str]) -> Loaded:
    """One wrong file beside a good other one; loading adds complaints to what was read, so each gets its own copy."""
    if name == "feeds.yaml":
        return load_marked(read(name, lines), deepcopy(SMALL_TOPICS))
    return load_marked(replace(GOOD_FEEDS, complaints=[], trapped=set()), read(name, lines))


def changed(lines: list[str], number: int, line: str) -> list[str]:
    return [*lines[:number], line, *lines[number + 1 :]]


KEY = re.compile(r"^( +(?:- )?)([a-z_]+): (.+)$")

VALUES: dict[str, tuple[str, ...]] = {
    "id": ("Psy Post", "5", "[a]", "ä", "-x-", "no", "007", '""', "{a: b}", "1.5", "2024-01-01x y"),
    "title": ("5", "[a, b]", "true", '""', "yes", "010", "{a: b}", "1.5"),
    "homepage": ("ftp://example.org/", "example.org", "5", "https://", '"https://a b/"', "[x]", "true"),
    "feed": ("ftp://example.org/feed", "www.example.org/feed", "5", "feed://example.org/", "http://", '""', "[a]",
             "https://user:pw@example.org/", "file:///etc/passwd", "https://exa mple.org/", "true",
             '"https://example.org/{ID}"', "{url: x}"),
    "kind": ("nwes", "News", "5", "[news]", "yes", "true", '""'),
    "topics": ("ptsd", "5", "[ptds]", "[5]", "{a: b}", "[ptsd, no]", "[[ptsd]]", '""'),
    "publish": ("ful", "Summary", "yes", "5", "[full]", '""'),
    "relevance": ("al", "none", "5", "on", "[all]"),
    "every": ("6", "6hours", "1h30m", "soon", "-1h", "0h", "1:30", "06h", "[6h]", "6.5h"),
    "priority": ("high", "1.5", "10000", "[1]", "010", "true", '"5"'),
    "group": ("5", "[a]", '""', "true", "off"),
    "licence": ("5", "[a]", '""'),
    "slug": ("In The News", "5", "all", "ptsd", "[a]", '""'),
    "limit": ("0", "500", "many", "1.5", "[5]"),
    "match": ("every", "5", "[any]"),
    "description": ("5", "[a]", "true", "{a: b}"),
    "language": ("english language", "5", "no", "[en]", '""'),
}  # fmt: skip
"""Values that are wrong for a key wherever it stands in feeds.yaml."""


def wrong_values(lines: list[str], limit: int) -> Iterator[Case]:
    """Each wrong value at places of its key spread over the file."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if found := KEY.match(line):
            places.setdefault(found.group(2), []).append(number)
    for key, values in VALUES.items():
        for turn, value in enumerate(values[:limit]):
            if key in places:
                number = places[key][(turn * 7) % len(places[key])]
                lead = KEY.match(lines[number])
                assert lead is not None
                yield (
                    f"{key}: {value}",
                    "feeds.yaml",
                    changed(lines, number, f"{lead.group(1)}{key}: {value}"),
                    number + 1,
                )


def misspelt_keys(name: str, lines: list[str], step: int) -> Iterator[Case]:
    """Letters swapped, doubled, left out, another case."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda key: key[1] + key[0] + key[2:],
        lambda key: key + key[-1],
        lambda key: key[:-1] + "_x",
        str.upper,
        lambda key: f"the_{key}",
    )
    groups = range(lines.index("groups:"), lines.index("relevance:")) if "groups:" in lines else range(0)
    wanted = [number for number, line in enumerate(lines) if KEY.match(line) and number not in groups]  # free names
    for turn, number in enumerate(wanted[::step]):
        found = KEY.match(lines[number])
        assert found is not None
        lead, key, value = found.groups()
        yield f"{key} misspelt", name, changed(lines, number, f"{lead}{ways[turn % 5](key)}: {value}"), number + 1


def doubled_keys(name: str, lines: list[str], step: int) -> Iterator[Case]:
    """A line written twice: the second is the fault."""
    wanted = [number for number, line in enumerate(lines) if KEY.match(line) and not line.lstrip().startswith("-")]
    for number in wanted[::step]:
        if lines[number].rstrip().endswith((":", "[", ",", "|", ">")) or (
            number + 1 < len(lines) and _deeper(lines, number)
        ):
            continue
        yield "a key twice", name, [*lines[: number + 1], lines[number], *lines[number + 1 :]], number + 2


def _deeper(lines: list[str], number: int) -> bool:
    def indent(line: str) -> int:
        return len(line) - len(line.lstrip())

    return bool(lines[number + 1].strip()) and indent(lines[number + 1]) > indent(lines[number])


def _inside_brackets(lines: list[str], number: int) -> bool:
    """Whether a line goes on a list or mapping in brackets: what is wrong there shows where it was opened."""
    above = next((line for line in reversed(lines[:number]) if line.strip() and not line.lstrip().startswith("#")), "")
    return above.rstrip().endswith((",", "[", "{"))


def broken_lines(name: str, lines: list[str], step: int) -> Iterator[Case]:
    """Tabs, lost colons, lost spaces, open quotes and brackets, one space too many."""
    wanted = [number for number, line in enumerate(lines) if (found := KEY.match(line)) and "- " not in found.group(1)]
    wanted = [number for number in wanted if not _inside_brackets(lines, number)]
    for turn, number in enumerate(wanted[::step]):
        if _deeper(lines, number):
            continue
        found = KEY.match(lines[number])
        assert found is not None
        lead, key, value = found.groups()
        ways = (
            ("a tab", f"\t{key}: {value}"),
            ("no colon", f"{lead}{key} {value.replace(':', '')}"),
            ("an open quote", f'{lead}{key}: "open'),
            ("an open bracket", f"{lead}{key}: [ptsd"),
            ("an open brace", f"{lead}{key}: {{a: b"),
            ("too far right", f"{lead}  {key}: {value}"),
            ("an unknown alias", f"{lead}{key}: *nothing"),
            ("an at sign", f"{lead}{key}: @x"),
            ("a control character", f"{lead}{key}: a\x07b"),
            ("an unknown tag", f"{lead}{key}: !thing x"),
            ("two colons", f"{lead}{key}: a: b"),
            ("no value", f"{lead}{key}:"),
        )
        what, line = ways[turn % len(ways)]
        yield what, name, changed(lines, number, line), number + 1


def missing_and_double_sources() -> Iterator[Case]:
    """A source without its address or id, with two addresses, twice the same id; a feed without slug or title."""
    starts = [number for number, line in enumerate(FEEDS) if line.startswith("  - id: ")]
    for start in starts[::5]:
        address = next(n for n in range(start, start + 12) if re.match(r" +(?:feed|page): ", FEEDS[n]))
        yield "no address", "feeds.yaml", FEEDS[:address] + FEEDS[address + 1 :], start + 1
        no_id = [*FEEDS[:start], FEEDS[start + 1].replace("    ", "  - ", 1), *FEEDS[start + 2 :]]
        yield "no id", "feeds.yaml", no_id, start + 1
        both = [*FEEDS[: address + 1], "    sitemap: https://example.org/sitemap.xml", *FEEDS[address + 1 :]]
        yield "two addresses", "feeds.yaml", both, address + 2
    for first, second in zip(starts[::6], starts[3::6], strict=False):
        yield "the same id", "feeds.yaml", changed(FEEDS, second, FEEDS[first]), second + 1
    slugs = [number for number, line in enumerate(FEEDS) if line.startswith("  - slug: ")]
    for number in slugs[::4]:
        without = [*FEEDS[:number], FEEDS[number + 1].replace("    ", "  - ", 1), *FEEDS[number + 2 :]]
        yield "no slug", "feeds.yaml", without, number + 1
        if number != slugs[-1]:
            yield "the same slug", "feeds.yaml", changed(FEEDS, number, FEEDS[slugs[-1]]), slugs[-1] + 1


def wrong_topics() -> Iterator[Case]:
    """Ids, thresholds, groups, terms and examples of topics.yaml."""
    ids = [number for number, line in enumerate(TOPICS) if re.match(r"  - id: ", line)]
    for turn, number in enumerate(ids):
        wrong = ("Post Traumatic", "5", "all", '""', "[a]", "no", "ä")[turn % 7]
        yield f"topic id {wrong}", "topics.yaml", changed(TOPICS, number, f"  - id: {wrong}"), number + 1
        if turn:
            yield "the same topic twice", "topics.yaml", changed(TOPICS, number, TOPICS[ids[0]]), number + 1
        for line in ("    threshold: high", "    terms_: [a]", "    indication: yes", "    gathers: 1", "    unless: 5",
                     "    matches: a sentence", "    requires: [$nothing]", "    description: [a]"):  # fmt: skip
            key = line.split(":")[0]
            block = TOPICS[number : ids[turn + 1] if turn + 1 < len(ids) else len(TOPICS)]
            if not any(other.startswith(f"{key}:") for other in block):
                yield line.strip(), "topics.yaml", [*TOPICS[: number + 1], line, *TOPICS[number + 1 :]], number + 2
    terms = [number for number, line in enumerate(TOPICS) if re.match(r"      - [a-z]", line)]
    wrong_terms = ("5", "[a]", "{term: a, wieght: 2}", "{term: a, any: [b]}", "{weight: 2}", "$nothing", '"***"', "no",
                   "{term: '[', regex: true}", "{term: a, fields: [headline]}", "{term: a, weight: heavy}",
                   "{term: a, languages: [english language]}", "{any: a}", "{term: a, with: [5]}", "007",
                   '""')  # fmt: skip
    for turn, number in enumerate(terms[:: max(1, len(terms) // 32)]):
        term = wrong_terms[turn % len(wrong_terms)]
        yield f"term {term}", "topics.yaml", changed(TOPICS, number, f"      - {term}"), number + 1


def cases() -> list[Case]:
    found = [
        *wrong_values(FEEDS, 99),
        *misspelt_keys("feeds.yaml", FEEDS, 16),
        *misspelt_keys("topics.yaml", TOPICS, 3),
        *doubled_keys("feeds.yaml", FEEDS, 40),
        *doubled_keys("topics.yaml", TOPICS, 3),
        *broken_lines("feeds.yaml", FEEDS, 17),
        *broken_lines("topics.yaml", TOPICS, 2),
        *missing_and_double_sources(),
        *wrong_topics(),
    ]
    return [case for case in found if case[2]]


CASES = cases()


def test_there_are_at_least_four_hundred_wrong_configurations() -> None:
    assert len(CASES) >= 400, Counter(what for what, *_ in CASES)
    assert len({tuple(lines) for _, _, lines, _ in CASES}) == len(CASES)


@pytest.mark.parametrize("part", range(8))
def test_every_wrong_configuration_is_refused_at_the_right_line(part: int) -> None:
    missed = []
    for what, name, lines, line in CASES[part::8]:
        loaded = load(name, lines)
        places = [(one.file, one.line) for one in loaded.errors]
        if loaded.catalog is not None or (name, line) not in places[:3]:
            shown = "\n    ".join(str(one) for one in loaded.errors[:3]) or "no complaint"
            missed.append(f"{what} in {name}:{line}: {lines[line - 1]!r}\n    {shown}")
        assert all(one.problem and one.line >= 1 and one.column >= 1 for one in loaded.complaints)
    assert not missed, "\n" + "\n".join(missed)


BOMB = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [
    f"x-{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 9)
]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "start", "lines", "said"),
    [
        ("feeds.yaml", "  - id: ", ["    topics: " + "[" * 5000 + "]" * 5000], "nested too deeply"),
        ("topics.yaml", "  - id: ", ["    title: " + "{a: " * 3000 + "}" * 3000], "nested too deeply"),
        ("feeds.yaml", "sources:", BOMB, "an alias repeats itself or nests too deeply"),
        ("feeds.yaml", "  - id: ", ["    topics: &t [*t]"], "an alias repeats itself"),
        ("feeds.yaml", "  - id: ", ["..."], "a second document"),
        ("topics.yaml", "  - id: ", ["--- x"], "a second document"),
        ("topics.yaml", "  - id: ", ["%YAML 1.1"], "a YAML directive"),
        ("feeds.yaml", "  - id: ", ["    title: c\x85ut"], "an invisible character (U+0085)"),
        ("topics.yaml", "    terms:", ["      - no\u200bbreak"], "an invisible character (U+200B)"),
        ("feeds.yaml", "  - id: ", ["    licence: \u202eever"], "an invisible character (U+202E)"),
        ("feeds.yaml", "  - id: ", ["    licence: a\x00b"], "a control character (U+0000)"),
        ("feeds.yaml", "  - id: ", ["    group: !!binary aGk="], "tag"),
        ("feeds.yaml", "  - id: ", ["    group: !!python/object:os.system x"], "tag"),
        ("feeds.yaml", "  - id: ", ["    <<: 5"], "<< needs a mapping"),
        ("feeds.yaml", "  - id: ", ["    <<: *nowhere"], "undefined alias"),
        ("feeds.yaml", "  - id: ", ["    licence: 190:20:30"], "base 60"),
        ("feeds.yaml", "  - id: ", ["    language: on"], "text to some YAML readers"),
        ("feeds.yaml", "  - id: ", ["    priority: 0o17"], "another number"),
        ("topics.yaml", "  - id: ", ['    title: "open'], "a quote is opened and not closed"),
        ("feeds.yaml", "  - id: ", ['    licence: "open'], "a quote is opened and not closed"),
    ],
)
def test_traps_of_yaml_are_refused_at_their_line_whatever_the_file_begins_and_its_lines_end_with(
    name: str, start: str, lines: list[str], said: str, mark: bytes, ending: str
) -> None:
    good = {"feeds.yaml": FEEDS, "topics.yaml": TOPICS}[name]
    number = next(at for at, line in enumerate(good) if line.startswith(start)) + (start != "sources:")
    raw = mark + ending.join([*good[:number], *lines, *good[number:], ""]).encode()
    topics = SMALL_TOPICS if name == "feeds.yaml" else read_marked(name, raw)
    feeds = read_marked(name, raw) if name == "feeds.yaml" else replace(GOOD_FEEDS, complaints=[], trapped=set())
    loaded = load_marked(feeds, deepcopy(topics))
    assert loaded.catalog is None
    within = range(number + 1, number + 1 + len(lines))
    assert any(said in str(one) and one.line in within for one in loaded.errors), [
        str(one) for one in loaded.errors[:3]
    ]
