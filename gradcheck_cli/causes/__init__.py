"""Why it is wrong: pure functions that weigh a trace and its findings; no torch."""

from gradcheck_cli import plugins
from gradcheck_cli.causes.base import CauseRule
from gradcheck_cli.causes.of_data import (
    degenerate_data,
    labels_without_signal,
    unnormalized_input,
    unshuffled_data,
)
from gradcheck_cli.causes.of_depth import (
    constant_factor,
    depth_without_normalization,
    long_recurrence,
)
from gradcheck_cli.causes.of_experiments import OF_EXPERIMENTS
from gradcheck_cli.causes.of_initialization import init_too_large, init_too_small
from gradcheck_cli.causes.of_nonlinearities import dead_relu, infinite_slope, saturating_activation
from gradcheck_cli.causes.of_training import (
    clipping_too_strong,
    gradient_hook,
    learning_rate_too_high,
    learning_rate_too_low,
    low_precision,
    weight_decay_too_strong,
)
from gradcheck_cli.causes.of_wiring import (
    detached_graph,
    double_softmax,
    frozen_parameters,
    non_differentiable_operation,
    optimizer_misses_parameters,
    symmetric_init,
    target_shape_broadcast,
    unregistered_modules,
    wrong_output_activation,
)

CAUSES: tuple[CauseRule, ...] = (
    saturating_activation,
    constant_factor,
    gradient_hook,
    init_too_small,
    init_too_large,
    depth_without_normalization,
    dead_relu,
    infinite_slope,
    long_recurrence,
    learning_rate_too_low,
    learning_rate_too_high,
    low_precision,
    weight_decay_too_strong,
    clipping_too_strong,
    detached_graph,
    non_differentiable_operation,
    unregistered_modules,
    optimizer_misses_parameters,
    frozen_parameters,
    symmetric_init,
    double_softmax,
    wrong_output_activation,
    target_shape_broadcast,
    unnormalized_input,
    degenerate_data,
    labels_without_signal,
    unshuffled_data,
    *OF_EXPERIMENTS,
)


def all_causes() -> tuple[CauseRule, ...]:
    """Return our causes, then those of plugins."""
    return plugins.added(plugins.CAUSES, CauseRule, CAUSES, lambda cause: (cause.name,))
