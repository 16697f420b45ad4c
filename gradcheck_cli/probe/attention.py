"""How spread out attention is, from the scores of the first sample's last queries."""

from typing import Any

import torch

_QUERIES = 8
_ROWS = 512
_OUT_OF_SIGHT = 5e3  # below the highest score: masked, by whatever large number
_NAMES = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")


def of_product(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """Return the scores [heads, <= 8, keys] behind scaled_dot_product_attention."""
    given = dict(zip(_NAMES, args, strict=False)) | kwargs
    query, key = given["query"].detach(), given["key"].detach()
    if query.is_nested or query.numel() == 0 or key.numel() == 0:
        return None
    dims, length, keys = query.dim(), query.shape[-2], key.shape[-2]
    q, k = (t[(0,) * (t.dim() - 3 if t.dim() > 3 else t.dim() - 2)] for t in (query, key))
    if q.dim() == 3 and k.shape[0] != q.shape[0]:
        k = k.repeat_interleave(q.shape[0] // k.shape[0], dim=0)
    scores = _wide(q[..., -_QUERIES:, :]) @ _wide(k).mT
    scores = scores * (given.get("scale") or q.shape[-1] ** -0.5)
    mask = given.get("attn_mask")
    if given.get("is_causal"):
        mask = torch.ones(length, keys, dtype=torch.bool, device=q.device).tril()
    return scores if mask is None else _masked(scores, mask.detach(), dims)


def of_softmax(
    given: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> torch.Tensor | None:
    """Return the scores [..., positions] that a softmax over positions was taken of."""
    along = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(along, int) or given.dim() < 3 or given.numel() == 0:
        return None
    scores = given.detach().movedim(along, -1)[0]
    return _wide(scores[..., -_QUERIES:, :])


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.dtype is torch.float64 else tensor.float()


def _masked(scores: torch.Tensor, mask: torch.Tensor, dims: int) -> torch.Tensor:
    """Apply the first sample's part of a mask that is broadcast over samples and heads."""
    while mask.dim() > scores.dim() or (dims == 3 and mask.dim() > 2):
        mask = mask[0]
    if mask.dim() > 1 and mask.shape[-2] > 1:
        mask = mask[..., -_QUERIES:, :]
    return scores.masked_fill(~mask, -torch.inf) if mask.dtype is torch.bool else scores + mask


def entropy(scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the mean entropy of rows of weights, and of rows uniform over what they may see."""
    if scores.shape[-1] < 2:
        return None
    wide = scores.reshape(-1, scores.shape[-1])[-_ROWS:].double()
    weights = torch.nan_to_num(torch.softmax(wide, -1))
    seen = (wide > wide.amax(-1, keepdim=True) - _OUT_OF_SIGHT).sum(-1)
    uniform = seen.clamp_min(1).double().log()
    return torch.special.entr(weights).sum(-1).mean(), uniform.mean()
