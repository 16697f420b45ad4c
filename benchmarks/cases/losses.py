"""Losses of the cases."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

cross_entropy = functional.cross_entropy


binary = functional.binary_cross_entropy_with_logits


def of_words(output: tuple[Tensor, nn.Module], target: Tensor) -> Tensor:
    """Minus the logarithm of the chance of the next word."""
    return output[1](output[0], target.flatten()).loss


def of_chain(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Minus the normalised score of the right labels, per letter; letters not asked count as 0."""
    scores, total = output
    asked = target.clamp(min=0)
    right = scores.gather(2, asked.unsqueeze(2)).sum(dim=(1, 2))
    return (total - right).mean() / scores.shape[1]


def squared_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error in the network's own precision."""
    return functional.mse_loss(output, target.to(output.dtype))


def likely(output: Tensor, target: Tensor) -> Tensor:
    """Minus the logarithm of what should be chances over the kinds."""
    return functional.nll_loss(output, target)


def shared_out(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Cross-entropy, and a little for work that is not shared."""
    return functional.cross_entropy(output[0], target) + 0.01 * output[1]


def ordered(output: Tensor, target: Tensor) -> Tensor:
    """Whether each of three limits is passed."""
    passed = target > torch.tensor([-0.6, 0.0, 0.7], dtype=target.dtype)
    return functional.binary_cross_entropy_with_logits(output, passed.to(output.dtype))


def relative(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of logarithms, of outputs that nothing keeps above 0."""
    return ((output + 0.1).log() - target.log()).square().mean()


def contrast(output: Tensor, _: Tensor) -> Tensor:
    """Each view must find the other one of the same sample (InfoNCE)."""
    return functional.cross_entropy(output, torch.arange(len(output)))


def evidence(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Minus the evidence lower bound, per pixel."""
    scores, away = output
    return functional.binary_cross_entropy_with_logits(scores, target) + 0.2 * away / 64


def distilled(output: Tensor, target: Tensor) -> Tensor:
    """Divergence from the teacher's softened answers."""
    heat = 4.0
    wanted = (target / heat).softmax(dim=1)
    single = functional.kl_div((output / heat).log_softmax(dim=1), wanted, reduction="batchmean")
    return heat * heat * single


def apart(output: Tensor, target: Tensor) -> Tensor:
    """The right class must lead by a margin."""
    return functional.multi_margin_loss(output, target)


def smooth(output: Tensor, target: Tensor) -> Tensor:
    """Huber's loss of outputs of a usual size."""
    return functional.smooth_l1_loss(output, target)


def average(output: Tensor, _: Tensor) -> Tensor:
    """The mean of what the model computed itself."""
    return output.mean()


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


def mixed_labels(output: tuple[Tensor, Tensor, float], target: Tensor) -> Tensor:
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


def of_pixels(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the grey level of every pixel."""
    return functional.cross_entropy(output, target)


def absolute(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error that lets shapes broadcast."""
    return (output - target).abs().mean()


def squared(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error that lets shapes broadcast, as one writes it by hand."""
    return (output - target).square().mean()


def per_letter(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the next letter, over all places of the text."""
    return functional.cross_entropy(output.flatten(0, 1), target.flatten())


def summed(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy summed over the batch."""
    return functional.cross_entropy(output, target, reduction="sum")


def likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Negative log of probabilities the model has computed itself."""
    return functional.nll_loss(output.log(), target)


def times(factor: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy multiplied by a constant."""
    return lambda output, target: factor * functional.cross_entropy(output, target)


def tiny_binary(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy in very small units."""
    return 1e-6 * binary(output, target)


def evidence_bound(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Loss of a variational autoencoder: rebuilding, and distance from the prior."""
    rebuilt, mean, log_variance = output
    distance = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()
    return functional.mse_loss(rebuilt, target, reduction="sum") / len(target) + 0.1 * distance


def contrastive(output: tuple[Tensor, Tensor], alike: Tensor) -> Tensor:
    """Pull codes of equal digits together, push others a margin apart."""
    distance = (output[0] - output[1]).square().sum(dim=1).add(1e-9).sqrt()
    return (alike * distance.square() + (1 - alike) * (2 - distance).relu().square()).mean()


def both_tasks(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Name the digit, and say whether it is odd."""
    return functional.cross_entropy(output[0], target) + functional.cross_entropy(
        output[1], target % 2
    )


def of_output(output: Any, _: Any) -> Tensor:
    """The model computes its loss itself."""
    return torch.as_tensor(output)


def smoothed(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy against answers that are never quite sure."""
    return functional.cross_entropy(output, target, label_smoothing=0.1)


def focal(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy that cares less about what is known already (Lin et al. 2017)."""
    single = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
    return ((1 - (-single).exp()).square() * single).mean()


def weighted(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which one class counts five times."""
    return functional.cross_entropy(output, target, output.new_tensor([1.0, 5.0, 1.0]))


def asked_only(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the places that are asked."""
    return functional.cross_entropy(output.flatten(0, 1), target.flatten(), ignore_index=-100)


def quantiles(output: Tensor, target: Tensor) -> Tensor:
    """Pinball loss of three quantiles."""
    share = output.new_tensor([0.1, 0.5, 0.9])
    short = target - output
    return torch.maximum(share * short, (share - 1) * short).mean()


def huber(output: Tensor, target: Tensor) -> Tensor:
    """Huber's loss for targets in the hundreds."""
    return functional.huber_loss(output, target, delta=20.0)


def counts(output: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of counts whose log of the mean is the output."""
    return functional.poisson_nll_loss(output, target, log_input=True, full=True)


def mixture(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Negative log-likelihood under a mixture of normal distributions."""
    means, spreads, shares = output
    single = -0.5 * ((target - means) / spreads.exp()).square() - spreads - 0.919
    return -(single + shares.log_softmax(dim=1)).logsumexp(dim=1).mean()


def triplet(output: tuple[Tensor, ...], _: Tensor) -> Tensor:
    """The other digit must be farther away than the same one."""
    return functional.triplet_margin_loss(*output, margin=0.5)


def every_floor(output: list[Tensor], target: Tensor) -> Tensor:
    """All heads, the last one counts most."""
    shares = (0.2, 0.3, 1.0)
    single = [functional.cross_entropy(scores, target) for scores in output]
    return sum((s * loss for s, loss in zip(shares, single, strict=True)), single[0] * 0.0)


def quantised(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Rebuilding, codes that follow the encoder, and an encoder that commits to them."""
    rebuilt, value, code = output
    follow = (code - value.detach()).square().mean()
    commit = (value - code.detach()).square().mean()
    return functional.mse_loss(rebuilt, target) + follow + 0.25 * commit
