"""Traces of any kind, for properties: NaN, infinities, nothing at all, contradictions."""

from hypothesis import strategies as st

from gradcheck_cli.records.reading import QUANTITIES, Moments
from gradcheck_cli.records.trace import (
    Cut,
    DataFacts,
    Layer,
    LossFacts,
    Parameter,
    Reading,
    Role,
    SourceSite,
    Step,
    Trace,
)

PATHS = ("a", "b", "b.relu:1", "c", "lstm")
ACTIVATIONS = ("relu", "sigmoid", "tanh", "gelu", "softmax", "strange")
LOSSES = ("cross_entropy", "mse_loss", "nll_loss", "binary_cross_entropy_with_logits", "strange")
OPERATIONS = ("detach", "argmax", "round", "no_grad", "item")

anything = st.one_of(
    st.floats(),
    st.sampled_from([0.0, 1.0, -1.0, 1e-300, 5e-324, 1e300, float("inf"), float("nan")]),
)
share = st.one_of(st.floats(0, 1), anything)
maybe_share = st.none() | share
small = st.integers(0, 12)


@st.composite
def any_moments(draw: st.DrawFn) -> Moments:
    count = draw(small)
    return Moments(
        count,
        draw(st.integers(0, count)),
        draw(st.integers(0, count)),
        draw(anything),
        draw(st.one_of(st.floats(0, 1e300), st.just(float("inf")))),
        draw(anything),
    )


moments = st.none() | any_moments()
readings = st.builds(
    Reading, **{name: maybe_share if q.value else moments for name, q in QUANTITIES.items()}
)
parameters = st.builds(
    Parameter,
    name=st.sampled_from(["weight", "bias"]),
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    dtype=st.sampled_from(["float32", "float16", "bfloat16", "int64", "complex64"]),
    trainable=st.booleans(),
    optimized=st.booleans(),
    reached=st.booleans(),
    learning_rate=st.none() | anything,
    weight_decay=anything,
    std=anything,
    rows_identical=st.booleans(),
)
sites = st.none() | st.builds(SourceSite, file=st.just("m.py"), line=st.integers(1, 9))


@st.composite
def any_layer(draw: st.DrawFn, path: str) -> Layer:
    return Layer(
        path=path,
        kind=draw(st.sampled_from(["Linear", "ReLU", "Softmax", "BatchNorm1d", "LSTM", "sigmoid"])),
        role=draw(st.sampled_from(Role)),
        order=draw(small),
        called=draw(st.booleans()),
        depth=draw(st.none() | small),
        shortest=draw(st.none() | small),
        calls=draw(small),
        parameters=tuple(draw(st.lists(parameters, max_size=2))),
        activation=draw(st.none() | st.sampled_from(ACTIVATIONS)),
        activated_by=draw(st.none() | st.sampled_from(PATHS)),
        normalized=draw(st.booleans()),
        fan_in=draw(st.none() | small),
        fan_out=draw(st.none() | small),
        reads=tuple(draw(st.lists(st.sampled_from(PATHS), max_size=2))),
        training=draw(st.booleans()),
        built_at=draw(sites),
        gradient_arrives=draw(st.booleans()),
    )


@st.composite
def any_steps(draw: st.DrawFn, paths: list[str]) -> tuple[Step, ...]:
    """Draw few different steps and repeat them, so that long runs are cheap to draw."""
    kinds = draw(
        st.lists(
            st.builds(
                Step,
                index=st.just(0),
                loss=anything,
                readings=st.dictionaries(st.sampled_from(paths or ["gone"]), readings, max_size=3),
                learning_rate=st.none() | anything,
                clip=st.none() | anything,
                loss_scale=anything,
                skipped=st.booleans(),
            ),
            max_size=3,
        )
    )
    return tuple(kinds) * draw(st.sampled_from([1, 1, 4, 12]))


@st.composite
def any_trace(draw: st.DrawFn) -> Trace:
    paths = draw(st.lists(st.sampled_from(PATHS), unique=True))
    return Trace(
        layers=tuple(draw(any_layer(path)) for path in paths),
        steps=draw(any_steps(paths)),
        data=draw(
            st.builds(
                DataFacts,
                batch_size=st.none() | small,
                input_mean=st.none() | anything,
                input_std=st.none() | anything,
                input_peak=st.none() | anything,
                constant_features=maybe_share,
                nonfinite_inputs=small,
                nonfinite_targets=small,
                classes_seen=st.none() | small,
                target_low=st.none() | anything,
                target_high=st.none() | anything,
                duplicate_inputs=maybe_share,
            )
        ),
        loss=draw(
            st.builds(
                LossFacts,
                kind=st.none() | st.sampled_from(LOSSES),
                activation_before=st.none() | st.sampled_from(ACTIVATIONS),
                classes=st.none() | small,
                baseline=st.none() | anything,
                broadcast=st.booleans(),
            )
        ),
        cuts=tuple(
            draw(
                st.lists(
                    st.builds(
                        Cut,
                        operation=st.sampled_from(OPERATIONS),
                        layer=st.none() | st.sampled_from(PATHS),
                        at=sites,
                    ),
                    max_size=2,
                )
            )
        ),
        adaptive=draw(st.booleans()),
        precision=draw(st.sampled_from(["float32", "fp16", "bf16"])),
        unregistered=tuple(draw(st.lists(st.just("heads"), max_size=1))),
        skips=draw(st.booleans()),
    )
