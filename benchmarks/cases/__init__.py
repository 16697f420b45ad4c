"""The labelled case bank: `CASES`, each a training problem with what was measured about it.

Cases stand by topic, sick ones by what ails them; networks, sources, losses and optimizers are one library.
Which set a case belongs to does not follow from where it stands: `sets.yaml` names the cases of `fresh`,
`unseen`, `later`, `latest` and `closing`, each written and labelled before the judge, as it then was, saw any
of them. All others are of one of two halves, `development` and `held-back`, by their names.

Labels come from `evidence.json`, which `python -m benchmarks.label` computes; nothing here and
nothing there asks gradcheck. Cases labelled `ambiguous` stay in the file and are not scored.
"""

import json
from dataclasses import replace
from pathlib import Path

import yaml

from benchmarks.cases import (
    activations,
    data,
    depth,
    healthy_codes,
    healthy_convolution,
    healthy_places,
    healthy_recurrence,
    healthy_stacks,
    healthy_transformers,
    initialization,
    recurrence,
    steps,
    wiring,
)
from benchmarks.cases.case import Case, Problem
from benchmarks.cases.twins import twins

__all__ = ["CASES", "EVIDENCE", "SETS", "Case", "Problem"]

EVIDENCE = Path(__file__).with_name("evidence.json")
SETS = Path(__file__).with_name("sets.yaml")
TOPICS = (
    healthy_stacks,
    healthy_convolution,
    healthy_places,
    healthy_recurrence,
    healthy_codes,
    healthy_transformers,
    activations,
    initialization,
    depth,
    recurrence,
    steps,
    wiring,
    data,
)


def labelled() -> tuple[Case, ...]:
    """Return all cases with their sets, and the labels that the stored evidence gave them."""
    stored = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
    sets = yaml.safe_load(SETS.read_text(encoding="utf-8"))
    apart = {case: name for name, cases in sets.items() for case in cases}
    planted = [case for topic in TOPICS for case in topic.CASES]
    return tuple(
        replace(
            case,
            apart=apart.get(case.name, ""),
            label=stored.get(case.name, {}).get("label", "unlabelled"),
        )
        for case in (*planted, *twins(planted))
    )


CASES = labelled()
