"""Which recorded thing a tensor is: made by an event, a parameter, a view of one, or data."""

import gc
import types
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.probe.picking import is_lazy
from gradcheck_cli.replay.values import Alias, Given, Kept, Made, Owned, Placeholder
from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.optimizers import ids_held_by

_MANY = 1000  # tensors that are compared with one that is written to


class Unknown(Exception):  # noqa: N818 - not an error: where the recording has to end
    """A tensor whose computation was not seen."""


@dataclass(slots=True)
class Identities:
    """Looks tensors up by identity. A tensor is only referred to weakly: it may be freed meanwhile."""

    made: dict[int, tuple["weakref.ref[Tensor]", int]] = field(default_factory=dict)
    owned: dict[int, Owned] = field(default_factory=dict)
    trained: set[int] = field(default_factory=set)  # what optimizers were built for
    storages: dict[int, Owned] = field(default_factory=dict)  # by address
    data: dict[int, tuple["weakref.ref[Tensor]", int, Given]] = field(default_factory=dict)
    holders: list[tuple[Any, Any]] = field(default_factory=list)  # where attributes were found
    slots: int = 0
    given: int = 0  # data that were seen
    copied: int = 0  # bytes of data since the last sweep

    def add_module(self, root: nn.Module) -> None:
        """Know the parameters and buffers of a module."""
        for module in root.modules():
            for name, tensor in (*module._parameters.items(), *module._buffers.items()):  # noqa: SLF001
                if tensor is None:
                    continue
                known = self.owned.get(id(tensor))
                if known is None:
                    self._own(Owned(tensor, module, name))
                elif known.module is None:
                    known.module, known.name = module, name

    def expect(self, optimizer: torch.optim.Optimizer) -> None:
        """Know that an optimizer was built; what it trains may still be initialized."""
        self.trained |= ids_held_by(optimizer)

    def add_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Know what an optimizer trains, whoever holds it."""
        self.expect(optimizer)
        for group in optimizer.param_groups:
            for tensor in group["params"]:
                if id(tensor) not in self.owned:
                    self._own(Owned(tensor))

    def _own(self, owned: Owned) -> None:
        tensor = owned.tensor
        self.owned[id(tensor)] = owned
        if (memory := _memory_of(tensor)) is not None:
            self.storages[memory] = owned

    def is_followed(self, tensor: Tensor) -> bool:
        """Is it a parameter, a buffer, or made by something recorded?"""
        if id(tensor) in self.owned:
            return True
        entry = self.made.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            return True
        if tensor.requires_grad and not is_leaf(tensor):
            return True  # made by something that was not seen: to be found out
        return self._owner_of(tensor) is not None

    def is_new_weight(self, tensor: Tensor) -> bool:
        """Is it trained, though nothing recorded has used it yet?"""
        weight = isinstance(tensor, nn.Parameter) or id(tensor) in self.trained
        return weight and id(tensor) not in self.owned

    def is_state(self, tensor: Tensor) -> bool:
        """Does it lie in the memory of a parameter or buffer, or of its gradient?"""
        return id(tensor) in self.owned or self._owner_of(tensor) is not None

    def _owner_of(self, tensor: Tensor) -> Owned | None:
        """Return in whose memory it lies; where `p.data = ...` left its memory, others come to lie there."""
        memory = _memory_of(tensor)
        owner = None if memory is None else self.storages.get(memory)
        if owner is None or _memory_of(owner.tensor) == memory:
            return owner
        del self.storages[memory or 0]
        return None

    def lies_alone(self, tensor: Tensor) -> bool:
        """Does nothing else that is known lie in its memory? Among very many that is not asked."""
        memory = _memory_of(tensor)
        seen = [entry[0] for known in (self.made, self.data) for entry in known.values()]
        if not memory or len(seen) > _MANY or self.is_state(tensor):
            return False
        others = (reference() for reference in seen)
        return not any(
            t is not None and t is not tensor and _memory_of(t) == memory for t in others
        )

    def slot_of(self, tensor: Tensor) -> int | None:
        """Return the slot of a tensor that was made by something recorded."""
        entry = self.made.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def make(self, tensor: Tensor) -> int:
        """Give a tensor that came out of an event a slot."""
        self.slots += 1
        self.made[id(tensor)] = (weakref.ref(tensor), self.slots)
        return self.slots

    def placeholder(self, tensor: Tensor, *, written: bool = False) -> Placeholder:
        """Return what stands for a tensor. Raises Unknown where that cannot be said."""
        if id(tensor) in self.owned:
            return self.owned[id(tensor)]
        slot = self.slot_of(tensor)
        if slot is not None:
            return Made(slot)
        if self.is_new_weight(tensor):
            self._own(Owned(tensor))
            return self.owned[id(tensor)]
        if tensor.requires_grad and not is_leaf(tensor):
            return self._kept(tensor)
        if tensor.numel() and (owner := self._owner_of(tensor)) is not None:
            offset = int(tensor.storage_offset())
            return Alias(owner, tuple(tensor.size()), tuple(tensor.stride()), offset)
        return self._given(tensor, written=written)

    def _given(self, tensor: Tensor, *, written: bool) -> Given:
        known = self.data.get(id(tensor))
        same = known is not None and known[0]() is tensor and known[1] == version(tensor)
        if known is not None and same and (not written or known[2].fresh):
            return known[2]
        copy = tensor.detach().clone()
        self.copied += copy.numel() * copy.element_size()
        fresh = written or tensor.requires_grad
        given = Given(copy.requires_grad_() if tensor.requires_grad else copy, fresh, self.given)
        self.given += 1
        self.data[id(tensor)] = (weakref.ref(tensor), version(tensor), given)
        return given

    def _kept(self, tensor: Tensor) -> Kept:
        """Find the attribute, list or dict that holds what came out of a module by the side."""
        for holder, key in self.holders:
            if _held(holder, key) is tensor:
                return Kept(holder, key)
        found = [f for holder in gc.get_referrers(tensor) if (f := _key_in(holder, tensor))]
        lasting = next((f for f in found if _lasts(f[0])), None)
        if lasting is None:
            raise Unknown
        self.holders.append(lasting)
        return Kept(*lasting)

    def sweep(self) -> None:
        """Forget tensors that are gone."""
        self.copied = 0
        self.made = {key: entry for key, entry in self.made.items() if entry[0]() is not None}
        self.data = {key: entry for key, entry in self.data.items() if entry[0]() is not None}

    @property
    def live_slots(self) -> set[int]:
        """Slots of tensors that somebody still holds."""
        return {slot for reference, slot in self.made.values() if reference() is not None}


def _memory_of(tensor: Tensor) -> int | None:
    """Return the address of its memory; None where it has none of its own, as tensors of transforms."""
    plain = type(tensor) in (Tensor, nn.Parameter) and tensor.layout is torch.strided
    if not plain or is_lazy(tensor):
        return None
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # so says torch of the zeros it does not hold
        return None


def _lasts(holder: Any) -> bool:
    """Does anything but a running function refer to it? The arguments of a call do not last."""
    return any(not isinstance(x, types.FrameType) for x in gc.get_referrers(holder))


def version(tensor: Tensor) -> int:
    """Return a number that grows when the tensor is written to."""
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001 - as autograd itself asks


def _held(holder: Any, key: Any) -> Any:
    if isinstance(holder, list):
        return holder[key] if key < len(holder) else None
    return holder.get(key)


def _key_in(holder: Any, tensor: Tensor) -> tuple[Any, Any] | None:
    """Return the dict or list, and the key, at which a holder has the tensor."""
    if isinstance(holder, nn.Module):
        holder = vars(holder)
    if isinstance(holder, list):
        return next(((holder, i) for i, entry in enumerate(holder) if entry is tensor), None)
    if isinstance(holder, dict) and "__builtins__" not in holder:
        return next(((holder, key) for key, entry in holder.items() if entry is tensor), None)
    return None
