"""Healthy: cures of sick cases, as cases of their own."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from benchmarks.cases.case import Case

TWINS = (
    "normal_distribution_8_flowers",
    "arcs_16_default_digits",
    "photos_drawn_through_9_sigmoids",
    "attention_alone_8",
    "wines_alike_14_layers",
    "minimal_unit_overwrites",
    "one_tanh_turned_30_times",
    "depthwise_text_std_0.03",
    "policy_22_default_relu",
    "letters_as_numbers_tanh",
    "softmax_over_channels_5",
    "chances_far_too_sure",
    "post_norm_16_rate_0.01",
    "text_grows_through_8_layers",
    "readers_in_a_list",
    "best_row_taken_alone",
    "vector_quantised",
)


def twins(cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the healthy twin of each sick case that has one here: its cure."""
    for case in cases:
        if case.name in TWINS:
            yield replace(
                case,
                name=f"twin_of_{case.name}",
                group="healthy",
                finding="none",
                cause="none",
                recipe=case.cure or case.recipe,
                cure=None,
            )
