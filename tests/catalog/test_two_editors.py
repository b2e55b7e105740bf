"""Two editors at once: the second is told that the file changed, and no edit is ever lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ketfeed.catalog.load import load_catalog

EACH = 12  # sources added by each editor

EDITOR = """
import json, sys
from pathlib import Path
from ketfeed.catalog.disk import FileChanged, read_text, write_file
from ketfeed.catalog.edit import add_sources

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()  # all begin together
told = 0
for number in range(count):
    while True:
        raw, text = read_text(path)
        source = {"id": f"{name}{number}", "feed": f"https://{name}.example.org/{number}", "topics": []}
        try:
            write_file(path, raw, add_sources(text, [source]), None)
            break
        except FileChanged as error:
            assert "somebody else changed the file" in str(error)
            told += 1
print(json.dumps(told))
"""


def test_no_edit_of_three_editors_at_once_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("# ours\nsources:\n  - {id: first, feed: https://first.example.org/, topics: []}  # kept\n")
    (tmp_path / "topics.yaml").write_text("topics: []\n")
    names = ("a", "b", "c")
    editors = [
        subprocess.Popen(
            [sys.executable, "-c", EDITOR, str(path), name, str(EACH)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
        )
        for name in names
    ]  # fmt: skip
    for editor in editors:
        assert editor.stdin is not None
        editor.stdin.write("go\n")
        editor.stdin.flush()
    told = [json.loads(editor.communicate(timeout=120)[0]) for editor in editors]
    assert [editor.returncode for editor in editors] == [0, 0, 0]
    catalog = load_catalog(tmp_path).catalog
    assert catalog is not None
    wanted = {"first", *(f"{name}{number}" for name in names for number in range(EACH))}
    assert {source.id for source in catalog.sources} == wanted
    assert len(catalog.sources) == len(wanted)
    assert path.read_text().startswith(
        "# ours\nsources:\n  - {id: first, feed: https://first.example.org/, topics: []}  # kept\n"
    )
    assert sum(told) > 0, "they never met: the test proves nothing"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["feeds.yaml", "topics.yaml"]  # no leavings
