"""The pytest plugin: `def test_trains(gradcheck): gradcheck(model, data)`. Torch is imported on use."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradcheck_cli.declared import AUTO, SETTINGS
from gradcheck_cli.errors import ExitCode

if TYPE_CHECKING:
    from gradcheck_cli.gating import Gated
    from gradcheck_cli.records.report import Report

FAIL_ON = SETTINGS["fail_on"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    group = parser.getgroup("gradcheck", "gradcheck: does the model learn?")
    steps = SETTINGS["steps"].help
    group.addoption("--gradcheck-steps", type=int, metavar="N", help=steps)
    group.addoption("--gradcheck-fail-on", choices=FAIL_ON.choices, help=FAIL_ON.help)
    group.addoption(
        "--gradcheck-report", metavar="DIR", help="Write each report as YAML into this folder."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "gradcheck(steps, fail_on): settings of the fixture `gradcheck` in this test"
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> "Check":
    """Train a model for some watched steps and fail with the report when something is wrong."""
    marker = request.node.get_closest_marker("gradcheck")
    asked = dict(marker.kwargs) if marker is not None else {}
    if unknown := set(asked) - {"steps", "fail_on"}:
        raise pytest.UsageError(
            f"gradcheck marker: unknown {sorted(unknown)}; it has steps, fail_on"
        )
    given = request.config.getoption
    folder = given("--gradcheck-report")
    return Check(
        name=request.node.nodeid,
        steps=given("--gradcheck-steps") or asked.get("steps"),
        fail_on=given("--gradcheck-fail-on") or asked.get("fail_on"),
        folder=Path(folder).absolute() if folder else None,
    )


@dataclass(slots=True)
class Check:
    """What the fixture gives: call it with what `gradcheck diagnose` is given."""

    name: str
    steps: int | None
    fail_on: str | None
    folder: Path | None = None
    checks: int = 0

    def __call__(
        self,
        model: Any,
        data: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = None,
        steps: int | None = None,
        fail_on: str | None = None,
        verify: bool = False,
        on_report: "Callable[[Report], None] | None" = None,
        **options: Any,
    ) -> "Report":
        """Return the report; fails the test when a finding is at or above `fail_on`, or not all was judged.

        `model` and the others are names as on the command line, or objects; `options` are lr,
        batch_size, seed, device and the like. `on_report` gets the report before it is judged. What
        is said neither here nor by marker or option is what the config and the environment say.
        """
        from gradcheck_cli import gating, settings
        from gradcheck_cli.diagnosing import diagnosed
        from gradcheck_cli.rules import all_rules
        from gradcheck_cli.targets.target import Target

        said = {"steps": steps or self.steps, "fail_on": fail_on or self.fail_on, "verify": verify}
        found = settings.load(said, rules=all_rules())
        gating.check(found.policy)
        make = Target.from_strings if isinstance(model, str) else Target.of
        target = make(model=model, data=data, loss=loss, optimizer=optimizer, **options)
        length = None if found["steps"] == AUTO else found["steps"]
        command = f"pytest {self.name}"
        report = diagnosed(target, length, policy=found.policy, command=command).report
        self._save(report)
        if on_report is not None:
            on_report(report)
        self._judge(gating.beside(report, found.policy))
        return report

    def _judge(self, result: "Gated") -> None:
        __tracebackhide__ = True
        from gradcheck_cli.renderers.formats import find

        if result.code is not ExitCode.OK:  # also what was measured in part is no pass
            pytest.fail(find("text").write(result.report, {}), pytrace=False)

    def _save(self, report: "Report") -> None:
        if self.folder is None:
            return
        from gradcheck_cli.records.yamlfile import write

        self.checks += 1
        stem = re.sub(r"[^\w.-]+", "-", self.name).strip("-")
        self.folder.mkdir(parents=True, exist_ok=True)
        write(report, self.folder / f"{stem}-{self.checks}.yaml")
