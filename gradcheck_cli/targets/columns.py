"""Which columns of a file are training data."""

from pathlib import Path

from gradcheck_cli.errors import UsageError


def training_columns(names: list[str], path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return new to old names: those for training, without a `train_` that all the rest says.

    `{x_train, y_train, x_test, y_test}` becomes `{x: x_train, y: y_train}`, and that is said.
    """
    if not names:
        raise UsageError(f"{path} is empty: it holds no array")
    parted = {name: name.lower().replace("-", "_").split("_") for name in names}
    training = [name for name, parts in parted.items() if "train" in parts]
    if not training:
        return {name: name for name in names}, ()
    left = [name for name in names if name not in training]
    kept = {
        "_".join(part for part in parted[name] if part != "train") or name: name
        for name in training
    }
    if not left:
        return kept, ()
    return kept, (f"data: {', '.join(training)} of {path}; {', '.join(left)} is left alone",)
