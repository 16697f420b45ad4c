"""The strategies that this version of torch can run on gloo, and where ranks meet."""

import socket

import pytest
import torch

OLD = tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 7)
FSDP = pytest.param(
    "fsdp", marks=pytest.mark.skipif(OLD, reason="FSDP2 on the CPU needs torch 2.7")
)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
