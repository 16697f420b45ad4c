"""What is wrong: pure functions of a trace, with those of one idea in one file; no torch."""

from gradcheck_cli import plugins
from gradcheck_cli.rules.base import Rule
from gradcheck_cli.rules.beside_constant import large_first_loss, worse_than_constant
from gradcheck_cli.rules.clearing import (
    accumulation_not_divided,
    gradients_cleared_too_early,
    gradients_not_cleared,
)
from gradcheck_cli.rules.collapsed_features import collapsed_features
from gradcheck_cli.rules.copies import copy_left_behind, drifted_replicas, nothing_loaded
from gradcheck_cli.rules.degenerate_data import degenerate_data
from gradcheck_cli.rules.direction import ascending_updates, wrong_direction
from gradcheck_cli.rules.disconnected_parameter import disconnected_parameter
from gradcheck_cli.rules.exploding_gradient import exploding_gradient
from gradcheck_cli.rules.flat import dying_relu, saturated_activation, saturated_attention
from gradcheck_cli.rules.held_back import held_back
from gradcheck_cli.rules.loss_calls import (
    labels_all_ignored,
    loss_rewrapped,
    loss_term_without_gradient,
    mismatched_loss,
)
from gradcheck_cli.rules.loss_curve import diverging_loss, risen_loss, stalled_loss
from gradcheck_cli.rules.made_anew import made_in_forward, made_in_the_loop
from gradcheck_cli.rules.mixed_precision import (
    clipped_before_unscale,
    precision_underflow,
    stepped_before_unscale,
)
from gradcheck_cli.rules.modes import eval_mode_in_training, evaluation_in_train_mode
from gradcheck_cli.rules.no_gradient import checkpoint_cuts_gradient, hooked_gradient, zero_gradient
from gradcheck_cli.rules.non_finite import non_finite
from gradcheck_cli.rules.of_experiments import (
    cut_gradient,
    evaluation_differs,
    ignored_positions,
    leaking_target,
    learned_by_heart,
    mixed_samples,
    unused_input,
)
from gradcheck_cli.rules.of_optimizer import optimizer_never_steps, optimizer_of_another_model
from gradcheck_cli.rules.outside import (
    added_after_optimizer,
    frozen_parameter,
    never_called,
    not_in_optimizer,
    unfrozen_too_late,
)
from gradcheck_cli.rules.poor_initialization import poor_initialization
from gradcheck_cli.rules.repetition import same_batch, seeded_in_the_loop
from gradcheck_cli.rules.schedules import (
    schedule_ran_out,
    scheduler_before_optimizer,
    scheduler_mode_inverted,
)
from gradcheck_cli.rules.update_size import update_too_large, update_too_small
from gradcheck_cli.rules.vanishing_gradient import vanishing_gradient

RULES: tuple[Rule, ...] = (
    vanishing_gradient,  # GC101
    exploding_gradient,  # GC102
    zero_gradient,  # GC103
    hooked_gradient,  # GC104
    dying_relu,  # GC201
    saturated_activation,  # GC202
    collapsed_features,  # GC203
    saturated_attention,  # GC204
    poor_initialization,  # GC301
    large_first_loss,  # GC302
    update_too_small,  # GC401
    update_too_large,  # GC402
    stalled_loss,  # GC403
    diverging_loss,  # GC404
    mismatched_loss,  # GC405
    risen_loss,  # GC406
    worse_than_constant,  # GC407
    wrong_direction,  # GC408
    evaluation_differs,  # GC409
    held_back,  # GC410
    learned_by_heart,  # GC411
    non_finite,  # GC501
    precision_underflow,  # GC502
    disconnected_parameter,  # GC601
    not_in_optimizer,  # GC602
    frozen_parameter,  # GC603
    never_called,  # GC604
    drifted_replicas,  # GC605
    mixed_samples,  # GC606
    unused_input,  # GC607
    leaking_target,  # GC608
    ignored_positions,  # GC609
    cut_gradient,  # GC610
    degenerate_data,  # GC701
    gradients_not_cleared,  # GC801
    optimizer_never_steps,  # GC802
    optimizer_of_another_model,  # GC803
    clipped_before_unscale,  # GC804
    schedule_ran_out,  # GC805
    eval_mode_in_training,  # GC806
    evaluation_in_train_mode,  # GC807
    loss_rewrapped,  # GC808
    loss_term_without_gradient,  # GC809
    unfrozen_too_late,  # GC810
    added_after_optimizer,  # GC811
    labels_all_ignored,  # GC812
    checkpoint_cuts_gradient,  # GC813
    scheduler_before_optimizer,  # GC814
    accumulation_not_divided,  # GC815
    ascending_updates,  # GC816
    gradients_cleared_too_early,  # GC817
    same_batch,  # GC818
    nothing_loaded,  # GC819
    made_in_forward,  # GC820
    scheduler_mode_inverted,  # GC821
    stepped_before_unscale,  # GC822
    made_in_the_loop,  # GC823
    copy_left_behind,  # GC824
    seeded_in_the_loop,  # GC825
)


def all_rules() -> tuple[Rule, ...]:
    """Return our rules in the order of codes, then those of plugins."""
    return plugins.added(plugins.RULES, Rule, RULES, lambda rule: (rule.code, rule.name))
