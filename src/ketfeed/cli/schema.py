"""``ketfeed schema``: the JSON Schema of the editors' files, for completion and hints while typing."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ketfeed.catalog.schema import json_schema
from ketfeed.cli.common import print_json


def schema(which: Annotated[Literal["feeds", "topics"], typer.Argument(metavar="feeds|topics")]) -> None:
    """Print the JSON Schema of feeds.yaml or topics.yaml.

    The shipped files name it in their first line (config/feeds.schema.json), where editors' YAML plug-ins find it.
    """
    print_json(json_schema(which))
