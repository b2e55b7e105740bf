"""Identifiers and facts."""

from __future__ import annotations

import pytest
from tests.topics.build import entry

from ketfeed.topics.facts import facts
from ketfeed.topics.identify import address, identify, main_identifiers


@pytest.mark.parametrize(
    ("text", "identifiers"),
    [
        ("https://doi.org/10.1038/S41386-022-01266-9.", ["doi:10.1038/s41386-022-01266-9"]),
        ("(doi: 10.1016/S0140-6736(97)11096-0)", ["doi:10.1016/s0140-6736(97)11096-0"]),
        ("https://onlinelibrary.wiley.com/doi/full/10.1002/da.23171?af=R", ["doi:10.1002/da.23171"]),
        ("https://www.frontiersin.org/articles/10.3389/fpsyt.2022.1/full", ["doi:10.3389/fpsyt.2022.1"]),
        ("https://doi.org/10.1002%2Fda.23171", ["doi:10.1002/da.23171"]),
        ("http://www.nature.com/articles/s41386-022-01266-9", ["doi:10.1038/s41386-022-01266-9"]),
        ("https://www.bmj.com/content/378/bmj.o2192.full", ["doi:10.1136/bmj.o2192"]),
        ("PMID: 39819527", ["pmid:39819527"]),
        ("https://pubmed.ncbi.nlm.nih.gov/39819527/", ["pmid:39819527"]),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC9154276", ["pmcid:PMC9154276"]),
        ("registered (nct04338321)", ["nct:NCT04338321"]),
        ("ISRCTN 12345678", ["isrctn:ISRCTN12345678"]),
        ("EudraCT 2019-002991-42", ["euct:2019-002991-42"]),
        ("EU CT 2023-503421-27-00", ["euct:2023-503421-27-00"]),
        ("call 2019-002991-42", []),
        ("version 10.1 of 10.000 things", []),
        ("distinct nct and pmc words", []),
    ],
)
def test_identifiers_have_one_normal_form(text: str, identifiers: list[str]) -> None:
    """Each scheme as its registry writes it, without what a sentence or an address put after it."""
    assert list(identify(entry(), [text])) == identifiers


def test_identifiers_come_from_fields_address_and_text_once_each() -> None:
    """Sorted, no doubles."""
    one = entry("See PMID 12345678", link="https://pubmed.ncbi.nlm.nih.gov/12345678/", identifiers=("doi:10.1000/x",))
    assert identify(one, [one.title]) == ("doi:10.1000/x", "pmid:12345678")


def test_only_identifiers_of_the_entry_itself_name_it() -> None:
    """A paper cited in the text is not the entry."""
    one = entry("A comment", "on doi 10.1000/cited", link="https://doi.org/10.1000/own")
    found = identify(one, [one.title, one.summary])
    assert found == ("doi:10.1000/cited", "doi:10.1000/own")
    assert main_identifiers(one, found) == ("doi:10.1000/own",)


def test_an_identifier_leads_to_its_page() -> None:
    """Unknown schemes lead nowhere."""
    assert address("nct:NCT04338321") == "https://clinicaltrials.gov/study/NCT04338321"
    assert address("doi:10.1/x") == "https://doi.org/10.1/x"
    assert address("other:1") is None


def test_facts_are_the_words_of_the_source() -> None:
    """Phase, people, blinding, control, dose and form, as written."""
    text = "Phase IIb, randomised, double-blind, placebo-controlled trial in 1,148 adults; 0.5 mg/kg IV infusion."
    assert facts([text], about_drug=True, about_research=True) == (
        ("phase", "Phase IIb"),
        ("sample size", "1,148 adults"),
        ("randomised", "randomised"),
        ("blinding", "double-blind"),
        ("control", "placebo-controlled"),
        ("dose", "0.5 mg/kg"),
        ("drug form", "IV infusion"),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a phase of life", "phase"),
        ("20 people died", "animals"),
        ("the blind man", "blinding"),
        ("phase 27 of", "phase"),
    ],
)
def test_what_is_not_plainly_a_fact_is_left_out(text: str, name: str) -> None:
    """Reliable or absent."""
    assert name not in dict(facts([text], about_drug=True, about_research=True))


def test_figures_outside_research_are_not_facts() -> None:
    """200 people at a festival are no sample."""
    assert facts(["200 people danced"], about_drug=False, about_research=False) == ()
    assert "sample size" not in dict(facts(["200 people danced"], about_drug=True, about_research=False))
