"""Healthy: stacks, activations, normalisations, optimizers, tasks and scales of the loss."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from benchmarks.cases import losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, healthy
from benchmarks.cases.networks import Apply, Skip, he, lecun, mlp, xavier
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using, warmed


def on_digits(model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of the digits."""
    more = {"source": sources.digits, "loss": losses.cross_entropy, **more}
    return Problem(model=model, optimizer=optimizer, **more)


shallow = mlp(nn.ReLU, 2)


class Maxout(nn.Module):
    """The largest of four linear pieces per unit."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.pieces = nn.Linear(inputs, 4 * width)

    def forward(self, value: Tensor) -> Tensor:
        pieces: Tensor = self.pieces(value)
        return pieces.unflatten(1, (4, -1)).amax(dim=1)


class Gated(nn.Module):
    """SwiGLU: one half of the units opens or closes the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, value: Tensor) -> Tensor:
        gate, content = self.up(value).chunk(2, dim=-1)
        result: Tensor = self.down(nn.functional.silu(gate) * content)
        return result


class Highway(nn.Module):
    """A layer that decides per unit how much to change."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, value: Tensor) -> Tensor:
        gate = self.gate(value).sigmoid()
        return gate * self.change(value).relu() + (1 - gate) * value


class Backwards(nn.Module):
    """Layers registered in the reverse of the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        self.third = nn.Linear(64, 64)
        self.second = nn.Linear(64, 64)
        self.first = nn.Linear(64, 64)

    def forward(self, images: Tensor) -> Tensor:
        value = self.second(self.first(images).relu()).relu()
        scores: Tensor = self.head(self.third(value).relu())
        return scores


