"""Numbers in the data that nobody measured: codes for what is missing (-9999, 999), whole numbers that were rounded."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

APART = 20.0  # standard deviations of the other values, between a code and the nearest of them
SEVERAL = 3  # samples with a code: fewer are outliers
DISTINCT = 10  # other values: of fewer the column is a choice or a count
CODES = 4  # of one column, at most
WIDEST = 1_000  # columns of a table


def of_missing(subject: Subject) -> Iterator[Said]:
    """Say where a column holds one number again and again, far from all others, which vary."""
    found: list[tuple[float, str, int, float, float]] = []
    batches = [subject.inputs(batch) for batch in subject.batches]
    for name, first in batches[0].items():
        if first.ndim != 2 or not first.is_floating_point() or first.shape[1] > WIDEST:
            continue
        rows = [x[name] for x in batches if name in x and x[name].shape[1:] == first.shape[1:]]
        table, once = torch.cat(rows).detach().cpu().double(), _once(rows)
        found += [
            (apart, name, index, code, float((table[:, index] == code).double().mean()))
            for index, column in enumerate(once.T)
            for code, apart in _codes(column)
        ]
    if not found:
        return
    apart, name, index, code, share = max(found)
    columns = {x[1:3] for x in found}
    more = f" (and so in {len(columns) - 1} more columns)" if len(columns) > 1 else ""
    yield Said(
        about="values-measured",
        outcome=Outcome.WRONG,
        said=f"in column {index} of {name} {number(100 * share)} % of the samples hold exactly {number(code)}, {number(apart)} standard "
        f"deviations of the other values away from the nearest of them{more}: is it a code for missing values? "
        "Replace it before inputs are scaled, and add a column that says where it was",
        measured=apart,
        limit=APART,
        unit="standard deviations",
        supports=("degenerate-data",),
    )


def _once(batches: list[Tensor]) -> Tensor:
    """Return each row as often as the batch holds it that has it most often: the same in two may be one sample."""
    rows: Tensor
    rows, of = torch.cat(batches).detach().cpu().double().unique(dim=0, return_inverse=True)
    parts = of.split([len(x) for x in batches])
    most = torch.stack([part.bincount(minlength=len(rows)) for part in parts]).amax(0)
    return rows.repeat_interleave(most, dim=0)


def _codes(column: Tensor) -> Iterator[tuple[float, float]]:
    """Yield numbers at the ends of a column that repeat: each, and how far it is from the others, in their spreads."""
    rest, codes = column, list[Tensor]()
    while len(codes) < CODES and len(rest):
        ends = [end for end in (rest.min(), rest.max()) if (rest == end).sum() >= SEVERAL]
        if not ends:
            break
        codes += ends[:1]
        rest = rest[rest != ends[0]]
    if len(rest.unique()) < DISTINCT:
        return
    spread = float(rest.std())
    for code in codes:
        apart = float((rest - code).abs().min())
        if apart >= APART * spread > 0:
            yield float(code), apart / spread


SURE = 64  # different numbers: by chance half of them or more are odd


def rounded(subject: Subject) -> Iterator[Said]:
    """Say where whole numbers went through half precision: of 2^k and more, multiples of 2^(k - bits) are left."""
    for name, first in subject.inputs(subject.batches[0]).items():
        if first.is_floating_point() or first.is_complex() or first.dtype == torch.bool:
            continue
        found = torch.cat([subject.inputs(b)[name].flatten() for b in subject.batches]).unique()
        for kind in (torch.bfloat16, torch.float16):
            exact = 2 / torch.finfo(kind).eps  # up to here all; from twice that on every fourth
            large, odd = found[found >= 2 * exact], found[found < exact] % 2 == 1
            even = torch.equal(large.to(kind).to(large), large)
            if even and len(large) >= SURE and bool(odd.any()):
                yield Said(
                    about="numbers-whole",
                    outcome=Outcome.WRONG,
                    said=f"all {len(large)} different numbers of {name} from {number(float(large.min()))} on are such as {str(kind)[6:]} "
                    "can hold: were they rounded? Keep numbers of rows in whole numbers",
                    measured=float(len(large)),
                    limit=float(SURE),
                    supports=("low-precision",),
                )
                return
