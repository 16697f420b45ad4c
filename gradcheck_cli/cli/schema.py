"""`gradcheck schema`."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from gradcheck_cli.cli.consoles import write_out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode

DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


class File(StrEnum):
    """The files that have a published shape."""

    REPORT = "report"
    CONFIG = "config"
    BRIEF = "brief"


@command
def schema(
    of: Annotated[
        File, typer.Argument(metavar="report|config|brief", help="Of which file.")
    ] = File.REPORT,
) -> int:
    """Print the JSON Schema of the report, of its brief form, or of gradcheck.yaml."""
    write_out(json.dumps(_schema(of), indent=1) + "\n")
    return ExitCode.OK


def _schema(of: File) -> dict[str, Any]:
    if of is File.REPORT:
        from gradcheck_cli.records.document import json_schema

        return json_schema()
    if of is File.BRIEF:
        from pydantic import TypeAdapter

        from gradcheck_cli.renderers.brief import Brief

        return {**DIALECT, **TypeAdapter(Brief).json_schema()}

    from gradcheck_cli.settings.schema import Config

    shape = Config.model_json_schema()
    return {
        **DIALECT,
        **shape,
        "title": "gradcheck.yaml",
        "description": "The settings of gradcheck; the same keys as [tool.gradcheck] of pyproject.toml.",
    }
