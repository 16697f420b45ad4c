"""Does a part of the loss that no output changes fall without end, as a penalty with the wrong sign does?"""

from collections.abc import Iterator, Sequence

from gradcheck_cli.examine.base import HAS_END, Said
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FAR = 10.0  # times the constant's loss, or what can be gained from there
VERY = 100.0  # times that: as far as no bonus goes
FASTER = 2.0  # times the fall of the first half, in the second: what ends falls ever less, a logarithm evenly


def without_end(prices: Sequence[float], scale: float, steps: int) -> Iterator[Said]:
    """Say so where the best constant, whose outputs stay, costs ever less: `prices` on the way through so many steps."""
    if len(prices) < 3:
        return
    first, middle, last = prices[0], prices[len(prices) // 2], prices[-1]
    early, late = first - middle, middle - last
    limit = -FAR * max(abs(first), scale)
    if last < VERY * limit or (last < limit and late > FASTER * early > 0):
        yield Said(
            about=HAS_END,
            outcome=Outcome.WRONG,
            said=f"{steps} steps later the best constant prediction costs {number(last)} instead of {number(first)}: a part "
            "of the loss that no output changes falls without end; look at the signs of penalties",
            measured=last,
            limit=limit,
            supports=("loss-without-bound",),
        )
