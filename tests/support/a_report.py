"""Hand-made reports for the tests of everything right of the second waist."""

from dataclasses import replace

from gradcheck_cli.records.diagnosis import Arm, Cause, Fix, Status, Verification
from gradcheck_cli.records.finding import Confidence, Evidence, Finding, Severity, Skip
from gradcheck_cli.records.report import History, LayerSummary, Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap, SourceSite

RUN = RunFacts(
    command="gradcheck diagnose sample_models/deep_sigmoid.py",
    model="sample_models/deep_sigmoid.py:build_model",
    data="sample_models/deep_sigmoid.py:data",
    loss="CrossEntropyLoss",
    optimizer="SGD(lr=0.1)",
    steps=50,
    observed_steps=12,
    batch_size=64,
    parameters=29_898,
    gradcheck="0.1.0",
    torch="2.13.0",
    python="3.11.7",
    started="2026-11-23T07:00:00Z",
    seconds=2.5,
)


def layers(count: int = 9, *, sick: bool = True) -> tuple[LayerSummary, ...]:
    """A stack of linear layers; a sick one loses a decade of gradient per layer."""
    return tuple(
        LayerSummary(
            path=f"net.{2 * i}",
            kind="Linear",
            role="linear",
            order=i,
            depth=count - 1 - i,
            numel=4096,
            activation="sigmoid" if i < count - 1 else None,
            built_at=f"sample_models/deep_sigmoid.py:{20 + i}",
            gradient=10.0 ** (-(count - i) * (0.8 if sick else 0.1)),
            gradient_zero=0.0,
            arriving=10.0 ** (-(count - i) * (0.8 if sick else 0.1)),
            weight=8.0,
            update=10.0 ** (-2 - (count - i) * (0.8 if sick else 0.05)),
            spread=0.01 * i,
            dead=0.0,
            saturated=0.4 if sick else 0.02,
            sensitivity=10.0 ** (-(count - i)),
        )
        for i in range(count)
    )


def history(rows: tuple[LayerSummary, ...], steps: int = 12) -> History:
    """Curves that wobble around each layer's median."""
    wobble = [1 + 0.3 * ((i * 7) % 5 - 2) / 2 for i in range(steps)]
    quantities = ("gradient", "update", "dead", "saturated")
    return History(
        steps=tuple(range(0, steps * 4, 4)),
        series={
            q: {row.path: tuple((getattr(row, q) or 0.0) * w for w in wobble) for row in rows}
            for q in quantities
        },
        loss_steps=tuple(range(50)),
        losses=tuple(2.303 - 0.0004 * i for i in range(50)),
    )


def verification(status: Status = Status.VERIFIED) -> Verification:
    """Three arms over two seeds."""
    flat = tuple(2.303 - 0.0004 * i for i in range(50))
    falls = tuple(2.303 * 0.96**i for i in range(50))
    return Verification(
        status=status,
        effect=0.86,
        spread=0.03,
        steps=50,
        seeds=(0, 1),
        seconds=1.2,
        arms=(
            Arm(
                name="control",
                curves=(flat, flat),
                held_out=(2.30, 2.29),
                findings=("vanishing-gradient",),
            ),
            Arm(
                name="sham",
                curves=(flat, flat),
                held_out=(2.30, 2.30),
                findings=("vanishing-gradient",),
            ),
            Arm(name="treated", curves=(falls, falls), held_out=(0.31, 0.33)),
        ),
    )


def sick(count: int = 9) -> Report:
    """A deep sigmoid network, diagnosed."""
    rows = layers(count)
    below = tuple(row.path for row in rows[: max(count - 4, 1)])
    site = SourceSite("sample_models/deep_sigmoid.py", 24, 28, 24, 40)
    return Report(
        verdict=Verdict.SICK,
        headline=f"Gradients vanish below {below[-1]}: replace its sigmoids by LeakyReLU.",
        run=RUN,
        assumptions=("loss: cross-entropy, because the targets are integers below 10",),
        findings=(
            Finding(
                code="GC101",
                name="vanishing-gradient",
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                message=f"The gradient of {below[0]} is 1.6e-06 of the strongest layer's.",
                layers=below,
                evidence=(
                    Evidence("gradient relative to the strongest layer", 1.6e-6, 1e-3, "ratio"),
                    Evidence("decades lost per layer", 0.8, 0.3, "decades"),
                ),
                first_step=0,
                at=site,
            ),
            Finding(
                code="GC403",
                name="stalled-loss",
                severity=Severity.WARNING,
                confidence=Confidence.MEDIUM,
                message="The loss fell by 0.9 % in 50 steps and stays at that of a constant guess.",
                evidence=(Evidence("relative fall of the loss", 0.0085, 0.02, ""),),
            ),
        ),
        causes=(
            Cause(
                name="saturating-activation",
                explains=("GC101", "GC403"),
                score=0.9,
                reasons=(
                    "8 sigmoids lie between net.0 and the loss; each lets at most 1/4 of the gradient pass",
                    "40 % of their outputs lie where the slope is below 0.05",
                ),
                layers=below,
                first_layer=below[-1],
                at=site,
                distinguish="re-initialize only: a sham run with the same activations stays stuck",
            ),
            Cause(
                name="init-too-small",
                explains=("GC101",),
                score=0.2,
                reasons=("std is 0.9 of Xavier's",),
            ),
        ),
        fixes=(
            Fix(
                name="swap-activation",
                treats="saturating-activation",
                risk="review",
                summary="Replace the 8 Sigmoid of net by LeakyReLU, with He initialization.",
                why="The slope of a sigmoid is at most 1/4; that of LeakyReLU is 1 on its active side.",
                cost="The output of a hidden layer is no longer bounded.",
                code="nn.LeakyReLU(0.01)  # was nn.Sigmoid()\nnn.init.kaiming_normal_(layer.weight, a=0.01)",
                at=site,
                layers=below,
                diff="--- a/deep_sigmoid.py\n+++ b/deep_sigmoid.py\n@@ -24 +24 @@\n-    nn.Sigmoid(),\n+    nn.LeakyReLU(),\n",
                verification=verification(),
            ),
            Fix(
                name="insert-normalization",
                treats="saturating-activation",
                risk="review",
                summary="Insert BatchNorm1d before each Sigmoid.",
                why="Normalized inputs stay where the sigmoid is steep.",
                verification=Verification(reason="budget spent"),
            ),
        ),
        passed=("exploding-gradient", "non-finite", "dying-relu"),
        skipped=(Skip("GC503", "precision-underflow", "no reduced precision in use"),),
        gaps=(Gap(what="head.attn", reason="called through a fused kernel"),),
        layers=rows,
        history=history(rows),
        next_steps=("gradcheck fix sample_models/deep_sigmoid.py", "gradcheck explain GC101"),
    )


def healthy() -> Report:
    """The twin that learns."""
    rows = layers(5, sick=False)
    losses = tuple(2.3 * 0.95**i for i in range(50))
    return Report(
        verdict=Verdict.HEALTHY,
        headline="This model learns: the loss fell from 2.3 to 0.186 in 50 steps.",
        run=RUN,
        passed=("vanishing-gradient", "exploding-gradient", "non-finite", "dying-relu"),
        layers=rows,
        history=replace(history(rows), losses=losses),
    )


def empty() -> Report:
    """The least a report can hold."""
    return Report(verdict=Verdict.UNSURE, headline="Too few steps were observed to say.")
