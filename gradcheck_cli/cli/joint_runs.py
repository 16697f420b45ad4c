"""Several models of one config: each is told when it is done, and one report is over all."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from gradcheck_cli import gating
from gradcheck_cli.cli import telling
from gradcheck_cli.cli.edge import code_of
from gradcheck_cli.cli.outputs import Outputs, parse
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.joining import over_models
from gradcheck_cli.records.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.pipeline import Conclusion
    from gradcheck_cli.settings import Run

HERE = "{model}"  # in the path of an output: one report of each model
GRAVEST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
    ExitCode.CANNOT_DIAGNOSE,
    ExitCode.USAGE,
    ExitCode.FINDINGS,
    ExitCode.OK,
)
Diagnose = Callable[["Run", Outputs], "Conclusion"]


@dataclass(slots=True)
class Joint:
    """What has been found of the models so far."""

    diagnose: Diagnose
    policy: Policy
    whole: Outputs
    quiet: bool
    reports: dict[str, Report] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, ...]] = field(default_factory=list)

    def one(self, name: str, run: "Run", own: Outputs) -> int:
        """Diagnose and tell one model; its findings are gated with those of all."""
        made = self.diagnose(run, Outputs((*self.whole.wanted, *own.wanted)))
        self.reports[name] = made.report
        self.notes.append(made.notes)
        telling.tell_part(made.report, own, self.whole, name=name, quiet=self.quiet)
        return ExitCode.INTERRUPTED if made.report.run.interrupted else ExitCode.OK


def run_several(runs: Sequence["Run"], diagnose: Diagnose, policy: Policy) -> int:
    """Diagnose every model and return the gravest exit code; only Ctrl-C stops the others."""
    names = _names(runs)
    specs = list(runs[0]["output"])
    shared = [spec for spec in specs if HERE not in spec]
    parse([*shared, *(spec for name in names for spec in own_specs(specs, name))])
    joint = Joint(diagnose, policy, parse(shared), bool(runs[0]["quiet"]))
    owned = [parse(own_specs(specs, name)) for name in names]
    codes = []
    for name, run, own in zip(names, runs, owned, strict=True):
        if ExitCode.INTERRUPTED in codes:
            joint.missing[name] = "interrupted before it was its turn"
            continue
        codes.append(code_of(partial(joint.one, name, run, own)))
        if name not in joint.reports:
            joint.missing[name] = f"it could not be diagnosed (exit code {codes[-1]:d})"
    if joint.reports:
        codes.append(code_of(partial(_conclude, joint)))
    return next(code for code in GRAVEST_FIRST if code in codes)


def own_specs(specs: Sequence[str], name: str) -> list[str]:
    """Return the outputs of one model: those with `{model}` in their path."""
    mark = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model"
    return [spec.replace(HERE, mark) for spec in specs if HERE in spec]


def _conclude(joint: Joint) -> int:
    whole = over_models(joint.reports, joint.missing)
    shared = [n for n in joint.notes[0] if all(n in notes for notes in joint.notes)]
    result = gating.beside(whole, joint.policy, shared)
    telling.tell_whole(result.report, joint.whole, quiet=joint.quiet, notes=result.all_notes)
    codes = []
    for name, report in joint.reports.items():
        failing = tuple(f for f in result.failing if f.subject == name)
        codes.append(gating.Gated(replace(report, findings=failing), joint.policy).code)
    return next(code for code in GRAVEST_FIRST if code in codes)


def _names(runs: Sequence["Run"]) -> list[str]:
    """Return a different name for each model."""
    names: list[str] = []
    for run in runs:
        name, number = run.name, 1
        while name in names:
            number += 1
            name = f"{run.name}-{number}"
        names.append(name)
    return names
