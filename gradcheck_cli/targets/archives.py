"""Look into zip files before anything in them is read: sizes they declare, pickles they hold."""

import zipfile
from pathlib import Path

from gradcheck_cli.errors import UsageError

BOMB_SIZE = 256 * 2**20  # below this a file may shrink as much as it likes
BOMB_RATIO = 100


def check_not_a_bomb(path: Path) -> None:
    """Raise UsageError when the file would swell to hundreds of times its size."""
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as cause:
        raise UsageError(f"{path} is not a readable file of its kind: {cause}") from None
    on_disk = path.stat().st_size
    if declared > BOMB_SIZE and declared > BOMB_RATIO * on_disk:
        raise UsageError(
            f"{path} is {megabytes(on_disk)} but declares {megabytes(declared)} of content; it is not read"
        )


def megabytes(size: int) -> str:
    """Return a size in MB with one decimal."""
    return f"{size / 2**20:,.1f} MB"
