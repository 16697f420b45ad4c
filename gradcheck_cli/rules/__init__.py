"""What is wrong: pure functions of a trace, one file each; no torch."""

from gradcheck_cli import plugins
from gradcheck_cli.rules.accumulation_not_divided import accumulation_not_divided
from gradcheck_cli.rules.ascending_updates import ascending_updates
from gradcheck_cli.rules.base import Rule
from gradcheck_cli.rules.checkpoint_cuts_gradient import checkpoint_cuts_gradient
from gradcheck_cli.rules.clipped_before_unscale import clipped_before_unscale
from gradcheck_cli.rules.collapsed_features import collapsed_features
from gradcheck_cli.rules.copy_left_behind import copy_left_behind
from gradcheck_cli.rules.degenerate_data import degenerate_data
from gradcheck_cli.rules.disconnected_parameter import disconnected_parameter
from gradcheck_cli.rules.diverging_loss import diverging_loss
from gradcheck_cli.rules.drifted_replicas import drifted_replicas
from gradcheck_cli.rules.dying_relu import dying_relu
from gradcheck_cli.rules.eval_mode_in_training import eval_mode_in_training
from gradcheck_cli.rules.evaluation_in_train_mode import evaluation_in_train_mode
from gradcheck_cli.rules.exploding_gradient import exploding_gradient
from gradcheck_cli.rules.frozen_parameter import frozen_parameter
from gradcheck_cli.rules.gradients_cleared_too_early import gradients_cleared_too_early
from gradcheck_cli.rules.gradients_not_cleared import gradients_not_cleared
from gradcheck_cli.rules.held_back import held_back
from gradcheck_cli.rules.hooked_gradient import hooked_gradient
from gradcheck_cli.rules.labels_all_ignored import labels_all_ignored
from gradcheck_cli.rules.large_first_loss import large_first_loss
from gradcheck_cli.rules.loss_rewrapped import loss_rewrapped
from gradcheck_cli.rules.loss_term_without_gradient import loss_term_without_gradient
from gradcheck_cli.rules.made_in_forward import made_in_forward
from gradcheck_cli.rules.made_in_the_loop import made_in_the_loop
from gradcheck_cli.rules.mismatched_loss import mismatched_loss
from gradcheck_cli.rules.never_called import never_called
from gradcheck_cli.rules.non_finite import non_finite
from gradcheck_cli.rules.not_in_optimizer import not_in_optimizer
from gradcheck_cli.rules.nothing_loaded import nothing_loaded
from gradcheck_cli.rules.of_experiments import (
    cut_gradient,
    evaluation_differs,
    ignored_positions,
    leaking_target,
    learned_by_heart,
    mixed_samples,
    unused_input,
)
from gradcheck_cli.rules.optimizer_never_steps import optimizer_never_steps
from gradcheck_cli.rules.optimizer_of_another_model import optimizer_of_another_model
from gradcheck_cli.rules.outside import added_after_optimizer, unfrozen_too_late
from gradcheck_cli.rules.poor_initialization import poor_initialization
from gradcheck_cli.rules.precision_underflow import precision_underflow
from gradcheck_cli.rules.risen_loss import risen_loss
from gradcheck_cli.rules.same_batch import same_batch
from gradcheck_cli.rules.saturated_activation import saturated_activation
from gradcheck_cli.rules.saturated_attention import saturated_attention
from gradcheck_cli.rules.schedule_ran_out import schedule_ran_out
from gradcheck_cli.rules.scheduler_before_optimizer import scheduler_before_optimizer
from gradcheck_cli.rules.scheduler_mode_inverted import scheduler_mode_inverted
from gradcheck_cli.rules.stalled_loss import stalled_loss
from gradcheck_cli.rules.stepped_before_unscale import stepped_before_unscale
from gradcheck_cli.rules.update_too_large import update_too_large
from gradcheck_cli.rules.update_too_small import update_too_small
from gradcheck_cli.rules.vanishing_gradient import vanishing_gradient
from gradcheck_cli.rules.worse_than_constant import worse_than_constant
from gradcheck_cli.rules.wrong_direction import wrong_direction
from gradcheck_cli.rules.zero_gradient import zero_gradient

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
)


def all_rules() -> tuple[Rule, ...]:
    """Return our rules in the order of codes, then those of plugins."""
    return plugins.added(plugins.RULES, Rule, RULES, lambda rule: (rule.code, rule.name))
