"""Every document under tests/feeds is read as its twin says; the documents show one rule or repair each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ingest.twins import FEEDS, case_of, outcome_of

TWINS = sorted(FEEDS.rglob("*.json"))
DOCUMENTS = [twin.with_suffix("") for twin in TWINS if twin.with_suffix("").exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(FEEDS)) for path in DOCUMENTS])
def test_a_document_is_read_as_its_twin_says(path: Path) -> None:
    case: dict[str, Any] = case_of(path)
    found = outcome_of(path, case)
    asked = {"url", "type", "rule", "content_type"}
    assert found == {name: value for name, value in case.items() if name not in asked}


def test_there_are_at_least_120_documents_with_a_twin() -> None:
    assert len(DOCUMENTS) >= 120
