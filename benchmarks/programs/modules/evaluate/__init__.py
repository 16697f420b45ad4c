"""Stands in for evaluate, whose metrics are downloaded: accuracy alone."""

from typing import Any


class Accuracy:
    """Right answers among all that were added."""

    def __init__(self) -> None:
        self.right: list[bool] = []

    def add_batch(self, *, predictions: Any, references: Any) -> None:
        """Add answers and labels, each (N,)."""
        self.right += [
            bool(a == b) for a, b in zip(list(predictions), list(references), strict=True)
        ]

    def compute(self, **given: Any) -> dict[str, float]:
        """Return the share of right answers."""
        if given:
            self.add_batch(predictions=given["predictions"], references=given["references"])
        return {"accuracy": sum(self.right) / max(len(self.right), 1)}


def load(*_: Any, **__: Any) -> Accuracy:
    """Return the metric."""
    return Accuracy()
