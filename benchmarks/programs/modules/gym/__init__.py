"""Stands in for gym: gymnasium, which ends the program after EPISODES episodes, as its loop has no option."""

import os
from typing import Any

import gymnasium
from gymnasium import *  # noqa: F403
from gymnasium import spaces as spaces
from gymnasium import wrappers as wrappers


class Ending(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts episodes over all environments of the process."""

    left = int(os.environ.get("EPISODES", "100"))

    def reset(self, **given: Any) -> Any:
        """Begin an episode. Raises SystemExit where none is left."""
        Ending.left -= 1
        if Ending.left < 0:
            raise SystemExit(0)
        return self.env.reset(**given)


def make(*given: Any, **named: Any) -> Any:
    """Return an environment of gymnasium."""
    return Ending(gymnasium.make(*given, **named))
