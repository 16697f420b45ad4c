"""Other initial weights of the same kind: what a training would have started from with another seed.

The elements of a randomly initialized tensor are exchangeable, so a shuffle of them is as likely a draw
as the one that was seen, whatever drew it. Two kinds of tensors are no such draw: an orthogonal matrix
(shuffled by whole rows and columns, which keeps it orthogonal) and one that was trained or built by
hand (kept as it is).
"""

import torch
from torch import Tensor, nn

VARIED = 0.5  # share of distinct values, in a sample, from which a tensor counts as drawn at random
SAMPLE = 1024
ALIKE = 1e-3  # relative spread of singular values below which a matrix is orthogonal
STRUCTURED = 1.5  # times the largest singular value of a shuffle, above which it was not just drawn
LARGE = 4096  # rows or columns, above which a matrix is judged by a part


def is_drawn(tensor: Tensor) -> bool:
    """Does it look drawn at random, element by element or as an orthogonal matrix?"""
    if not tensor.is_floating_point() or tensor.numel() < 2:
        return False
    some = tensor.detach().flatten()[:SAMPLE].float()
    if len(torch.unique(some)) <= VARIED * min(len(some), 64):
        return False
    return tensor.ndim < 2 or _is_orthogonal(tensor) or not _is_structured(tensor)


def redrawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return another draw of the same distribution. The tensor must be one that `is_drawn`."""
    if tensor.ndim >= 2 and _is_orthogonal(tensor):
        rows = torch.randperm(tensor.shape[0], generator=generator).to(tensor.device)
        columns = torch.randperm(tensor.shape[1], generator=generator).to(tensor.device)
        signs = torch.randint(0, 2, (tensor.shape[0],), generator=generator).to(tensor) * 2 - 1
        moved = tensor[rows][:, columns]
        return moved * signs.view(-1, *[1] * (tensor.ndim - 1))
    order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
    return tensor.flatten()[order].view_as(tensor)


def redraw(model: nn.Module, seed: int) -> bool:
    """Draw every trained tensor of the model again that `is_drawn`; False where none is."""
    generator = torch.Generator().manual_seed(seed)
    wanted = [p for p in model.parameters() if p.requires_grad and is_drawn(p)]
    with torch.no_grad():
        for tensor in wanted:
            tensor.copy_(redrawn(tensor, generator))
    return bool(wanted)


def _matrix(tensor: Tensor) -> Tensor:
    return tensor.detach().flatten(1)[:LARGE, :LARGE].float()


def _is_orthogonal(tensor: Tensor) -> bool:
    matrix = tensor.detach().flatten(1)
    if min(matrix.shape) < 2 or max(matrix.shape) > LARGE:
        return False
    small = matrix.float() if matrix.shape[0] <= matrix.shape[1] else matrix.float().T
    gram = small @ small.T
    scale = gram.diagonal().mean()
    if not scale > 0:
        return False
    off = (gram / scale - torch.eye(len(gram), device=gram.device)).abs().max()
    return bool(off < ALIKE)


def _is_structured(tensor: Tensor) -> bool:
    """Has a matrix directions that a random one of these elements has not? So have trained weights."""
    matrix = _matrix(tensor)
    if min(matrix.shape) < 8:  # too small to tell
        return False
    order = torch.randperm(matrix.numel(), generator=torch.Generator().manual_seed(0))
    shuffled = matrix.flatten()[order.to(matrix.device)].view_as(matrix)
    return _norm(matrix) > STRUCTURED * _norm(shuffled)


def _norm(matrix: Tensor) -> float:
    """Return the largest singular value without the mean, by power iteration."""
    centered = matrix - matrix.mean()
    vector = torch.ones(matrix.shape[1], device=matrix.device)
    vector[::2] = -1.0
    for _ in range(12):
        vector = centered.T @ (centered @ vector)
        vector = vector / vector.norm().clamp_min(1e-30)
    return float((centered @ vector).norm())
