"""The strategies that this version of torch can run on gloo."""

import pytest
import torch

OLD = tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 7)
FSDP = pytest.param(
    "fsdp", marks=pytest.mark.skipif(OLD, reason="FSDP2 on the CPU needs torch 2.7")
)
