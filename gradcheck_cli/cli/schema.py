"""`gradcheck schema`."""

import json
import sys

from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode


@command
def schema() -> int:
    """Print the JSON Schema of the report."""
    from gradcheck_cli.records.document import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")
    return ExitCode.OK
