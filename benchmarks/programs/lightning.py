"""Examples of Lightning and Fabric."""

from benchmarks.programs import pictures
from benchmarks.programs.program import Program

LIGHTNING = ("Lightning-AI/pytorch-lightning", "7f0c3436cd3f6ad3753125672024fc415cbcb414")
PYRO = ("pyro-ppl/pyro", "ff6ae1c9572591791aae8842bcd702fcf0b46fd6")


def lightning(name: str, *options: str, **given: object) -> Program:
    """Return an example on a stand-in for MNIST."""
    place = f"examples/{name}.py"
    places = ("data/MNIST", "Datasets/MNIST", "examples/Datasets/MNIST")
    stand_ins = (pictures.digits(*places, train=600),)
    values = {"data": stand_ins, "files": (place.rpartition("/")[0],), **given}
    title = f"lightning {name.partition('/')[2]}"
    return Program(title, "lightning", *LIGHTNING, (place, *options), **values)  # type: ignore[arg-type]


PROGRAMS = (
    lightning("pytorch/bug_report/bug_report_model"),
    lightning("fabric/image_classifier/train_torch", "--epochs", "2"),
    lightning("fabric/image_classifier/train_fabric", "--epochs", "2"),
    lightning("fabric/kfold_cv/train_fabric", "--epochs", "1", "--folds", "2"),
    lightning(
        "fabric/reinforcement_learning/train_torch",
        *("--total-timesteps", "2048", "--num-steps", "128", "--num-envs", "2"),
    ),
    lightning(
        "fabric/reinforcement_learning/train_fabric",
        *("--total-timesteps", "2048", "--num-steps", "128", "--num-envs", "2"),
    ),
    lightning(
        "pytorch/domain_templates/reinforce_learn_Qnet",
        path=("modules",),
        environment=(("EPISODES", "60"),),
    ),
    lightning("fabric/build_your_own_trainer/run"),
    Program(
        "pyro svi_lightning",
        "lightning",
        *PYRO,
        (
            *("examples/svi_lightning.py", "--size", "4000", "--max_epochs", "2"),
            *("--accelerator", "cpu", "--devices", "1"),
        ),
        path=(".",),
        files=("pyro", "examples"),
    ),
)
