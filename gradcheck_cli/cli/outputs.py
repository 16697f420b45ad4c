"""`--output FORMAT[:PATH]`: understood and checked before any work, written before the exit code."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck_cli.cli.consoles import write_out
from gradcheck_cli.errors import UsageError
from gradcheck_cli.plugins import answerable
from gradcheck_cli.records.recording import Recording
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.textfile import check_writable, is_device, write_text
from gradcheck_cli.renderers import markdown
from gradcheck_cli.renderers.formats import Format, find, of_suffix
from gradcheck_cli.settings.discovery import TOML_NAME, YAML_NAMES

MOST_OF_A_JOB = 1024 * 1024 - 1024  # GitHub refuses a summary above 1 MiB


@dataclass(frozen=True, slots=True)
class Output:
    """One requested report; without a path it goes to stdout.

    The path is whole before any code of the user's runs, which may change the current folder.
    """

    format: Format
    path: Path | None
    shown: str = ""  # the path as it was given


@dataclass(frozen=True, slots=True)
class Outputs:
    """All requested reports."""

    wanted: tuple[Output, ...] = ()
    trace: Path | None = None  # where what was measured is saved

    @property
    def claims_stdout(self) -> bool:
        """Does a machine format want stdout for itself?"""
        return any(o.path is None and o.format.name != "text" for o in self.wanted)

    @property
    def silences_terminal(self) -> bool:
        """Was a form asked for on stdout that stands for what the terminal shows?"""
        instead = {"text", "brief", "brief-json"}
        return any(o.path is None and o.format.name in instead for o in self.wanted)

    @property
    def annotates_github(self) -> bool:
        """Will GitHub's workflow commands be printed?"""
        return any(o.format.name == "github" for o in self.wanted)

    @property
    def keeps_snapshots(self) -> bool:
        """Is there a file that can hold the report while the run goes on?"""
        return bool(self._kept)

    @property
    def _kept(self) -> list[tuple[Format, Path]]:
        """Files that `gradcheck report` reads; a device is written once, at the end."""
        files = ((o.format, o.path) for o in self.wanted if o.format.name in {"yaml", "json"})
        return [(form, path) for form, path in files if path is not None and not is_device(path)]

    def snapshot(self, report: Report) -> None:
        """Replace what can be read back by an unfinished report; raises UsageError."""
        for form, path in self._kept:
            write_text(path, form.write(report, {}))

    def write(self, report: Report, recordings: Sequence[Recording] = ()) -> list[Path]:
        """Write every report, and the recordings where a trace was asked for, and return the files.

        One that fails does not keep the others from being written; then the first failure is raised,
        a UsageError where the system refuses.
        """
        files: list[Path] = []
        failed: list[Exception] = []
        cards = _cards() if any(o.format.name == "sarif" for o in self.wanted) else {}
        if self.annotates_github:
            _append(report)
        for output in self.wanted:
            try:
                with answerable(output.format, f"format {output.format.name}"):
                    text = output.format.write(report, cards)
                if output.path is None:
                    write_out(text)
                else:
                    write_text(output.path, text)
                    files.append(Path(output.shown or output.path))
            except Exception as error:  # noqa: BLE001  # raised below, after the others were written
                failed.append(error)
        if self.trace is not None and recordings:
            from gradcheck_cli.records.tracefile import write_traces

            try:
                write_traces(recordings, self.trace)
                files.append(self.trace)
            except Exception as error:  # noqa: BLE001  # raised below
                failed.append(error)
        if failed:
            raise failed[0]
        return files


def parse(specs: Sequence[str], trace: Path | None = None) -> Outputs:
    """Return the outputs that `specs` ask for, and the trace; raises UsageError for what can not be written."""
    outputs = tuple(_parse(spec) for spec in specs)
    on_stdout = [o.format.name for o in outputs if o.path is None]
    if len(on_stdout) > 1:
        said = " and ".join(on_stdout)
        raise UsageError(
            f"{said} can not both go to stdout; give one a path, as in {on_stdout[0]}:PATH"
        )
    named = [*(o.path for o in outputs), trace]
    paths = [path for path in named if path is not None]
    for path in paths:
        check_writable(path)
        if _is_an_input(path):
            raise UsageError(f"can not write {path}: a report would replace your code or config")
    for path in paths:
        if [other.resolve() for other in paths].count(path.resolve()) > 1:
            raise UsageError(f"two outputs would be written to {path}")
    return Outputs(outputs, None if trace is None else trace.absolute())


def _is_an_input(path: Path) -> bool:
    found = path.resolve()
    return found.is_file() and (found.suffix == ".py" or found.name in {*YAML_NAMES, TOML_NAME})


def confine(specs: Sequence[str], checkout: Path, origin: str) -> None:
    """Raise UsageError when a path of `specs` leads out of the checkout, by a link or otherwise."""
    for spec in specs:
        _, _, path = spec.partition(":")
        whole = Path(path).absolute()
        if path and not whole.resolve().is_relative_to(checkout.resolve()):
            raise UsageError(
                f"{origin}: output {spec} is outside {checkout}; in CI a config may write inside only, "
                "--output anywhere"
            )


def _cards() -> dict[str, str]:
    from gradcheck_cli.rules import all_rules

    return {rule.code: rule.card for rule in all_rules()}


def _parse(spec: str) -> Output:
    name, colon, rest = spec.partition(":")
    if colon and not rest:
        raise UsageError(f"--output {spec}: the path is missing")
    if rest.endswith(("/", os.sep)):
        raise UsageError(f"--output {spec}: it is a folder; name the file too")
    if not colon and (guessed := of_suffix(Path(spec).suffix)):
        raise UsageError(f"--output {spec}: say the format too, as in {guessed.name}:{spec}")
    return Output(find(name), Path(rest).absolute() if rest else None, rest)


def _append(report: Report) -> None:
    """Add the report to the summary page of a GitHub job, as Markdown; raises OSError."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        text = markdown.render(report).encode()[:MOST_OF_A_JOB].decode("utf-8", "ignore")
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(text + "\n")
