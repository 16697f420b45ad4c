"""The summary page of a GitHub job."""

import os
from pathlib import Path

from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers import markdown

LIMIT = 1024 * 1024 - 1024  # GitHub refuses a summary above 1 MiB


def append(report: Report) -> None:
    """Add the report as Markdown where GitHub Actions asks for it; raises OSError."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        text = markdown.render(report).encode()[:LIMIT].decode("utf-8", "ignore")
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(text + "\n")
