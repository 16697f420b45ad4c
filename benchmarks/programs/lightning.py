"""Examples of Lightning and Fabric."""

from benchmarks.programs import pictures
from benchmarks.programs.program import Program

LIGHTNING = ("Lightning-AI/pytorch-lightning", "7f0c3436cd3f6ad3753125672024fc415cbcb414")
LESSONS = ("Lightning-AI/tutorials", "15817658a2d63afa338b9e1cd8454fb98d746fac")


def lightning(name: str, *options: str, **given: object) -> Program:
    """Return an example on a stand-in for MNIST."""
    place = f"examples/{name}.py"
    places = ("data/MNIST", "Datasets/MNIST", "examples/Datasets/MNIST")
    stand_ins = (pictures.digits(*places, train=600),)
    values = {"data": stand_ins, "files": (place.rpartition("/")[0],), **given}
    title = f"lightning {name.partition('/')[2]}"
    return Program(title, "lightning", *LIGHTNING, (place, *options), **values)  # type: ignore[arg-type]


CPU = ("--trainer.accelerator", "cpu", "--trainer.logger", "False")
FEW = ("--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "False")
FIT = (*CPU, *FEW, "--trainer.limit_val_batches", "2", "--trainer.limit_test_batches", "2")
PROGRAMS = (
    lightning("pytorch/bug_report/bug_report_model"),
    lightning("pytorch/basics/autoencoder", *FIT, "--trainer.limit_predict_batches", "1"),
    lightning(
        "pytorch/basics/backbone_image_classifier", *FIT, "--trainer.limit_predict_batches", "1"
    ),
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
)
