"""Groups expanded into terms: a valid ``topics.yaml`` → RuleSet.

``$drug`` stands for each phrase of the group ``drug``, alone or inside a phrase (``$drug clinic``), in terms,
``with`` and ``unless``; never inside a regular expression. Groups may use groups, not in a circle.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import product

import regex

from ketfeed.catalog.marks import Marked, Path
from ketfeed.catalog.schema import RelevanceSpec, TermSpec, TopicsFile, TopicSpec
from ketfeed.model import RuleSet, Term, TopicRule

REFERENCE = re.compile(r"\$([a-z][a-z0-9_-]*)")
MAX_REGEX = 200  # characters; longer ones are programs, not rules
MAX_PHRASES = 5_000  # of one term: beyond it two large groups were multiplied by mistake


class UnknownGroup(ValueError):
    """A $name without a group."""


class GroupCircle(ValueError):
    """Groups that use each other in a circle."""


class TooManyPhrases(ValueError):
    """A term that expands beyond MAX_PHRASES."""


def expand(text: str, groups: Mapping[str, Sequence[str]], used: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Every phrase a text with $names stands for, in the order of the groups, each once.

    ``("$drug clinic", {"drug": ["ketamine", "Spravato"]})`` → ``("ketamine clinic", "Spravato clinic")``.
    Raises UnknownGroup, GroupCircle and TooManyPhrases.
    """
    pieces: list[tuple[str, ...]] = []
    position = 0
    for found in REFERENCE.finditer(text):
        name = _known_name(found.group(1), groups)
        if name is None:
            raise UnknownGroup(found.group(1))
        if name in used:
            raise GroupCircle(" → ".join(f"${part}" for part in (*used, name)))
        members = tuple(phrase for member in groups[name] for phrase in expand(member, groups, (*used, name)))
        pieces += [(text[position : found.start()],), members]
        position = found.start() + 1 + len(name)
    pieces.append((text[position:],))
    size = 1
    for piece in pieces:
        size *= len(piece)
    if size > MAX_PHRASES:
        raise TooManyPhrases(f"{size} phrases")
    return tuple(dict.fromkeys("".join(parts) for parts in product(*pieces)))


def _known_name(name: str, groups: Mapping[str, Sequence[str]]) -> str | None:
    """The longest group name at the start of ``name``: ``drug-assisted`` is ``$drug`` and "-assisted"."""
    while name not in groups:
        cut = max(name.rfind("-"), name.rfind("_"))
        if cut <= 0:
            return None
        name = name[:cut]
    return name


# ---------------------------------------------------------------- complaints


def check_groups(marked: Marked) -> None:
    """Complain about $names, circles, regular expressions and terms that can never match.

    Works on the plain data, so that it says what it can even when other parts of the file are wrong.
    """
    data = marked.data if isinstance(marked.data, dict) else {}
    given = data.get("groups")
    groups = {
        str(name): [item for item in members if isinstance(item, str)]
        for name, members in (given.items() if isinstance(given, dict) else ())
        if isinstance(members, list)
    }
    for name, members in given.items() if isinstance(given, dict) else ():
        if isinstance(members, list):
            for index, member in enumerate(members):
                _check_text(marked, ("groups", name, index), member, groups, (str(name),))
    rules: list[tuple[Path, object]] = [(("relevance",), data.get("relevance"))]
    topics = data.get("topics")
    for key in ("asides", "boilerplate"):
        _check_texts(marked, (key,), data.get(key), groups)
    rules += [(("topics", index), item) for index, item in enumerate(topics if isinstance(topics, list) else [])]
    for path, rule in rules:
        if isinstance(rule, dict):
            _check_rule(marked, path, rule, groups)


def _check_rule(marked: Marked, path: Path, rule: Mapping[str, object], groups: Mapping[str, list[str]]) -> None:
    for key in ("unless", "requires"):
        _check_texts(marked, (*path, key), rule.get(key), groups)
    terms = rule.get("terms")
    seen: dict[str, Path] = {}
    for index, term in enumerate(terms if isinstance(terms, list) else []):
        here: Path = (*path, "terms", index)
        if isinstance(term, dict):
            _check_mapping(marked, here, term, groups)
        elif isinstance(term, str):
            _check_text(marked, here, term, groups)
            folded = " ".join(term.casefold().split())
            if folded in seen:
                line = marked.place(seen[folded]).line
                marked.complain(here, f"the same term stands in line {line}", "remove one", warning=True)
            seen.setdefault(folded, here)


def _check_mapping(marked: Marked, path: Path, term: Mapping[str, object], groups: Mapping[str, list[str]]) -> None:
    text = term.get("term")
    if isinstance(text, str) and term.get("regex") is True:
        _check_regex(marked, (*path, "term"), text)
    else:
        _check_text(marked, (*path, "term"), text, groups)
    if ("term" in term) == ("any" in term):
        marked.complain(path, "needs exactly one of term and any", "write term: phrase, or any: [phrase, phrase]")
    elif "any" in term and term.get("regex") is True:
        marked.complain((*path, "regex"), "any takes phrases, not regular expressions", "write one term: for each")
    for key in ("any", "unless", "with"):
        _check_texts(marked, (*path, key), term.get(key), groups)