class Repeated(nn.Module):
    """One layer, used six times."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(64, 64), nn.Linear(64, 10)
        he(self.layer.weight)

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(6):
            images = self.layer(images).relu()
        scores: Tensor = self.head(images)
        return scores


class TwoHeads(nn.Module):
    """One body and two tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.name, self.odd = nn.Linear(64, 10), nn.Linear(64, 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        value = self.body(images)
        return self.name(value), self.odd(value)


def trained() -> nn.Module:
    """Return a model that has converged before anyone looks."""
    model = shallow()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = sources.digits().tensors
    for _ in range(250):
        optimizer.zero_grad()
        losses.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model


def zero_head() -> nn.Module:
    """Return a model whose head begins with zeros."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    head = nn.Linear(64, 10)
    nn.init.zeros_(head.weight)
    return model.append(head)


def residual(blocks: int, scale: float | None) -> networks.Builder:
    """Return a builder of a residual stack with scaled branches."""

    def build() -> nn.Module:
        skips = [
            Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), scale=scale)
            for _ in range(blocks)
        ]
        return nn.Sequential(*skips, nn.Linear(64, 10))

    return build


def normed_weights() -> nn.Module:
    """Return a stack with weight normalisation."""
    return nn.Sequential(
        parametrizations.weight_norm(nn.Linear(64, 64)),
        nn.ReLU(),
        parametrizations.weight_norm(nn.Linear(64, 64)),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def half_weights() -> nn.Module:
    """Return a model kept in bfloat16, trained with steps large enough for it."""
    return networks.Precise(shallow(), torch.bfloat16)


def binarised() -> nn.Module:
    """Return a model with hard decisions inside and a straight-through gradient."""
    sign = Apply(lambda value: value + (value.sign() - value).detach())
    layers = (nn.Linear(64, 64), nn.LayerNorm(64), nn.Hardtanh(), sign, nn.Linear(64, 10))
    return nn.Sequential(*layers)


deep_norm = mlp(nn.ReLU, 10, norm=nn.BatchNorm1d)
column = {"source": sources.tumours, "loss": losses.binary}

CASES = (
    healthy("relu_3_default_adam", on_digits(mlp(nn.ReLU, 3), adam())),
    healthy("relu_3_default_sgd", on_digits(mlp(nn.ReLU, 3), sgd())),
    healthy("relu_5_default_adam", on_digits(mlp(nn.ReLU, 5), adam(2e-3))),
    healthy("relu_8_leaky_default_adam", on_digits(mlp(nn.LeakyReLU, 8), adam(2e-3))),
    healthy("relu_30_he_adam", on_digits(mlp(nn.ReLU, 30, start=he), adam(3e-4))),
    healthy(
        "relu_10_he_no_bias_sgd", on_digits(mlp(nn.ReLU, 10, start=he, biased=False), sgd(0.01))
    ),
    healthy("tanh_3_sgd", on_digits(mlp(nn.Tanh, 3), sgd())),
    healthy("tanh_20_xavier_sgd", on_digits(mlp(nn.Tanh, 20, start=xavier), sgd(0.01))),
    healthy("selu_20_lecun_sgd", on_digits(mlp(nn.SELU, 20, start=lecun), sgd(0.003))),
    healthy("gelu_4_adam", on_digits(mlp(nn.GELU, 4), adam())),
    healthy("silu_4_he_adam", on_digits(mlp(nn.SiLU, 4, start=he), adam())),
    healthy("softplus_3_adam", on_digits(mlp(nn.Softplus, 3), adam(3e-3))),
    healthy("elu_6_sgd", on_digits(mlp(nn.ELU, 6, start=he), sgd(0.01))),
    healthy("relu6_hardtanh_sgd", on_digits(mlp(nn.Hardtanh, 4, start=xavier), sgd())),
    healthy("hardswish_4_adam", on_digits(mlp(nn.Hardswish, 4, start=he), adam())),
    healthy(
        "maxout_adam",
        on_digits(lambda: nn.Sequential(Maxout(64, 32), Maxout(32, 32), nn.Linear(32, 10)), adam()),
    ),
    healthy(
        "swiglu_residual_adamw",
        on_digits(
            lambda: nn.Sequential(
                *(Skip(nn.LayerNorm(64), Gated(64)) for _ in range(4)), nn.Linear(64, 10)
            ),
            adamw(),
        ),
    ),
    healthy(
        "highway_10_adam",
        on_digits(
            lambda: nn.Sequential(*(Highway(64) for _ in range(10)), nn.Linear(64, 10)), adam()
        ),
    ),
    healthy("sigmoid_2_adam", on_digits(mlp(nn.Sigmoid, 2), adam(3e-3))),
    healthy("sigmoid_4_adam_recovers", on_digits(mlp(nn.Sigmoid, 4), adam(3e-3))),
    healthy("batchnorm_10_bias_before_it", on_digits(deep_norm, adam())),
    healthy("layernorm_15_gelu", on_digits(mlp(nn.GELU, 15, norm=nn.LayerNorm), adam(5e-4))),
    healthy("weight_norm_adam", on_digits(normed_weights, adam())),
    healthy(
        "dropout_heavy", on_digits(mlp(nn.ReLU, 2, between=partial(nn.Dropout, 0.6)), adam(2e-3))
    ),
    healthy("sparse_relu", on_digits(mlp(nn.ReLU, 2, width=256, start=he, bias=-1.0), adam())),
    healthy("loss_times_1e-6_sgd", on_digits(shallow, sgd(5e4), loss=losses.times(1e-6))),
    healthy("loss_times_1e6_sgd", on_digits(shallow, sgd(5e-8), loss=losses.times(1e6))),
    healthy("loss_times_1e-3_adam", on_digits(shallow, adam(), loss=losses.times(1e-3))),
    healthy("loss_times_1e6_adam", on_digits(shallow, adam(), loss=losses.times(1e6))),
    healthy("loss_summed", on_digits(shallow, sgd(1e-3), loss=losses.summed)),
    healthy("already_converged", on_digits(trained, adam(1e-4))),
    healthy("one_batch_overfit", on_digits(shallow, adam(3e-3), source=sources.first_32_digits)),
    healthy("zero_head", on_digits(zero_head, adam())),
    healthy("rezero_20", on_digits(residual(20, 0.0), adam())),
    healthy("layerscale_1e-6_mlp", on_digits(residual(8, 1e-6), adam(2e-3))),
    healthy("reverse_registration", on_digits(Backwards, adam())),
    healthy("one_layer_used_six_times", on_digits(Repeated, adam())),
    healthy("two_tasks", on_digits(TwoHeads, adam(), loss=losses.both_tasks)),
    healthy("straight_through", on_digits(binarised, adam(2e-3))),
    healthy("bf16_weights_large_steps", on_digits(half_weights, sgd(0.05))),
    healthy("layerwise_decay", on_digits(mlp(nn.ReLU, 4), optimizers.layerwise(3e-3, 0.5))),
    healthy("warm_up_adamw", on_digits(mlp(nn.ReLU, 4), warmed(adamw(3e-3)))),
    healthy("rmsprop", on_digits(shallow, using(torch.optim.RMSprop, lr=5e-4))),
    healthy("adagrad", on_digits(shallow, using(torch.optim.Adagrad, lr=0.01))),
    healthy("lion", on_digits(mlp(nn.ReLU, 3), using(optimizers.Lion, lr=3e-4))),
    healthy("lars", on_digits(mlp(nn.ReLU, 3), using(optimizers.Lars, lr=0.01))),
    healthy("clipped_to_1_sgd", on_digits(mlp(nn.ReLU, 3), clipped(sgd(0.05), 1.0))),
    healthy("weight_decay_mild", on_digits(mlp(nn.ReLU, 3), adamw(1e-3, weight_decay=0.1))),
    healthy("batch_of_two", on_digits(shallow, sgd(0.005), batch_size=2)),
    healthy("batch_of_one", on_digits(shallow, sgd(0.003), batch_size=1)),
    healthy(
        "digit_bits_multilabel",
        on_digits(
            mlp(nn.ReLU, 2, outputs=4), adam(), source=sources.digit_bits, loss=losses.binary
        ),
    ),
    healthy("tumours_binary", on_digits(mlp(nn.ReLU, 2, inputs=30, outputs=1), adam(), **column)),
    healthy("tumours_tanh_sgd", on_digits(mlp(nn.Tanh, 2, inputs=30, outputs=1), sgd(), **column)),
    healthy("wine", on_digits(mlp(nn.ReLU, 2, inputs=13, outputs=3), adam(), source=sources.wine)),
    healthy(
        "diabetes_scaled",
        on_digits(
            mlp(nn.ReLU, 2, inputs=10, outputs=1),
            adam(),
            source=sources.diabetes,
            loss=losses.squared,
        ),
    ),
    healthy(
        "diabetes_raw_target",
        on_digits(
            mlp(nn.ReLU, 2, inputs=10, outputs=1),
            adam(1e-2),
            source=sources.raw_diabetes,
            loss=losses.squared,
        ),
    ),
    healthy(
        "digit_value_regression",
        on_digits(
            mlp(nn.ReLU, 2, outputs=1), adam(), source=sources.digit_columns, loss=losses.squared
        ),
    ),
    healthy("logistic_regression", on_digits(lambda: nn.Linear(64, 10), sgd())),
    healthy("relu_10_default_adam_recovers", on_digits(mlp(nn.ReLU, 10), adam(3e-3))),
    healthy(
        "relu_12_default_rmsprop_recovers",
        on_digits(mlp(nn.ReLU, 12), using(torch.optim.RMSprop, lr=2e-3)),
    ),
    healthy("tanh_15_default_adam_recovers", on_digits(mlp(nn.Tanh, 15), adam(1e-3))),
    healthy("gelu_8_default_adam_recovers", on_digits(mlp(nn.GELU, 8), adam(3e-3))),
    healthy("sigmoid_3_sgd_slow_start", on_digits(mlp(nn.Sigmoid, 3, start=xavier), sgd(0.3))),
    healthy("sigmoid_5_adam_recovers", on_digits(mlp(nn.Sigmoid, 5), adam(1e-2))),
    healthy(
        "tiny_start_relu_3_adam_recovers",
        on_digits(mlp(nn.ReLU, 3, start=networks.normal(0.01)), adam(3e-3)),
    ),
    healthy(
        "large_start_tanh_3_adam",
        on_digits(mlp(nn.Tanh, 3, start=networks.normal(0.4)), adam(3e-3)),
    ),
    healthy("raw_pixels_relu_adam", on_digits(mlp(nn.ReLU, 2), adam(), source=sources.raw_digits)),
    healthy(
        "relu_15_he_reverse_registration",
        on_digits(lambda: networks.Backwards(nn.ReLU, 15, he), adam(5e-4)),
    ),
    healthy(
        "batchnorm_batch_of_four",
        on_digits(mlp(nn.ReLU, 3, norm=nn.BatchNorm1d), sgd(0.01), batch_size=4),
    ),
)
