"""What trying a fix showed: the loss of every arm, seed by seed, and where each arm ended."""

from collections.abc import Iterator, Sequence

from gradcheck_cli.records.diagnosis import Arm, Fix, Verification
from gradcheck_cli.renderers.html.charts import Chart, Line, chart
from gradcheck_cli.renderers.words import ARMS, clean, mean, number

CSS_OF_ARM = {"control": "control", "sham": "sham", "treated": "treated"}
ALONE = 3  # fixes, the first ones, whose seeds are drawn one by one


def curves(fix: Fix, rank: int) -> Chart | None:
    """Return the loss with and without the fix: thin lines are seeds, thick ones their means."""
    lines: list[Line] = []
    for arm in fix.verification.arms:
        lines += _lines(arm, fix.verification.steps, alone=rank <= ALONE)
    if not lines:
        return None
    return chart("Loss with and without the fix", lines, x_label="step", whole=True)


def _lines(arm: Arm, longest: int, *, alone: bool) -> Iterator[Line]:
    name, css = ARMS.get(arm.name, clean(arm.name)), CSS_OF_ARM.get(arm.name, "control")
    if not any(arm.curves):
        return
    alike = len({(len(c), n) for c, n in zip(arm.curves, _steps(arm, longest), strict=True)}) == 1
    if (alone or not alike) and len(arm.curves) > 1:
        for curve, steps in zip(arm.curves, _steps(arm, longest), strict=True):
            if curve:
                yield Line(name, css, curve, places=_places(len(curve), steps), thin=alike)
    if alike:
        length = len(arm.curves[0])
        means = [mean([curve[i] for curve in arm.curves]) for i in range(length)]
        yield Line(name, css, means, places=_places(length, _steps(arm, longest)[0]))


def _steps(arm: Arm, longest: int) -> Sequence[int]:
    """Return how many steps each curve covers; old reports know it of the longest run only."""
    if len(arm.steps) == len(arm.curves):
        return arm.steps
    return [max(longest, len(curve)) for curve in arm.curves]


def _places(points: int, steps: int) -> list[float]:
    """Return the steps of the points, the middle of its neighbors for a mean."""
    width = max(steps, points) / points
    return [round((i + 0.5) * width - 0.5, 1) for i in range(points)]


def keys(drawn: Chart) -> list[tuple[str, str]]:
    """Return name and style of each arm once."""
    return list(dict.fromkeys((line.name, line.css) for line in drawn.lines))


def ends(verification: Verification) -> list[tuple[str, str, str]]:
    """Return each arm's name, mean loss at its end and findings left.

    A change that only one seed was spent on has been trained, and not watched.
    """
    nothing = "none" if len(verification.seeds) > 1 else "not looked at"
    return [
        (
            ARMS.get(arm.name, clean(arm.name)),
            number(mean(arm.held_out)) if arm.held_out else "-",
            ", ".join(map(clean, arm.findings)) or nothing,
        )
        for arm in verification.arms
    ]
