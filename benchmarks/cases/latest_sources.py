"""Data and losses of the latest cases: digits in a row, words, pairs to rank, chances, brightness."""

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import TensorDataset

from benchmarks.cases.fresh_sources import origins, patches, photos
from benchmarks.cases.sources import letters, scaled, table
from sample_models.digits import ink, labels, standardized

WORDS = 300
CHARACTERS = 32


@cache
def three_digits() -> TensorDataset:
    """Three images side by side as 24 columns [24, 8], and their three digits: [3]."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(31))[:1797].view(-1, 3)
    columns = standardized().view(-1, 8, 8).mT[order].flatten(1, 2)
    return TensorDataset(columns, labels()[order])


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
    known = {word: n + 1 for n, (word, _) in enumerate(Counter(found).most_common(WORDS - 1))}
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
    return TensorDataset(scaled(pieces), origin)


@cache
def two_patients() -> TensorDataset:
    """Two patients' measurements, and whose disease went further: 1 or -1."""
    features, progress = table("diabetes")
    known = scaled(features)
    other = torch.randperm(len(known), generator=torch.Generator().manual_seed(32))
    return TensorDataset(known, known[other], (progress - progress[other]).sign().float())


@cache
def patients_asked() -> TensorDataset:
    """Patients' measurements, their standardized progress [1], and nothing asked beyond them."""
    features, progress = table("diabetes")
    return TensorDataset(
        scaled(features), scaled(progress.float()).unsqueeze(1), torch.zeros(len(features))
    )


@cache
def counting() -> TensorDataset:
    """A digit, an image of the next digit, and the reward: 1 where the count ends with a nine."""
    kinds = labels()
    random = torch.Generator().manual_seed(33)
    after = torch.empty_like(kinds)
    for digit in range(10):
        choice = (kinds == (digit + 1) % 10).nonzero().flatten()
        asked = kinds == digit
        drawn = torch.randint(0, len(choice), (int(asked.sum()),), generator=random)
        after[asked] = choice[drawn]
    return TensorDataset(standardized(), standardized()[after], (kinds == 9).float())


@cache
def deep_photos() -> TensorDataset:
    """Pieces of two photos [3, 16, 16] in sixteen bits, 0 to 65,535, and which photo each is from."""
    pieces, origin = patches()
    return TensorDataset(pieces * 257, origin)


@cache
def brightness() -> TensorDataset:
    """Pieces of two photos, and how bright the middle of each is from 0 to 255: []."""
    pieces, _ = photos().tensors
    raw, _ = patches()
    return TensorDataset(pieces, raw[:, :, 6:10, 6:10].mean(dim=(1, 2, 3)))


@cache
def scaled_brightness() -> TensorDataset:
    """The same with mean 0 and standard deviation 1: []."""
    pieces, bright = brightness().tensors
    return TensorDataset(pieces, scaled(bright))


@cache
def brightness_columns() -> TensorDataset:
    """The same in a column of its own: [1]."""
    pieces, bright = scaled_brightness().tensors
    return TensorDataset(pieces, bright.unsqueeze(1))


@cache
def coloured_places() -> TensorDataset:
    """Places in a photo [2] from 0 to 1, and the standardized colour there: [3]."""
    pieces, _ = patches()
    photo = pieces[:1040].view(26, 40, 3, 16, 16).movedim(2, 0).movedim(2, 3)
    small = functional.avg_pool2d(photo.reshape(3, 26 * 16, 40 * 16), 8)
    rows, columns = (torch.linspace(0, 1, extent) for extent in small.shape[1:])
    return TensorDataset(torch.cartesian_prod(rows, columns), scaled(small.flatten(1).T))


@cache
def logged_wine() -> TensorDataset:
    """Logarithms of a wine's measurements, one of which was entered as 0 now and then."""
    features, growers = table("wine")
    features = features.clone()
    features[::12, 6] = 0.0
    return TensorDataset(features.log(), growers)


@cache
def clean_logged_wine() -> TensorDataset:
    """Logarithms of a wine's measurements, standardized."""
    features, growers = table("wine")
    return TensorDataset(scaled(features.log()), growers)


@cache
def shuffled_characters() -> TensorDataset:
    """Names of characters with the kinds in another order."""
    names, kinds = characters().tensors
    order = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(34))
    return TensorDataset(names, kinds[order])


@cache
def shuffled_photos() -> TensorDataset:
    """Pieces of two photos with their origin in another order."""
    pieces, origin = photos().tensors
    order = torch.randperm(len(origin), generator=torch.Generator().manual_seed(35))
    return TensorDataset(pieces, origin[order])


@cache
def inked_rows() -> TensorDataset:
    """Images as eight rows [8, 8] from 0 to 1, and the same to be rebuilt."""
    rows = ink().view(-1, 8, 8)
    return TensorDataset(rows, rows)


@cache
def inked_pixels() -> TensorDataset:
    """Images [1, 8, 8] from 0 to 1, and which of four grey levels each pixel has."""
    images = ink().view(-1, 1, 8, 8)
    return TensorDataset(images, (images.squeeze(1) * 3.999).long())


@cache
def colliding() -> TensorDataset:
    """Times from 0 to 4 at which a physical law is asked of the network, and nothing."""
    return TensorDataset(torch.linspace(0, 4, 512).unsqueeze(1), torch.zeros(512))


def spelled(output: Tensor, target: Tensor) -> Tensor:
    """Connectionist temporal classification of [batch, time, kinds], the last kind is none."""
    scores = output.log_softmax(dim=2).transpose(0, 1)
    lengths = torch.full((len(output),), output.shape[1])
    asked = torch.full((len(output),), target.shape[1])
    blank = output.shape[2] - 1
    return functional.ctc_loss(scores, target, lengths, asked, blank=blank)


def ranked(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """The higher of two must be scored higher, by a margin."""
    return functional.margin_ranking_loss(*output, target, margin=0.5)


def expected(output: Tensor, target: Tensor) -> Tensor:
    """Minus the expected reward of a policy that is paid for the right digit, and its entropy."""
    chances = output.softmax(dim=1)
    entropy = -(chances * output.log_softmax(dim=1)).sum(dim=1)
    paid = chances.gather(1, target.unsqueeze(1)).squeeze(1)
    return 1 - paid.mean() - 0.01 * entropy.mean()


def mixed(output: tuple[Tensor, Tensor, float], target: Tensor) -> Tensor:
    """Cross-entropy against both images of a mixture."""
    scores, order, share = output
    first = functional.cross_entropy(scores, target)
    return share * first + (1 - share) * functional.cross_entropy(scores, target[order])


def gaussian(output: Tensor, target: Tensor) -> Tensor:
    """Minus the logarithm of a normal density whose width the network gives as well."""
    mean, log_variance = output.chunk(2, dim=1)
    return 0.5 * (log_variance + (target - mean).square() / log_variance.exp()).mean()


def rebuilt(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of every pixel."""
    return functional.binary_cross_entropy_with_logits(output, target)


def by_hand(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of chances, as one writes it by hand."""
    return -(target * (output + 1e-7).log() + (1 - target) * (1 - output + 1e-7).log()).mean()


def of_pixels(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the grey level of every pixel."""
    return functional.cross_entropy(output, target)


def absolute(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error that lets shapes broadcast."""
    return (output - target).abs().mean()
