"""Each trap that defeats the obvious rules has cases in the bank and tests of its own; here is which."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from benchmarks.cases import CASES

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Trap:
    """What tempts a rule, the cases that hold it, and the tests that say what is right."""

    temptation: str
    cases: tuple[str, ...]
    tests: tuple[str, ...]


TRAPS = (
    Trap(
        "a loss multiplied by a constant, summed, or scaled for mixed precision",
        ("loss_times_1e-6_sgd", "loss_times_1e6_adam", "loss_summed", "sigmoid_8_loss_1e-6"),
        ("test_multiplying_the_loss_changes_nothing", "test_a_gradient_scaler_is_not_clipping"),
    ),
    Trap(
        "layers registered in another order, shared, tied, reused; two towers of which one is sick",
        ("reverse_registration", "one_layer_used_six_times", "tied_language_model", "one_sick_tower"),
        ("test_layers_registered_in_reverse_are_diagnosed_the_same", "test_a_shared_module_is_one_layer_with_many_calls"),
    ),
    Trap(
        "homogeneous networks, in which <w, dL/dw> is equal in all layers",
        ("relu_10_he_no_bias_sgd", "relu_25_default_no_bias_adam", "relu_12_default_no_bias_sgd"),
        ("test_moving_size_between_relu_layers_so_that_the_function_stays_changes_no_verdict", "test_a_gradient_lost_at_the_outputs_is_found_where_the_weights_hide_it"),
    ),
    Trap(
        "optimizers whose updates do not show the gradient",
        ("lion", "lars", "muon_mlp", "layerwise_decay", "tanh_40_default_adam"),
        ("test_the_limit_is_stricter_for_adaptive_optimizers_and_falling_losses",),
    ),
    Trap(
        "zeros by design: gates, LoRA, unused experts, frozen backbones, stop-gradients",
        ("lora_b_zero", "rezero_20", "layerscale_1e-6_mlp", "zero_head", "moe_unused_experts", "frozen_backbone", "simsiam_stop_gradient", "straight_through", "batchnorm_10_bias_before_it"),
        ("test_zeros_by_design_are_no_error", "test_an_expert_that_no_sample_was_routed_to_is_a_note"),
    ),
    Trap(
        "converged, or overfitted on one batch, is not vanished",
        ("already_converged", "one_batch_overfit"),
        ("test_a_solved_problem_with_tiny_gradients_everywhere_is_fine",),
    ),
    Trap(
        "sparse is not dead",
        ("sparse_relu", "dropout_heavy"),
        ("test_sparse_outputs_without_dead_units_are_healthy", "test_a_unit_is_dead_when_silent_on_the_last_four_looks"),
    ),
    Trap(
        "each nonlinearity has its own flat region; gates saturate by design",
        ("gelu_4_adam", "silu_4_he_adam", "relu6_hardtanh_sgd", "swiglu_residual_adamw", "lstm_8_rows", "hardsigmoid_8_adam"),
        ("test_slope_and_death_of_units", "test_saturation_in_a_network_that_learns_is_a_note_at_most"),
    ),
    Trap(
        "a skip carries the gradient past dead branches; normalized weights have no scale",
        ("residual_branches_dead", "residual_way_around_turned_down", "resnet_zero_gamma", "weight_norm_adam"),
        ("test_normalized_layers_and_skips_set_the_size_themselves",),
    ),
    Trap(
        "post-norm without warm-up, BatchNorm at initialization, tiny batches, BatchNorm in eval mode",
        ("transformer_post_norm_6_no_warm_up", "batch_of_two", "batch_of_one", "relu_15_batchnorm_in_eval"),
        ("test_growth_while_the_network_learns_is_not_reported", "test_says_so_when_batches_hold_one_sample"),
    ),
    Trap(
        "healthy at the start and sick later, and the reverse",
        ("sigmoid_3_high_rate", "tanh_5_adam_rate_1", "relu_6_weight_decay_1", "sigmoid_4_adam_recovers", "relu_10_default_adam_recovers"),
        ("test_a_plateau_that_ends_is_not_stalled", "test_the_start_is_what_was_there_before_the_first_update"),
    ),
    Trap(
        "gradients lost over time steps while the layers look fine",
        ("rnn_wait_40", "lstm_wait_40", "gru_wait_60", "rnn_wait_40_orthogonal"),
        ("test_a_gradient_lost_along_time_is_named", "test_gradients_by_time_step_of_a_recurrent_layer"),
    ),
    Trap(
        "inputs of the wrong scale, doubled softmax, softmax over the batch, stretched targets",
        ("raw_pixels_tanh_3", "raw_pixels_relu_adam", "softmax_then_cross_entropy", "softmax_over_batch", "column_against_row"),
        ("test_shapes_that_are_stretched_are_said", "test_losses_that_fit_pass"),
    ),
    Trap(
        "a stall that is no gradient problem",
        ("labels_shuffled", "rate_1e-6_sgd", "rate_3_sgd", "optimizer_of_head", "diabetes_raw_target"),
        ("test_a_stall_with_coherent_gradients_and_moving_weights_is_promising", "test_frozen_unused_and_unreached_layers_are_not_missed"),
    ),
    Trap(
        "16 bits: underflow to exact zero, weights that cannot take small updates",
        ("half_underflows", "bfloat16_adam_3e-5", "bf16_weights_large_steps", "autocast_convnet"),
        ("test_weights_of_16_bits_count_as_well_as_autocast", "test_lost_updates"),
    ),
    Trap(
        "accumulation, clipping, closures: which gradient is read",
        ("clipped_to_1_sgd", "clipped_to_1e-5", "gru_of_text_clipped"),
        ("test_what_clipping_takes_from_all_gradients_is_no_weakness", "test_clip_factor"),
    ),
    Trap(
        "embeddings: rows that did not occur, sparse gradients",
        ("sparse_embedding_sgd", "sparse_bags", "embedding_mean_of_authors"),
        ("test_rows_of_an_embedding_that_did_not_occur_are_no_zero_gradient", "test_sparse_gradients_keep_their_zeros"),
    ),
    Trap(
        "one unlucky batch is no diagnosis",
        ("batch_of_one", "batchnorm_batch_of_four"),
        ("test_one_unlucky_batch_changes_nothing", "test_a_gradient_that_is_infinite_in_one_step_is_no_reason_to_call_others_weak"),
    ),
)  # fmt: skip


@cache
def defined() -> set[str]:
    """Return the names of all test functions."""
    return {
        node.name
        for file in TESTS.rglob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.temptation)
def test_every_trap_has_cases_with_a_measured_label(trap: Trap) -> None:
    scored = {case.name for case in CASES if case.scored}
    assert trap.cases
    assert set(trap.cases) <= scored


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.temptation)
def test_every_trap_has_tests(trap: Trap) -> None:
    assert trap.tests
    assert set(trap.tests) <= defined()
