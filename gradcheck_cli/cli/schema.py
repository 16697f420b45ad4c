"""`gradcheck schema`."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from gradcheck_cli.cli.consoles import write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode


class File(StrEnum):
    """The files that have a published shape."""

    REPORT = "report"
    CONFIG = "config"


@command
def schema(
    of: Annotated[
        File, typer.Argument(metavar="[report|config]", help="Of which file.")
    ] = File.REPORT,
) -> int:
    """Print the JSON Schema of the report or of gradcheck.yaml."""
    write_out(json.dumps(_schema(of), indent=1) + "\n")
    return ExitCode.OK


def _schema(of: File) -> dict[str, Any]:
    if of is File.REPORT:
        from gradcheck_cli.records.document import json_schema

        return json_schema()

    from gradcheck_cli.settings.schema import Config

    shape = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape,
        "title": "gradcheck.yaml",
        "description": "The settings of gradcheck; the same keys as [tool.gradcheck] of pyproject.toml.",
    }
