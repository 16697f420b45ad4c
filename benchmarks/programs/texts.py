"""Stand-ins for text: sentences of a small grammar, in the files that programs look for."""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

NOUNS = ("cat", "dog", "bird", "child", "river", "horse", "friend", "teacher")
VERBS = ("sees", "finds", "likes", "follows", "hears", "knows")


def sentences(count: int, seed: int = 0) -> list[str]:
    """Return sentences."""
    words = random.Random(seed)
    return [
        f"the {words.choice(NOUNS)} {words.choice(VERBS)} the {words.choice(NOUNS)} ."
        for _ in range(count)
    ]


def corpus(folder: str, train: int = 400) -> Callable[[Path], None]:
    """Write three files of sentences."""

    def write(root: Path) -> None:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for seed, (name, lines) in enumerate((("train", train), ("valid", 40), ("test", 40))):
            text = "\n".join(sentences(lines, seed)) + "\n"
            (root / folder / f"{name}.txt").write_text(text)

    return write


def characters(folder: str) -> Callable[[Path], None]:
    """Write tokens of such a corpus as nanoGPT reads them: two binary files and a table."""

    def write(root: Path) -> None:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for seed, (name, lines) in enumerate((("train", 400), ("val", 40))):
            raw = ("\n".join(sentences(lines, seed)) + "\n").encode()
            tokens = np.array([c - 10 for c in raw], dtype=np.uint16)
            tokens.tofile(root / folder / f"{name}.bin")
        table = {"vocab_size": 120, "itos": {}, "stoi": {}}
        (root / folder / "meta.pkl").write_bytes(pickle.dumps(table))

    return write


def pairs(folder: str, count: int = 240) -> Callable[[Path], None]:
    """Write pairs of sentences as the MRPC task of GLUE: they say the same where their nouns agree."""

    def write(root: Path) -> None:
        place = root / folder / "mrpc"
        place.mkdir(parents=True, exist_ok=True)
        for seed, (split, rows) in enumerate((("train", count), ("validation", 40), ("test", 40))):
            words = random.Random(seed)
            said = []
            for at in range(rows):
                noun, same = words.choice(NOUNS), at % 2
                other = noun if same else f"no {noun}"
                verb = words.choice(VERBS)
                said.append(
                    {
                        "sentence1": f"the {noun} {verb} the child .",
                        "sentence2": f"the child {verb} the {other} .",
                        "label": same,
                        "idx": at,
                    }
                )
            lines = "\n".join(json.dumps(row) for row in said)
            (place / f"{split}.jsonl").write_text(lines + "\n")
        parts = "\n".join(
            f"  - split: {s}\n    path: mrpc/{s}.jsonl" for s in ("train", "validation", "test")
        )
        head = f"---\nconfigs:\n- config_name: mrpc\n  data_files:\n{parts}\n---\n"
        (root / folder / "README.md").write_text(head)

    return write


def rows(
    folder: str, make: Callable[[random.Random], dict[str, object]], count: int = 160
) -> Callable[[Path], None]:
    """Write a data set of JSON lines, `train` and `test`."""

    def write(root: Path) -> None:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for seed, (split, many) in enumerate((("train", count), ("test", 24))):
            words = random.Random(seed)
            lines = "\n".join(json.dumps(make(words)) for _ in range(many))
            (root / folder / f"{split}.jsonl").write_text(lines + "\n")

    return write
