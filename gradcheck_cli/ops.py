"""The operations of torch by what they do, by the names that torch gives to calls: the one table.

A layer's kind in small letters (`leakyrelu`, `logsoftmax`) is another spelling and stands here where
layers are asked too. Slopes of nonlinearities are in `probe/nonlinearities.py`.
"""

from collections.abc import Mapping
from typing import Any


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What functions call their first operands, and names that tell of others before or between them
_OPERANDS = tuple(
    tuple(names.split())
    for names in ("input other", "input mat2", "input target", "query key value", "input")
)
_OTHERS = _names("condition mat1 sorted_sequence n mode")


def placed(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with its first operands by position, also where they were given by keyword."""
    for names in _OPERANDS if kwargs else ():
        before, left = names[: len(args)], names[len(args) :]
        if left and kwargs.keys() >= {*left} and not kwargs.keys() & {*before, *_OTHERS}:
            rest = {name: value for name, value in kwargs.items() if name not in left}
            return (*args, *(kwargs[name] for name in left)), rest
    return args, dict(kwargs)


# Layers' own work
PRODUCTS = _names(
    "linear matmul __matmul__ __rmatmul__ mm bmm mv addmm baddbmm einsum bilinear embedding tensordot "
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
)
RECURRENT = _names("lstm gru rnn_tanh rnn_relu")  # whole sequences in one call
CELLS = _names("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")
NORMS = _names("layer_norm batch_norm group_norm instance_norm rms_norm normalize")

# Nonlinearities
BOUNDED = _names("sigmoid tanh hardtanh hardsigmoid softsign")  # flat on both sides
SMOOTH_BOUNDED = _names("sigmoid tanh softmax softsign")  # whose slope is small and never 0
DYING = _names("relu relu6 threshold")  # exactly 0, value and slope, for a whole half-line
LEAKY = _names("leaky_relu prelu rrelu")  # never flat
SMOOTH = _names("gelu silu mish hardswish softplus tanhshrink")
RECTIFIERS = DYING | LEAKY | _names("gelu silu mish hardswish elu")
SOFTMAXES = _names("softmax softmin log_softmax")
SOFTMAX_CALLS = SOFTMAXES | {"gumbel_softmax"}
SOFTMAX_KINDS = SOFTMAXES | {"logsoftmax"}
SQUASHING = BOUNDED | {"softmax", "log_softmax", "logsoftmax", "log_sigmoid"}
CLAMPS = _names("clamp clamp_min clamp_ clamp_min_")
# Functions with points where they have a value and no finite slope.
STEEP = _names("sqrt sqrt_ acos acos_ arccos asin asin_ arcsin pow pow_ __pow__")
# The same, and functions whose value is infinite there or whose slope overflows.
SINGULAR = STEEP | _names(
    "log log_ log2 log10 log1p reciprocal rsqrt div div_ __truediv__ __rtruediv__ __rdiv__ true_divide divide atan2 hypot norm "
    "vector_norm linalg_vector_norm std var cdist cosine_similarity normalize pairwise_distance xlogy exp expm1 exp_ "
    "atanh arccosh acosh logit erfinv linalg_eigh linalg_svd linalg_norm logsumexp"
)

# Where a gradient ends
LEAVING = _names("numpy numpy_force tolist array")  # a tensor becomes plain numbers
STEPS = _names(
    "round sign sgn floor ceil trunc heaviside bernoulli"
)  # of slope 0 wherever they have one
DETACHING = _names("detach detach_ data no_grad item tolist numpy numpy_force tensor new_tensor")
# Calls whose result carries no gradient, or only zeros, back to its argument.
CUTS = (
    STEPS
    | (DETACHING - {"no_grad"})
    | _names("argmax argmin round_ floor_ ceil_ bucketize multinomial one_hot argsort")
)
COMPARISONS = _names(
    "gt lt ge le greater less greater_equal less_equal __gt__ __lt__ __ge__ __le__"
)
ENDS = CUTS | COMPARISONS | CLAMPS  # always or somewhere

# Arithmetic and views
ADDS = _names("add add_ __add__ __iadd__ __radd__")
DIFFERENCES = _names("sub subtract __sub__ __rsub__ rsub")
KEEP = _names(
    "view reshape flatten squeeze unsqueeze transpose permute contiguous float to t double mean "
    "__getitem__ T mT unflatten expand swapaxes movedim clone type_as select narrow"
)
PICKS = _names("gather take_along_dim index_select")  # some of the numbers, as they are

# Losses
CLASS_LOSSES = _names("cross_entropy nll_loss")
CHANCE_LOSSES = _names("binary_cross_entropy binary_cross_entropy_with_logits")
MEDIAN_LOSSES = _names("l1_loss smooth_l1_loss huber_loss")  # a constant guess is a median, about
REGRESSION_LOSSES = MEDIAN_LOSSES | {"mse_loss"}
SIGNED_LOSSES = _names(  # of targets 1 and -1
    "cosine_embedding_loss hinge_embedding_loss margin_ranking_loss soft_margin_loss"
)
TARGETS = {  # where those of other losses lie, as documented
    "poisson_nll_loss": (0.0, None),
    "kl_div": (0.0, None),
    "multilabel_soft_margin_loss": (0.0, 1.0),
}
LOGARITHM_LOSSES = _names("nll_loss kl_div ctc_loss")  # of logarithms of probabilities
LOGIT_LOSSES = _names("cross_entropy binary_cross_entropy_with_logits")
NO_LOGITS = _names("softmax gumbel_softmax sigmoid relu relu6 hardsigmoid")  # what they give
LOSSES = (
    CLASS_LOSSES
    | CHANCE_LOSSES
    | REGRESSION_LOSSES
    | _names(
        "kl_div gaussian_nll_loss poisson_nll_loss hinge_embedding_loss multi_margin_loss "
        "multilabel_soft_margin_loss multilabel_margin_loss soft_margin_loss ctc_loss cosine_embedding_loss "
        "triplet_margin_loss triplet_margin_with_distance_loss margin_ranking_loss"
    )
)

# Number formats, as traces name them
HALF = _names("float16 bfloat16 fp16 bf16")
NARROW = _names("float16 fp16")  # of which 65,504 is the largest number
