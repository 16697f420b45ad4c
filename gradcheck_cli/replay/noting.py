"""The mode through which every function of torch outside modules is handed over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

from gradcheck_cli.probe.listening import join_lowest, leave, leave_later
from gradcheck_cli.probe.shield import around

TRANSFORMED = "a step goes through torch.func (grad, vmap), whose tensors cannot be followed"


class Noting(TorchFunctionMode):
    """Hands every function to `hears`, below the modes of the user, unless it rests.

    It rests inside whatever is one event as a whole, and while we work: then it is off the stack,
    because passing through it costs most where calls are small and many.
    """

    def __init__(self, hears: Callable[[Callable[..., Any], Any, Any], Any]) -> None:
        super().__init__()
        self.hears = hears
        self.inside = 0  # events as a whole
        self.is_over = False
        self._rests = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Hand it over."""
        return around(func, self._hand_over, args, kwargs or {})

    def _hand_over(self, func: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.hears(func, args, kwargs)

    def begin(self) -> None:
        """Join the stack of modes."""
        join_lowest(self)

    def end(self) -> None:
        """Leave the stack for good, wherever it lies there; amid a call of its own, after it."""
        self.is_over = True
        if not leave(self) and self.inside == 0:
            leave_later(self)

    def rest(self) -> None:
        """Hear nothing until `go_on`."""
        self.inside += 1
        if self.inside == 1:
            self._rests = leave(self)

    def go_on(self) -> None:
        """Hear again."""
        self.inside -= 1
        if self.inside == 0 and self._rests and not self.is_over:
            join_lowest(self)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Hear nothing inside."""
        self.rest()
        try:
            yield
        finally:
            self.go_on()
