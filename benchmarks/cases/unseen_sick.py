"""Unseen, sick: vanishing gradients and other diseases, planted in other networks than before."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import fresh_sources, losses, networks, optimizers, sources
from benchmarks.cases import unseen_networks as made
from benchmarks.cases import unseen_sources as asked
from benchmarks.cases.case import other, vanishing
from benchmarks.cases.fresh_vanishing import photo_net, text_net
from benchmarks.cases.networks import Apply, he, mlp, normal, xavier
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using
from benchmarks.cases.unseen_healthy import llama, on

BENDS, SMALL, BIG = "saturating-activation", "init-too-small", "init-too-large"
DEPTH, DECAY = "depth-without-normalization", "weight-decay-too-strong"
HIGH, TIME, SCALE = "learning-rate-too-high", "long-recurrence", "unnormalized-input"
F = fresh_sources
leaky = nn.LeakyReLU
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}
tumour: dict[str, Any] = {"inputs": 30, "outputs": 1}
patient: dict[str, Any] = {"inputs": 10, "outputs": 1}
bag: dict[str, Any] = {"inputs": 512, "outputs": 4}
size: dict[str, Any] = {"inputs": 29, "outputs": 1}


def held(function: Any) -> Any:
    """Return a wrapper that does something to a network's result on the way."""
    return lambda body: nn.Sequential(body, Apply(function))


def listed(value: Tensor) -> Tensor:
    """Hand numbers on by way of Python's own."""
    return torch.tensor(value.tolist(), dtype=value.dtype)


def ticked(value: Tensor) -> Tensor:
    """Keep the sign of each number."""
    return value.sign() * 0.5


def photo_tanh() -> nn.Module:
    """Return convolutions with tanh for pixels of a usual size."""
    return photo_net(nn.Tanh, 2, xavier)()


def shrunk_llama(layers: int, std: float) -> networks.Builder:
    """Return a builder of a Llama whose queries and keys begin as if drawn too wide."""

    def build() -> nn.Module:
        model = llama(layers)()
        for block in model.modules():
            if isinstance(block, made.Llama):
                nn.init.normal_(block.mix.weight[:64], std=std)
        return model

    return build


