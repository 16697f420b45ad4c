"""The reason for a fix begins with what was measured in this training."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gradcheck_cli.records.diagnosis import Cause
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.remedies.base import Case, Draft, Remedy

CARD = """Exchange it.

Works because  The other one has a larger slope.
Costs          Nothing.
Not for        Anything else.
Sources        None.
"""


def reason(*reasons: str, first: str | None = None) -> str:
    cause = Cause(name="saturation", explains=(), score=1.0, reasons=reasons, first_layer=first)
    remedy = Remedy(
        name="exchange",
        treats=("saturation",),
        risk="safe",
        part="modules",
        card=CARD,
        draft=lambda _: [Draft(summary="Exchange it.")],
    )
    case: Any = SimpleNamespace(cause=cause, trace=Trace())
    [proposal] = remedy.propose(cast("Case", case))
    return proposal.fix.why


@pytest.mark.parametrize(
    ("reasons", "first", "said"),
    [
        (("9 layers have slope 0.24",), "8", "9 layers have slope 0.24, first at layer 8."),
        (("body.3 has slope 0.24.", "and more"), "body.3", "body.3 has slope 0.24."),
        (("9 layers have slope 0.24",), None, "9 layers have slope 0.24."),
    ],
)
def test_the_reason_names_numbers_and_layer(
    reasons: tuple[str, ...], first: str | None, said: str
) -> None:
    told = reason(*reasons, first=first)
    assert told == f"In this training: {said} The other one has a larger slope."


def test_without_evidence_the_reason_is_that_of_the_card() -> None:
    assert reason() == "The other one has a larger slope."
