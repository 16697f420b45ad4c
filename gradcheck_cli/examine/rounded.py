"""Did whole numbers go through half precision?"""

from collections.abc import Iterator

import torch

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

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
