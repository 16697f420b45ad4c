"""Texts of Python's own modules, and words."""

import keyword
import os
import re
import unicodedata
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from benchmarks.cases.sources import records, tables

MODULES = ("argparse", "ast", "decimal", "textwrap", "socket", "typing")


LETTERS = 96  # printable ASCII, and one for all else


WINDOW = 32


WORDS = 512


PIECE = 48


KNOWN_WORDS = 300


CHARACTERS = 32


@cache
def letters(module: str) -> Tensor:
    """Return the text of a standard module as numbers from 0 to 95."""
    text = (Path(os.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    return torch.tensor([min(max(ord(letter) - 31, 0), LETTERS - 1) for letter in text[:40000]])


@cache
def windows() -> Tensor:
    """Pieces of text, [N, 33]."""
    return letters("argparse").unfold(0, WINDOW + 1, 17)


@cache
def text() -> TensorDataset:
    """Pieces of text, and the same moved on by one letter."""
    return TensorDataset(windows()[:, :-1], windows()[:, 1:])


@cache
def text_records() -> records.Records:
    """Pieces of text as causal language models take them."""
    return records.Records(input_ids=windows()[:, :-1], labels=windows()[:, :-1].clone())


@cache
def masked_records() -> records.Records:
    """Text with some letters hidden, as masked language models take it."""
    seen = windows()[:, :-1].clone()
    hidden = torch.rand(seen.shape, generator=torch.Generator().manual_seed(5)) < 0.15
    wanted = torch.where(hidden, seen, -100)
    return records.Records(input_ids=seen.masked_fill(hidden, 0), labels=wanted)


@cache
def copy_records() -> records.Records:
    """Text to be handed on as it is: an easy task for encoder and decoder."""
    return records.Records(input_ids=windows()[:, :16], labels=windows()[:, :16].clone())


@cache
def authors() -> TensorDataset:
    """Pieces of text [48], and which of six modules each is from."""
    pieces = [letters(module).unfold(0, 48, 40)[:300] for module in MODULES]
    origin = [torch.full((len(piece),), place) for place, piece in enumerate(pieces)]
    return TensorDataset(torch.cat(pieces), torch.cat(origin))


@cache
def author_records() -> records.Records:
    """The same for sequence classifiers of `transformers`."""
    pieces, origin = authors().tensors
    return records.Records(input_ids=pieces, labels=origin)


@cache
def kinds_of_letters() -> TensorDataset:
    """Program text [32], and what each letter is part of; half the letters are not asked."""
    text = letters("textwrap")
    written = "".join(chr(int(letter) + 31) for letter in text)
    kinds = torch.full((len(text),), 0)
    pattern = r"(?P<c>#[^\x1f\x7e]*)|(?P<s>'[^']*')|(?P<n>\d+)|(?P<w>[A-Za-z_]\w*)|(?P<o>[^\w\s])"
    for hit in re.finditer(pattern, written):
        number = "csnwo".index(str(hit.lastgroup)) + 1
        if hit.lastgroup == "w" and keyword.iskeyword(hit.group()):
            number = 6
        kinds[hit.start() : hit.end()] = number
    asked = torch.rand(len(text), generator=torch.Generator().manual_seed(14)) < 0.5
    kinds = torch.where(asked, kinds, -100)
    return TensorDataset(text.unfold(0, WINDOW, 9), kinds.unfold(0, WINDOW, 9))


@cache
def following() -> TensorDataset:
    """Eight letters of program text as 96 numbers each, one of which is 1 [768], and the next."""
    pieces = letters("ast").unfold(0, 9, 5)
    known = torch.nn.functional.one_hot(pieces[:, :-1], 96).flatten(1).float()
    return TensorDataset(known, pieces[:, -1])


@cache
def neighbours() -> TensorDataset:
    """A letter, one close to it, and whether it stood there or was drawn: skip-grams."""
    text = letters("socket")
    random = torch.Generator().manual_seed(15)
    place = torch.randint(2, len(text) - 2, (6000,), generator=random)
    step = torch.tensor([-2, -1, 1, 2])[torch.randint(0, 4, (6000,), generator=random)]
    real = torch.rand(6000, generator=random) < 0.5
    drawn = torch.randint(0, 96, (6000,), generator=random)
    return TensorDataset(text[place], torch.where(real, text[place + step], drawn), real.float())


@cache
def origins() -> TensorDataset:
    """Pieces of text [48] from four modules, and which of them each is from."""
    found = [letters(name).unfold(0, PIECE, 37)[:350] for name in ("ast", "socket", "typing")]
    found.append(letters("tarfile").unfold(0, PIECE, 37)[:350])
    origin = [torch.full((len(piece),), number) for number, piece in enumerate(found)]
    return TensorDataset(torch.cat(found), torch.cat(origin))


@cache
def hashed() -> TensorDataset:
    """Numbers of the hashed three-letter pieces of a text [46], and which of six it is from."""
    pieces, origin = origins().tensors
    grams = pieces.unfold(1, 3, 1)
    numbers = [zlib.crc32(bytes(gram.tolist())) % WORDS for gram in grams.flatten(0, 1)]
    return TensorDataset(torch.tensor(numbers).view(len(pieces), -1), origin)


@cache
def bags() -> TensorDataset:
    """How often each of 512 hashed pieces occurs in a text, mostly never; and where it is from."""
    numbers, origin = hashed().tensors
    counts = torch.zeros(len(numbers), WORDS)
    return TensorDataset(counts.scatter_add(1, numbers, torch.ones(numbers.shape)), origin)


@cache
def backwards() -> TensorDataset:
    """Ten letters of text, what the decoder has said so far, and the letters in reverse order."""
    pieces = letters("textwrap").unfold(0, 10, 7)
    wanted = pieces.flip(1)
    said = torch.cat([torch.zeros_like(wanted[:, :1]), wanted[:, :-1]], dim=1)
    return TensorDataset(pieces, said, wanted)


@cache
def first_letters() -> TensorDataset:
    """Pieces of text [44], and the kind of their first letter: small, large, blank or other."""
    pieces, _ = origins().tensors
    pieces = pieces[:, :44]
    first = pieces[:, 0] + 31
    kind = torch.full_like(first, 3)
    kind[(first >= ord("a")) & (first <= ord("z"))] = 0
    kind[(first >= ord("A")) & (first <= ord("Z"))] = 1
    kind[(first == ord(" ")) | (first < ord(" "))] = 2
    return TensorDataset(pieces, kind)


@cache
def words() -> TensorDataset:
    """Sixteen words of program text, most of them rare, and the same moved on by one."""
    text = "".join(Path(re.__file__).with_name("_parser.py").read_text(encoding="utf-8"))
    found = re.findall(r"\w+|[^\w\s]", text)
    known = {word: n + 1 for n, (word, _) in enumerate(Counter(found).most_common(KNOWN_WORDS - 1))}
    numbers = torch.tensor([known.get(word, 0) for word in found])
    pieces = numbers.unfold(0, 17, 9)
    return TensorDataset(pieces[:, :-1], pieces[:, 1:])


@cache
def characters() -> TensorDataset:
    """The name of a character in Unicode as 32 letters, and which of four kinds it is."""
    kinds = {"Lu": 0, "Ll": 1, "So": 2, "Sm": 3}
    rows, wanted = [], []
    for code in range(0x20, 0x2C00):
        kind = kinds.get(unicodedata.category(chr(code)))
        name = unicodedata.name(chr(code), "")
        if kind is not None and name:
            rows.append([ord(letter) - 31 for letter in name[:CHARACTERS].ljust(CHARACTERS)])
            wanted.append(kind)
    return TensorDataset(torch.tensor(rows), torch.tensor(wanted))


@cache
def bare_letters() -> TensorDataset:
    """Pieces of text as the numbers of their letters [48], and which of four modules they are from."""
    pieces, origin = origins().tensors
    return TensorDataset(pieces.float(), origin)


@cache
def scaled_letters() -> TensorDataset:
    """The same with mean 0 and standard deviation 1."""
    pieces, origin = bare_letters().tensors
    return TensorDataset(tables.scaled(pieces), origin)


@cache
def shuffled_characters() -> TensorDataset:
    """Names of characters with the kinds in another order."""
    names, kinds = characters().tensors
    order = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(34))
    return TensorDataset(names, kinds[order])
