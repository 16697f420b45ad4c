"""The digits, and what can be asked about them."""

from functools import cache

import torch
from torch.utils.data import TensorDataset

from benchmarks.cases.sources import records
from sample_models.digits import ink, labels, pixels, standardized


@cache
def digits() -> TensorDataset:
    """Standardized images [64] and their digit."""
    return TensorDataset(standardized(), labels())


@cache
def unit_digits() -> TensorDataset:
    """Images [64] from 0 to 1 and their digit."""
    return TensorDataset(ink(), labels())


@cache
def raw_digits() -> TensorDataset:
    """Images [64] from 0 to 255 and their digit."""
    return TensorDataset(pixels(), labels())


@cache
def dark_digits() -> TensorDataset:
    """Images [64] from -1 (full ink) to 0 and their digit."""
    return TensorDataset(-ink(), labels())


@cache
def images() -> TensorDataset:
    """Standardized images [1, 8, 8] and their digit."""
    return TensorDataset(standardized().view(-1, 1, 8, 8), labels())


@cache
def rows() -> TensorDataset:
    """Images as sequences of eight rows [8, 8] and their digit."""
    return TensorDataset(standardized().view(-1, 8, 8), labels())


@cache
def pixel_rows() -> TensorDataset:
    """Images as sequences of 64 pixels [64, 1] and their digit."""
    return TensorDataset(standardized().unsqueeze(-1), labels())


@cache
def first_32_digits() -> TensorDataset:
    """One batch of images and their digit."""
    return TensorDataset(standardized()[:32], labels()[:32])


@cache
def shuffled_digits() -> TensorDataset:
    """Images with labels in another order: nothing to learn."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(1))
    return TensorDataset(standardized(), labels()[order])


@cache
def blank_digits() -> TensorDataset:
    """Images lost in a whole-number division: all pixels 0."""
    return TensorDataset(pixels() // 256, labels())


@cache
def constant_digits() -> TensorDataset:
    """The average image for every digit."""
    mean = standardized().mean(dim=0, keepdim=True)
    return TensorDataset(mean.expand(1797, -1).clone(), labels())


@cache
def broken_digits() -> TensorDataset:
    """Images of which every tenth has a pixel that is not a number."""
    broken = standardized()
    broken[::10, 20] = float("nan")
    return TensorDataset(broken, labels())


@cache
def digit_values() -> TensorDataset:
    """Images and their digit as a number from 0 to 9."""
    return TensorDataset(standardized(), labels().float())


@cache
def digit_scores() -> TensorDataset:
    """Images and their digit as a standardized number."""
    return TensorDataset(standardized(), (labels() - 4.5) / 2.87)


@cache
def digit_columns() -> TensorDataset:
    """Images and their digit as a standardized number in a column of its own: [1]."""
    return TensorDataset(standardized(), ((labels() - 4.5) / 2.87).unsqueeze(1))


@cache
def onehot_digits() -> TensorDataset:
    """Images and their digit as ten numbers, one of which is 1."""
    return TensorDataset(standardized(), torch.eye(10)[labels()])


@cache
def digit_bits() -> TensorDataset:
    """Images and the four bits of their digit: several labels at once."""
    bits = torch.stack([(labels() >> place) & 1 for place in range(4)], dim=1)
    return TensorDataset(standardized(), bits.float())


@cache
def copies() -> TensorDataset:
    """Images from 0 to 1, to be rebuilt."""
    return TensorDataset(ink(), ink())


@cache
def strokes() -> TensorDataset:
    """Noisy images [1, 8, 8], and which of their pixels are inked."""
    clean = ink().view(-1, 1, 8, 8)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    return TensorDataset(clean + 0.2 * noise, (clean > 0.5).float())


@cache
def noised() -> TensorDataset:
    """Image plus noise, how much noise, and the noise: what a diffusion model learns."""
    random = torch.Generator().manual_seed(3)
    share = torch.rand(1797, 1, generator=random)
    noise = torch.randn(1797, 64, generator=random)
    return TensorDataset((1 - share).sqrt() * standardized() + share.sqrt() * noise, share, noise)


@cache
def pairs() -> TensorDataset:
    """Two images, and whether they show the same digit."""
    random = torch.Generator().manual_seed(4)
    other = torch.randperm(1797, generator=random)
    order = labels().argsort(stable=True)
    same = order[(torch.arange(1797) + 1) % 1797][order.argsort()]
    chosen = torch.where(torch.rand(1797, generator=random) < 0.5, same, other)
    alike = (labels()[chosen] == labels()).float()
    return TensorDataset(standardized(), standardized()[chosen], alike)


@cache
def forgeries() -> TensorDataset:
    """Real digits and ones whose rows were shuffled, and which is real."""
    fake = standardized().view(-1, 8, 8)[:, torch.tensor([3, 6, 1, 4, 7, 0, 2, 5])].flatten(1)
    real = torch.cat([torch.ones(1797), torch.zeros(1797)])
    return TensorDataset(torch.cat([standardized(), fake]), real.unsqueeze(1))


@cache
def noise() -> TensorDataset:
    """Random codes for a generator, all of which the discriminator is to call real: [1]."""
    codes = torch.randn(1797, 16, generator=torch.Generator().manual_seed(8))
    return TensorDataset(codes, torch.ones(1797, 1))


@cache
def image_records() -> records.Records:
    """Images as vision transformers take them."""
    return records.Records(pixel_values=standardized().view(-1, 1, 8, 8), labels=labels())


@cache
def ink_counts() -> TensorDataset:
    """The upper half of a digit [32], and how many pixels of the lower half are inked: [1]."""
    upper, lower = ink().split(32, dim=1)
    return TensorDataset(upper - upper.mean(), (lower > 0).sum(dim=1, keepdim=True).float())


@cache
def triplets() -> TensorDataset:
    """A digit, another image of the same digit, one of another digit, and nothing asked."""
    random = torch.Generator().manual_seed(13)
    kinds = labels()
    order = kinds.argsort(stable=True)
    same = order[(torch.arange(len(kinds)) + 1) % len(kinds)][order.argsort()]
    other = torch.randperm(len(kinds), generator=random)
    keep = (kinds[other] != kinds) & (kinds[same] == kinds)
    images = standardized()
    return TensorDataset(images[keep], images[same][keep], images[other][keep], kinds[keep])


@cache
def rebuilt() -> TensorDataset:
    """Images [1, 8, 8] from -1 to 1, to be rebuilt."""
    images = 2 * ink().view(-1, 1, 8, 8) - 1
    return TensorDataset(images, images)


@cache
def taught() -> TensorDataset:
    """Images, and the scores that a linear teacher (a ridge regression) gives each digit: [10]."""
    images = standardized()
    wanted = torch.eye(10)[labels()]
    ridge = images.T @ images + 10 * torch.eye(64)
    return TensorDataset(images, 20 * images @ torch.linalg.solve(ridge, images.T @ wanted))


@cache
def alone() -> TensorDataset:
    """Images and their place in the list, of which a contrastive loss makes nothing."""
    return TensorDataset(standardized(), torch.zeros(1797))


@cache
def three_digits() -> TensorDataset:
    """Three images side by side as 24 columns [24, 8], and their three digits: [3]."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(31))[:1797].view(-1, 3)
    columns = standardized().view(-1, 8, 8).mT[order].flatten(1, 2)
    return TensorDataset(columns, labels()[order])


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