CASES = (
    vanishing(
        "sigmoid_8_bags_rmsprop",
        BENDS,
        on(F.bags, mlp(nn.Sigmoid, 8, **bag), using(torch.optim.RMSprop, lr=3e-4)),
        model=mlp(leaky, 8, start=he, **bag),
    ),
    vanishing(
        "sigmoid_6_tumour_sizes_huber",
        BENDS,
        on(asked.tumour_columns, mlp(nn.Sigmoid, 6, **size), sgd(0.05), loss=asked.smooth),
        model=mlp(nn.Tanh, 6, start=xavier, **size),
    ),
    vanishing(
        "sigmoid_7_text_adamw",
        BENDS,
        on(F.origins, text_net(nn.Sigmoid, 7), adamw(1e-3)),
        model=text_net(leaky, 7, he),
    ),
    vanishing(
        "text_relu_9_std_0.02",
        SMALL,
        on(F.origins, text_net(nn.ReLU, 9, normal(0.02)), adamw(1e-3)),
        model=text_net(nn.ReLU, 9, he),
    ),
    vanishing(
        "elu_10_std_0.03_patients",
        SMALL,
        on(
            sources.diabetes,
            mlp(nn.ELU, 10, start=normal(0.03), **patient),
            using(torch.optim.NAdam, lr=3e-4),
            loss=losses.squared,
        ),
        model=mlp(nn.ELU, 10, start=xavier, **patient),
    ),
    vanishing(
        "prelu_20_default_bags",
        SMALL,
        on(F.bags, mlp(nn.PReLU, 20, **bag), sgd(0.02)),
        model=mlp(nn.PReLU, 20, start=he, **bag),
    ),
    vanishing(
        "hardtanh_18_default_tumours",
        SMALL,
        on(sources.tumours, mlp(nn.Hardtanh, 18, **tumour), sgd(0.05), loss=losses.binary),
        model=mlp(nn.Hardtanh, 18, start=xavier, **tumour),
    ),
    vanishing(
        "wavenet_14_without_ways_around",
        DEPTH,
        on(F.origins, made.wavenet(14, around=False), adam(1e-3)),
        model=made.wavenet(14, around=True),
    ),
    vanishing(
        "convnext_10_without_ways_around",
        DEPTH,
        on(F.photos, made.convnext(10, around=False, norm=False), adamw(1e-3), steps=120),
        model=made.convnext(10),
    ),
    vanishing(
        "gelu_24_xavier_tumours",
        DEPTH,
        on(
            sources.tumours, mlp(nn.GELU, 24, start=xavier, **tumour), sgd(0.02), loss=losses.binary
        ),
        model=mlp(nn.GELU, 24, start=xavier, norm=nn.LayerNorm, **tumour),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "wines_then_40_empty_places",
        TIME,
        on(asked.wines_in_turn, lambda: made.Waiting(40, None, 0.0), adam(2e-3)),
        model=lambda: made.Waiting(40, nn.init.eye_, 0.0),
    ),
    vanishing(
        "wines_leak_30_places",
        TIME,
        on(asked.wines_in_turn, lambda: made.Waiting(30, None, 0.3), sgd(0.05)),
        model=lambda: made.Waiting(0, nn.init.eye_, 0.3),
    ),
    vanishing(
        "softmax_after_each_of_4_bags",
        "double-softmax",
        on(F.bags, mlp(lambda: nn.Softmax(dim=1), 4, **bag), adamw(1e-3)),
        model=mlp(nn.Tanh, 4, start=xavier, **bag),
    ),
    vanishing(
        "photos_0_to_255_tanh",
        SCALE,
        on(asked.raw_photos, photo_tanh, sgd(0.02)),
        source=F.photos,
    ),
    vanishing(
        "wine_in_grams_softsign",
        SCALE,
        on(asked.in_grams, mlp(nn.Softsign, 3, start=xavier, **wine), sgd(0.05)),
        source=sources.wine,
    ),
    vanishing(
        "tanh_output_far_off_huber",
        "wrong-output-activation",
        on(
            asked.tumour_columns,
            mlp(nn.GELU, 2, end=(Apply(lambda v: (v + 9).tanh()),), **size),
            adam(1e-3),
            loss=asked.smooth,
        ),
        model=mlp(nn.GELU, 2, **size),
    ),
    vanishing(
        "photo_tanh_decay_of_30",
        DECAY,
        on(F.photos, photo_net(nn.Tanh, 5, xavier), adamw(5e-3, weight_decay=30.0)),
        optimizer=adamw(1e-3),
    ),
    vanishing(
        "gelu_text_coupled_decay",
        DECAY,
        on(F.bags, mlp(nn.GELU, 5, start=he, **bag), sgd(0.1, 0.9, weight_decay=0.4)),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "sigmoid_3_bags_rate_40",
        HIGH,
        on(F.bags, mlp(nn.Sigmoid, 3, **bag), sgd(40.0)),
        optimizer=sgd(0.5),
        model=mlp(nn.Sigmoid, 3, start=xavier, **bag),
    ),
    vanishing(
        "tanh_7_std_1_wine",
        BIG,
        on(sources.wine, mlp(nn.Tanh, 7, start=normal(1.0), **wine), sgd(1e-3)),
        model=mlp(nn.Tanh, 7, start=xavier, **wine),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "llama_keys_too_wide",
        BIG,
        on(
            sources.text,
            shrunk_llama(2, 6.0),
            adamw(1e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=120,
        ),
        model=llama(2),
    ),
    other(
        "photo_convolutions_biases_of_-6",
        "dying-relu",
        "dead-relu",
        on(F.photos, photo_net(nn.ReLU, 3, he, bias=-6.0), adamw(1e-3)),
        model=photo_net(nn.ReLU, 3, he),
    ),
    other(
        "deep_set_by_list",
        "disconnected-parameter",
        "detached-graph",
        on(
            asked.wines_in_turn,
            lambda: made.DeepSet(held(listed)),
            adam(5e-3),
        ),
        model=made.DeepSet,
    ),
    other(
        "deep_set_of_signs",
        "disconnected-parameter",
        "non-differentiable-operation",
        on(asked.wines_in_turn, lambda: made.DeepSet(held(ticked)), adam(5e-3)),
        model=made.DeepSet,
    ),
    other(
        "optimizer_of_decoder",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(
            asked.wines_in_turn,
            made.DeepSet,
            optimizers.only("head", torch.optim.AdamW, lr=1e-3),
        ),
        optimizer=adamw(5e-3),
    ),
    other(
        "vae_rate_1e-7",
        "update-too-small",
        "learning-rate-too-low",
        on(asked.inked, made.Bernoulli, adam(1e-7), loss=asked.evidence),
        optimizer=adam(3e-3),
    ),
    other(
        "distilled_clipped_to_1e-5",
        "update-too-small",
        "clipping-too-strong",
        on(asked.taught, mlp(nn.GELU, 2), clipped(sgd(0.05), 1e-5), loss=asked.distilled),
        optimizer=sgd(0.02),
    ),
    other(
        "margin_loss_rate_20",
        "update-too-large",
        HIGH,
        on(sources.digits, mlp(leaky, 3), sgd(20.0), loss=asked.apart),
        optimizer=sgd(0.05),
    ),
    other(
        "flowers_with_shuffled_species",
        "stalled-loss",
        "labels-without-signal",
        on(asked.shuffled_flowers, mlp(nn.SiLU, 2, inputs=4, outputs=3), adam(1e-3)),
        source=F.flowers,
    ),
    other(
        "tumour_sizes_broadcast",
        "stalled-loss",
        "target-shape-broadcast",
        on(asked.tumour_sizes, mlp(nn.ELU, 2, **size), adam(2e-3), loss=losses.squared),
        source=asked.tumour_columns,
    ),
    other(
        "flow_of_gappy_tumours",
        "non-finite",
        "degenerate-data",
        on(asked.gappy_tumours, lambda: made.Autoregressive(30), adam(3e-3), loss=asked.average),
        source=asked.whole_tumours,
    ),
    other(
        "photo_kernels_all_alike",
        "poor-initialization",
        "symmetric-init",
        on(F.photos, photo_net(nn.Tanh, 3, networks.constant(0.02)), adam(2e-3)),
        model=photo_net(nn.Tanh, 3, xavier),
    ),
)
