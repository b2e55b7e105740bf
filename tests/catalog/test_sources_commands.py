"""``ketfeed sources`` in scripts, and with what goes wrong; test_terminal.py has a person type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.catalog.test_editors_guide import blog as blog  # a fixture

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ, "KETFEED_ALLOW_NETWORKS": "127.0.0.0/8", "KETFEED_HOST_INTERVAL": "0", "COLUMNS": "110",
    "NO_COLOR": "1", "TERM": "dumb",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def ketfeed(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ketfeed", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def feeds(folder: Path) -> str:
    return (folder / "config" / "feeds.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "https://www.psypost.org/feed?utm_source=x", "--yes"), 2, "psypost follows this address already"),
        (("add", "ftp://example.org/", "--yes"), 2, "unsupported scheme ftp"),
        (("add", "not an address", "--yes"), 2, "not an address"),
        (("add", "https://example.org/", "--yes", "--id", "psypost"), 2, "another source has this id"),
        (("add", "https://example.org/", "--yes", "--topics", "ptds"), 2, "no such topic"),
        (("add", "https://example.org/"), 2, "--yes"),
        (("add", "http://127.0.0.2:9/", "--yes"), 1, "nothing was added"),
        (("edit", "psypost", "--kind", "nwes"), 2, "did you mean news?"),
        (("edit", "psypost", "--url", "ftp://example.org/"), 2, "unsupported scheme"),
        (("edit", "psypots", "--every", "2h"), 2, "did you mean psypost"),
        (("edit", "psypost"), 2, "nothing to change"),
        (("remove", "psypost"), 2, "--yes"),
        (("rename", "psypost", "stat"), 2, "stat is another source"),
        (("rename", "psypost", "Psy Post"), 2, "sources[3].id"),
        (("import", "nothing.opml", "--yes"), 2, "cannot be read"),
        (("export", "list.docx"), 2, "end the name in .opml or .csv"),
        (("show", "nothing"), 2, "no source has the id"),
        (("list", "--sort", "size"), 2, "one of file, id"),
    ],
)
def test_bad_input_gets_a_sentence_its_exit_code_and_leaves_the_file_alone(
    folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    before = feeds(folder)
    ended, out, err = ketfeed(folder, "sources", *words)
    assert ended == code, err
    assert said in " ".join(err.split())
    assert "Traceback" not in out + err
    assert feeds(folder) == before


def test_an_import_prints_one_row_per_outline_as_json(folder: Path) -> None:
    (folder / "list.opml").write_text(
        '<opml version="2.0"><body><outline text="Folder"><outline text="New" xmlUrl="https://new.example.org/feed"/>'
        '<outline text="Known" xmlUrl="http://psypost.org/feed"/></outline></body></opml>'
    )
    code, out, _ = ketfeed(folder, "sources", "import", "list.opml", "--yes", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["title"], row["result"], row["id"]) for row in rows] == [
        ("Folder", "refused", None), ("New", "added", "new"), ("Known", "known", "psypost"),
    ]  # fmt: skip
    assert all(set(row) == {"title", "xml_url", "result", "id", "reason"} for row in rows)
    assert ketfeed(folder, "check")[0] == 0


def test_a_first_source_makes_the_file(blog: str, tmp_path: Path) -> None:
    code, _, err = ketfeed(tmp_path, "sources", "add", f"{blog}/feed.xml", "--yes", "--id", "first")
    assert code == 0, err
    assert feeds(tmp_path).startswith("# yaml-language-server: $schema=feeds.schema.json\nsources:\n  - id: first\n")


def test_a_report_is_one_page_that_needs_nothing_else(blog: str, folder: Path) -> None:
    ketfeed(folder, "sources", "add", f"{blog}/feed.xml", "--yes", "--id", "first")
    assert ketfeed(folder, "poll", "first")[0] == 0
    code, _, err = ketfeed(folder, "report", "report.html")
    assert code == 0, err
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 5
    assert "<script" not in page
    assert not any(mark in page for mark in (' src="', "@import", 'rel="stylesheet"', "url(http"))
    assert "A Clinician" in page
