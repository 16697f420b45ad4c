"""All remedies, listed by hand; a test compares the list with the folder."""

from gradcheck_cli import plugins
from gradcheck_cli.remedies.add_residual import add_residual
from gradcheck_cli.remedies.base import Remedy
from gradcheck_cli.remedies.change_learning_rate import lower_learning_rate, raise_learning_rate
from gradcheck_cli.remedies.check_data import check_data
from gradcheck_cli.remedies.clip_gradients import clip_gradients
from gradcheck_cli.remedies.descend import descend
from gradcheck_cli.remedies.drop_output_activation import drop_output_activation
from gradcheck_cli.remedies.fit_output import fit_output
from gradcheck_cli.remedies.gate_bias_init import gate_bias_init
from gradcheck_cli.remedies.initialize import initialize
from gradcheck_cli.remedies.initialize_on_data import initialize_on_data
from gradcheck_cli.remedies.initialize_orthogonally import initialize_orthogonally
from gradcheck_cli.remedies.initialize_recurrence import initialize_recurrence
from gradcheck_cli.remedies.insert_normalization import insert_normalization
from gradcheck_cli.remedies.keep_full_precision import keep_full_precision
from gradcheck_cli.remedies.loosen_clipping import loosen_clipping
from gradcheck_cli.remedies.lower_dropout import lower_dropout
from gradcheck_cli.remedies.lower_weight_decay import lower_weight_decay
from gradcheck_cli.remedies.match_target_shape import match_target_shape
from gradcheck_cli.remedies.mend_loop import mend_loop
from gradcheck_cli.remedies.optimize_all_parameters import optimize_all_parameters
from gradcheck_cli.remedies.rebuild_layers import rebuild_layers
from gradcheck_cli.remedies.reconnect_graph import reconnect_graph
from gradcheck_cli.remedies.register_modules import register_modules
from gradcheck_cli.remedies.repair_by_hand import repair_by_hand
from gradcheck_cli.remedies.replace_recurrence import replace_recurrence
from gradcheck_cli.remedies.revive_dead_relu import revive_dead_relu
from gradcheck_cli.remedies.safe_gradient import safe_gradient
from gradcheck_cli.remedies.scale_scores import scale_scores
from gradcheck_cli.remedies.standardize_inputs import standardize_inputs
from gradcheck_cli.remedies.standardize_targets import standardize_targets
from gradcheck_cli.remedies.swap_activation import swap_activation
from gradcheck_cli.remedies.unfreeze import unfreeze
from gradcheck_cli.remedies.use_adam import use_adam
from gradcheck_cli.remedies.warm_up import warm_up
from gradcheck_cli.remedies.weigh_penalty_less import weigh_penalty_less
from gradcheck_cli.remedies.zero_init_residual import zero_init_residual

REMEDIES: tuple[Remedy, ...] = (
    mend_loop,
    gate_bias_init,
    swap_activation,
    revive_dead_relu,
    initialize,
    initialize_orthogonally,
    initialize_on_data,
    zero_init_residual,
    insert_normalization,
    rebuild_layers,
    add_residual,
    initialize_recurrence,
    replace_recurrence,
    standardize_inputs,
    drop_output_activation,
    safe_gradient,
    scale_scores,
    match_target_shape,
    raise_learning_rate,
    lower_learning_rate,
    warm_up,
    clip_gradients,
    loosen_clipping,
    lower_weight_decay,
    weigh_penalty_less,
    keep_full_precision,
    register_modules,
    optimize_all_parameters,
    unfreeze,
    reconnect_graph,
    descend,
    fit_output,
    lower_dropout,
    standardize_targets,
    use_adam,
    repair_by_hand,
    check_data,
)


def all_remedies() -> tuple[Remedy, ...]:
    """Return our remedies, then those of plugins."""
    return plugins.added(plugins.REMEDIES, Remedy, REMEDIES, lambda remedy: (remedy.name,))