def _check_regex(marked: Marked, path: Path, text: str) -> None:
    if len(text) > MAX_REGEX:
        marked.complain(path, f"a regular expression of more than {MAX_REGEX} characters", "use several terms")
        return
    try:
        regex.compile(text)
    except (regex.error, OverflowError, RecursionError) as error:
        marked.complain(path, f"not a regular expression ({error})", "mend it, or leave regex out")


def _check_texts(marked: Marked, path: Path, given: object, groups: Mapping[str, list[str]]) -> None:
    if isinstance(given, list):
        for index, text in enumerate(given):
            _check_text(marked, (*path, index), text, groups)
    else:
        _check_text(marked, path, given, groups)


def _check_text(
    marked: Marked, path: Path, text: object, groups: Mapping[str, list[str]], used: tuple[str, ...] = ()
) -> None:
    if not isinstance(text, str) or not text or path in marked.trapped:
        return
    if not any(character.isalnum() for character in text):
        marked.complain(path, "no letter or digit: it can never match", "write a word or phrase")
        return
    try:
        expand(text, groups, used)
    except UnknownGroup as error:
        name = str(error)
        close = get_close_matches(name, groups, n=1)
        advice = f"did you mean ${close[0]}?" if close else f"add {name}: […] under groups:"
        marked.complain(path, f"no group ${name}", advice)
    except GroupCircle as error:
        marked.complain(path, f"groups in a circle: {error}", "take one of them out")
    except TooManyPhrases as error:
        marked.complain(path, f"stands for {error}, more than {MAX_PHRASES}", "use smaller groups")


# ---------------------------------------------------------------- building


def build_rules(file: TopicsFile) -> RuleSet:
    """A checked file as a RuleSet; the digest covers what changes a match, not titles or comments."""
    groups = file.groups
    rules = RuleSet(
        topics=tuple(_build_topic(topic, groups) for topic in file.topics),
        relevance=_build_relevance(file.relevance, groups),
        weights={str(name): value for name, value in file.weights.items()},
        threshold=file.threshold,
        asides=_build_texts(file.asides, groups),
        boilerplate=_build_texts(file.boilerplate, groups),
    )
    matching = [
        (rule.id, rule.terms, rule.unless, rule.threshold, rule.requires, rule.indication, rule.gathers)
        for rule in (*rules.topics, rules.relevance)
    ]
    basis = repr((matching, sorted(rules.weights.items()), rules.threshold, rules.asides, rules.boilerplate))
    return replace(rules, digest=hashlib.sha256(basis.encode()).hexdigest()[:32])


def _build_topic(topic: TopicSpec, groups: Mapping[str, list[str]]) -> TopicRule:
    return TopicRule(
        id=topic.id,
        title=topic.title or topic.id.replace("-", " ").capitalize(),
        description=topic.description,
        terms=_build_terms(topic.terms, groups),
        unless=_build_texts(topic.unless, groups),
        threshold=topic.threshold,
        requires=_build_texts(topic.requires, groups),
        indication=topic.indication,
        gathers=topic.gathers,
        matches=tuple(topic.matches),
        rejects=tuple(topic.not_),
    )


def _build_relevance(rule: RelevanceSpec, groups: Mapping[str, list[str]]) -> TopicRule:
    return TopicRule(
        id="relevance",
        title=rule.title,
        description=rule.description,
        terms=_build_terms(rule.terms, groups),
        unless=_build_texts(rule.unless, groups),
        threshold=rule.threshold,
        requires=_build_texts(rule.requires, groups),
        matches=tuple(rule.matches),
        rejects=tuple(rule.not_),
    )


def _build_terms(items: Sequence[str | TermSpec], groups: Mapping[str, list[str]]) -> tuple[Term, ...]:
    terms: list[Term] = []
    for item in items:
        spec = TermSpec(term=item) if isinstance(item, str) else item
        phrases = spec.any or [spec.term]
        texts = (spec.term,) if spec.regex else _build_texts(phrases, groups)
        terms += [
            Term(
                text=text,
                weight=spec.weight,
                regex=spec.regex,
                unless=_build_texts(spec.unless, groups),
                near=_build_texts(spec.with_, groups),
                fields=tuple(spec.fields),
                languages=tuple(spec.languages),
            )
            for text in texts
        ]
    return tuple(dict.fromkeys(terms))


def _build_texts(given: str | Sequence[str], groups: Mapping[str, list[str]]) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    return tuple(dict.fromkeys(phrase for text in listed for phrase in expand(text, groups)))
