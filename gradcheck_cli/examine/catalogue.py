"""All experiments in the order in which they are run, listed by hand; a test compares the list with the folder.

What costs a few passes comes before what trains: whatever ends the time, most of what can speak against
a run that seems to learn has been asked by then.
"""

from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.attention_scores import attention_scores
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.examine.by_heart import by_heart
from gradcheck_cli.examine.cut_gradient import cut_gradient
from gradcheck_cli.examine.draws import draws
from gradcheck_cli.examine.far_better import far_better
from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.examine.lasting import lasting
from gradcheck_cli.examine.longer import longer
from gradcheck_cli.examine.loss_domain import loss_domain
from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from gradcheck_cli.examine.modes_agree import modes_agree
from gradcheck_cli.examine.order_counts import order_counts
from gradcheck_cli.examine.padding_counts import padding_counts
from gradcheck_cli.examine.pairs_matter import pairs_matter
from gradcheck_cli.examine.parts_learn import parts_learn
from gradcheck_cli.examine.pulls import pulls
from gradcheck_cli.examine.replays import replays
from gradcheck_cli.examine.samples_in_loss import samples_in_loss
from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.examine.sees_target import sees_target
from gradcheck_cli.examine.stay_apart import stay_apart
from gradcheck_cli.examine.step_descends import step_descends
from gradcheck_cli.examine.superposition import superposition
from gradcheck_cli.examine.through_time import through_time
from gradcheck_cli.examine.unseen_data import unseen_data

EXPERIMENTS: tuple[Experiment, ...] = (
    against_constant,
    loss_prefers_right,
    samples_in_loss,
    loss_domain,
    step_descends,
    cut_gradient,
    samples_in_model,
    inputs_used,
    pairs_matter,
    sees_target,
    order_counts,
    padding_counts,
    through_time,
    modes_agree,
    input_scales,
    attention_scores,
    draws,
    longer,
    parts_learn,
    stay_apart,
    superposition,
    unseen_data,
    far_better,
    lasting,
    pulls,
    replays,
    by_heart,
)
