"""Editors' regular expressions: what they need is found out, so that most texts are never searched."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.topics.expressions import may_match, needs
from ketfeed.topics.terms import Pieces

ATOMS = st.sampled_from(
    [
        "dose",
        "ketamine",
        "mice",
        "K",
        "s",
        "i",
        " ",
        "%",
        "n ?= ?",
        r"\d+",
        r"\b",
        ".",
        "[a-k]",
        r"\.",
        "ß",
        "x{2}",
        "^",
    ]
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})")
    ends = st.sampled_from(["", "?", "+", "*", "{2}", "{0,1}", "+?"])
    repeated = st.tuples(group, ends).map("".join)
    looking = st.tuples(st.sampled_from(["(?=", "(?!", "(?<=", "("]), inner).map(lambda two: f"{two[0]}{two[1]})")
    return st.lists(st.one_of(inner, repeated, looking), min_size=1, max_size=4).map("".join)


EXPRESSIONS = st.recursive(ATOMS, grown, max_leaves=8)
WORDS = st.lists(
    st.sampled_from(["dose", "KETAMINE", "mice", "ſ", "İ", "ı", "K", "k", "12", "%", "n=", "xx", " ", "a", "ẞ"])
)


@given(EXPRESSIONS, WORDS.map("".join))
def test_what_an_expression_needs_stands_in_every_match(expression: str, text: str) -> None:
    """No match is lost by looking for the pieces first, whatever the expression and the case of the letters."""
    try:
        pattern = regex.compile(expression, regex.IGNORECASE)
        found = pattern.search(text, timeout=0.05)
    except (regex.error, TimeoutError):
        return
    wanted = needs(expression)
    pieces = Pieces(piece for some in wanted for piece in some).found(text)
    if found:
        assert may_match(wanted, pieces), (wanted, pieces)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (r"\bket\w+ine\b", [{"ket"}, {"ine"}]),
        (r"\b(?:n ?= ?\d+|\d+ (?:[a-z]+ ){0,2}?(?:patients|mice))\b", [{"=", "patients", "mice"}]),
        (r"\d+ ?(?:%|percent) (?:lower|higher)", [{"%", "percent"}, {"lower", "higher"}]),
        (r"colou?rs of (?P<what>life)", [{"colo"}, {"rs of "}, {"life"}]),
        (r"a(?=dose)b", []),
        (r"dose|\d", []),
        (r"(?:dose)?", []),
        (r"in", []),
    ],
)
def test_what_is_needed_is_read_off_plain_syntax(expression: str, wanted: list[set[str]]) -> None:
    """Letters that must stand there, the alternatives of a group together; nothing where something may be missing."""
    assert [set(some) for some in needs(expression)] == wanted


@pytest.mark.parametrize(
    "expression",
    ["(?i)dose", "(?:dose){e<=1}", "[[:alpha:]]dose", r"\p{L}dose", r"(dose)\1", "(?x)a dose", "dose)", "(dose"],
)
def test_rarer_syntax_is_left_to_the_engine(expression: str) -> None:
    """When in doubt nothing is needed, and the expression is tried everywhere."""
    assert needs(expression) == ()


def test_an_expression_of_many_brackets_is_left_to_the_engine() -> None:
    """Reading never fails, however deep an expression nests."""
    assert needs("(" * 5000 + "dose" + ")" * 5000) == ()
