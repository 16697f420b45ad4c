"""Data files: which reader opens which file, and which columns are training data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.arrays import training_columns
from gradcheck_cli.targets.checkpoints import load_plain
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.wording import describe

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
ARRAYS = (".npz", ".npy")
TENSORS = (".pt", ".pth")
OTHERS = (".safetensors",)


@dataclass(frozen=True, slots=True)
class Opened:
    """Data from a file, and what was assumed about it."""

    data: Any
    notes: tuple[str, ...] = ()


def is_data_file(text: str) -> bool:
    """Does the text name a file or folder of data rather than code?"""
    if text.endswith((*TABLES, *ARRAYS, *TENSORS, *OTHERS)):
        return True
    folder = Path(text).expanduser()
    return folder.is_dir() and not any(
        (folder / name).is_file() for name in ("hubconf.py", "__init__.py")
    )


def open_data_file(text: str, options: Options) -> Opened:
    """Open it with the reader for its kind; nothing in it is ever run.

    Raises UsageError on what is missing, broken, too large for its size, or of no known kind.
    """
    path = Path(text).expanduser()
    if not path.exists():
        raise UsageError(f"no such file: {path}")
    if not (path.is_file() or path.is_dir()):
        raise UsageError(f"can not read {path}: it is no regular file")
    return _reader(path)(path, options)


def _reader(path: Path) -> Callable[[Path, Options], Opened]:
    """Return the reader; each is imported when it is needed."""
    if path.is_dir():
        return _open_folder
    if path.name.endswith(".parquet"):
        from gradcheck_cli.targets.tables import open_parquet

        return lambda path, options: Opened(*open_parquet(path, options))
    if path.name.endswith(TABLES):
        from gradcheck_cli.targets.tables import open_csv

        return lambda path, options: Opened(*open_csv(path, options))
    if path.name.endswith(ARRAYS):
        from gradcheck_cli.targets.arrays import open_arrays

        return lambda path, _: Opened(*open_arrays(path))
    if path.suffix == ".safetensors":
        return _open_safetensors
    return _open_tensors


def _open_folder(path: Path, options: Options) -> Opened:
    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        from gradcheck_cli.targets.saved_datasets import open_dataset

        return Opened(*open_dataset(path, options))
    from gradcheck_cli.targets.pictures import open_pictures

    return Opened(*open_pictures(path))


def _open_tensors(path: Path, options: Options) -> Opened:
    content = load_plain(path, trust=options.trust)
    if isinstance(content, Mapping):
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if not tensors:
            raise UsageError(f"{path} holds no tensors but {describe(content)}")
        kept, notes = training_columns(list(tensors), path)
        return Opened({new: tensors[old] for new, old in kept.items()}, notes)
    if (
        isinstance(content, list)
        and content
        and all(isinstance(entry, Tensor) for entry in content)
    ):
        return Opened(tuple(content))
    return Opened(content)


def _open_safetensors(path: Path, _: Options) -> Opened:
    from gradcheck_cli.targets.safetensors_files import Rows, open_file

    file = open_file(path)
    kept, notes = training_columns(list(file.keys()), path)
    shapes = {new: file.get_slice(old).get_shape() for new, old in kept.items()}
    lengths = {shape[0] if shape else 0 for shape in shapes.values()}
    if len(lengths) != 1:
        raise UsageError(f"{path} has columns of different lengths: {shapes}")
    return Opened(Rows(path, kept, lengths.pop()), notes)
