"""The labelled case bank: `CASES`, each a training problem with what was measured about it.

Two halves, `development` and `held-back`, and sets apart, `fresh`, `unseen`, `later`, `latest` and
`closing`: each written and labelled before the judge, as it then was, saw any of their cases.

Labels come from `evidence.json`, which `python -m benchmarks.label` computes; nothing here and
nothing there asks gradcheck. Cases labelled `ambiguous` stay in the file and are not scored.
"""

import json
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import (
    closing,
    fresh_healthy,
    fresh_others,
    fresh_vanishing,
    healthy_plain,
    healthy_shapes,
    healthy_transformers,
    later,
    latest_healthy,
    latest_sick,
    others,
    unseen_healthy,
    unseen_sick,
    vanishing_depth,
    vanishing_elsewhere,
)
from benchmarks.cases.case import Case, Problem

__all__ = ["CASES", "EVIDENCE", "Case", "Problem"]

EVIDENCE = Path(__file__).parent / "evidence.json"
MODULES = (
    healthy_plain,
    healthy_shapes,
    healthy_transformers,
    vanishing_depth,
    vanishing_elsewhere,
    others,
)
FRESH = (fresh_healthy, fresh_vanishing, fresh_others)
UNSEEN = (unseen_healthy, unseen_sick)
LATEST = (latest_healthy, latest_sick)


def labelled() -> tuple[Case, ...]:
    """Return all cases with the labels that the stored evidence gave them."""
    stored = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
    planted = [case for module in MODULES for case in module.CASES]
    planted += [replace(case, apart="fresh") for module in FRESH for case in module.CASES]
    planted += [replace(case, apart="unseen") for module in UNSEEN for case in module.CASES]
    planted += [replace(case, apart="later") for case in later.CASES]
    planted += [replace(case, apart="latest") for module in LATEST for case in module.CASES]
    planted += [replace(case, apart="closing") for case in closing.CASES]
    return tuple(
        replace(case, label=stored.get(case.name, {}).get("label", "unlabelled"))
        for case in planted
    )


CASES = labelled()
