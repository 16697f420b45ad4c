"""Programs of pytorch/examples, tutorials, and small language models."""

from benchmarks.programs import graphs_data, pictures, texts
from benchmarks.programs.program import Program

EXAMPLES = ("pytorch/examples", "77f55b912142e11fcfdf5b530231fb9c52f181e8")
NANO = ("karpathy/nanoGPT", "3adf61e154c3fe3fca428ad6bc3818b27a3b8291")
NAMES = ("karpathy/makemore", "988aa59e4d8fefa526d06f3b453ad116258398d4")
MINGPT = ("karpathy/minGPT", "37baab71b9abea1b76ab957409a1cc2fbfba8a26")
ODE = ("rtqichen/torchdiffeq", "657943acefa826ef04c025ebeb1ff5e9d60dc268")
YUNJEY = ("yunjey/pytorch-tutorial", "0500d3df5a2a8080ccfccbc00aca0eacc21818db")
MORVAN = ("MorvanZhou/PyTorch-Tutorial", "dbe154a9e56635e51c6b0c2ccea8ae36cfb585a7")
JUSTIN = ("jcjohnson/pytorch-examples", "0003fcdc606a79951e53bf8f46f8574fa4739f23")
GRAYKODE = ("graykode/nlp-tutorial", "d05e31ec81d56d70c1db89b99ab07e948f7ebc11")


def example(name: str, *options: str, area: str = "vision", **given: object) -> Program:
    """Return the program of a folder of pytorch/examples."""
    folder, _, kind = name.partition(" ")
    values = {"data": (pictures.digits("data/MNIST"),), **given}
    command = (str(values.pop("script", "main.py")), *options)
    title = f"examples {folder} {kind}".strip()
    return Program(title, area, *EXAMPLES, command, folder=folder, **values)  # type: ignore[arg-type]


def makemore(kind: str) -> Program:
    """Return makemore with one of its models."""
    command = ("makemore.py", "--type", kind, "--max-steps", "150", "--num-workers", "0")
    small = ("--n-layer", "2", "--n-embd", "32")
    files = ("*.py", "names.txt")
    return Program(f"makemore {kind}", "text", *NAMES, (*command, *small), files=files)


def words(kind: str, *options: str) -> Program:
    """Return the word language model of pytorch/examples with one of its models."""
    size = ("--emsize", "32", "--nhid", "32", "--epochs", "2", "--log-interval", "10")
    place = "word_language_model"
    return example(
        f"{place} {' '.join((kind, *options))}",
        *("--data", ".", "--model", kind, *size, *options),
        area="text",
        data=(texts.corpus(place, 2000),),
    )


def lesson(
    name: str,
    repository: tuple[str, str],
    script: str,
    *stand_ins: object,
    area: str = "tutorial",
    sick: str = "",
) -> Program:
    """Return a script of a tutorial, started in its own folder."""
    folder, _, file = script.rpartition("/")
    title = f"{repository[0].partition('/')[0]} {name}"
    place = folder or "."
    return Program(title, area, *repository, (file,), folder=place, data=stand_ins, sick=sick)  # type: ignore[arg-type]


def yunjey(part: str, *stand_ins: object) -> Program:
    """Return a lesson of yunjey's tutorial; its pictures lie beside the lessons."""
    mnist = pictures.digits("tutorials/data/MNIST")
    name = part.partition("/")[2]
    return lesson(name, YUNJEY, f"tutorials/{part}/main.py", mnist, *stand_ins)


def morvan(name: str) -> Program:
    """Return a lesson of Morvan's tutorial."""
    mnist = pictures.digits("tutorial-contents/mnist/MNIST", train=1400, test=300)
    return lesson(name, MORVAN, f"tutorial-contents/{name}.py", mnist)


PROGRAMS = (
    *(makemore(kind) for kind in ("transformer", "mlp", "rnn", "gru", "bow", "bigram")),
    *(words(kind) for kind in ("LSTM", "GRU", "RNN_TANH", "Transformer")),
    words("LSTM", "--use-optimizer", "--lr", "0.001"),
    example("mnist", "--epochs", "3"),
    example("mnist_rnn", "--epochs", "3"),
    example("vae", "--epochs", "4", files=("vae",)),
    example("siamese_network", "--epochs", "1"),
    example(
        "mnist_forward_forward",
        *("--epochs", "60", "--train_size", "512", "--test_size", "128"),
        data=(pictures.digits("mnist_forward_forward/data/MNIST"),),
    ),
    example(
        "dcgan",
        *(
            "--dataset",
            "mnist",
            "--dataroot",
            "../data",
            "--ngf",
            "8",
            "--ndf",
            "8",
            "--niter",
            "2",
        ),
        *("--workers", "0", "--manualSeed", "1"),
        area="gan",
    ),
    example(
        "imagenet",
        *("pictures", "-a", "resnet18", "--epochs", "1", "-b", "12", "-j", "0", "--lr", "0.01"),
        *("--seed", "1"),
        data=(pictures.folders("imagenet/pictures/train", "imagenet/pictures/val", count=30),),
    ),
    example(
        "super_resolution",
        *("--upscale_factor", "2", "--batchSize", "4", "--nEpochs", "2", "--threads", "0"),
        data=(
            pictures.folders(
                "super_resolution/dataset/BSDS300/images/train",
                "super_resolution/dataset/BSDS300/images/test",
                count=16,
                form="{label}{at}.jpg",
            ),
        ),
    ),
    example("gcn", "--epochs", "60", area="graph", data=(graphs_data.citations("gcn/cora"),)),
    example("gat", "--epochs", "30", area="graph", data=(graphs_data.citations("gat/cora"),)),
    example("regression", area="tutorial", data=()),
    example("reinforcement_learning reinforce", script="reinforce.py", area="rl", data=()),
    example("reinforcement_learning actor_critic", script="actor_critic.py", area="rl", data=()),
    Program(
        "nanoGPT shakespeare_char",
        "text",
        *NANO,
        (
            *("train.py", "config/train_shakespeare_char.py", "--device=cpu", "--compile=False"),
            *("--eval_iters=2", "--log_interval=10", "--block_size=32", "--batch_size=8"),
            *("--n_layer=2", "--n_head=2", "--n_embd=64", "--max_iters=120", "--dropout=0.0"),
        ),
        data=(texts.characters("data/shakespeare_char"),),
    ),
    Program(
        "minGPT adder",
        "text",
        *MINGPT,
        ("projects/adder/adder.py", "--trainer.max_iters=120"),
        path=(".",),
    ),
    Program(
        "torchdiffeq ode_demo",
        "tutorial",
        *ODE,
        ("examples/ode_demo.py", "--niters", "40", "--data_size", "200"),
        path=(".",),
    ),
    yunjey("01-basics/feedforward_neural_network"),
    yunjey("01-basics/linear_regression"),
    yunjey("01-basics/logistic_regression"),
    yunjey("02-intermediate/bidirectional_recurrent_neural_network"),
    yunjey("02-intermediate/convolutional_neural_network"),
    yunjey("02-intermediate/recurrent_neural_network"),
    yunjey(
        "02-intermediate/language_model",
        texts.corpus("tutorials/02-intermediate/language_model/data"),
    ),
    yunjey("03-advanced/variational_autoencoder"),
    *(
        morvan(name)
        for name in (
            *("301_regression", "302_classification", "304_save_reload", "306_optimizer"),
            *(
                "401_CNN",
                "402_RNN_classifier",
                "403_RNN_regressor",
                "404_autoencoder",
                "503_dropout",
            ),
            "504_batch_normalization",
        )
    ),
    *(
        lesson(name, JUSTIN, f"{name}.py")
        for name in (
            *("autograd/two_layer_net_autograd", "autograd/two_layer_net_custom_function"),
            *("nn/dynamic_net", "nn/two_layer_net_module", "nn/two_layer_net_nn"),
            "nn/two_layer_net_optim",
        )
    ),
    *(
        lesson(name.partition("/")[2], GRAYKODE, f"{name}.py", area="text")
        for name in (
            *("1-1.NNLM/NNLM", "1-2.Word2Vec/Word2Vec-Skipgram(Softmax)", "2-1.TextCNN/TextCNN"),
            *("3-1.TextRNN/TextRNN", "3-2.TextLSTM/TextLSTM", "4-1.Seq2Seq/Seq2Seq"),
            *("4-3.Bi-LSTM(Attention)/Bi-LSTM(Attention)", "5-2.BERT/BERT"),
        )
    ),
    lesson(
        "Transformer",
        GRAYKODE,
        "5-1.Transformer/Transformer.py",
        area="text",
        sick="vanishing-gradient: its learning rate is too high. After its 20 steps at 0.001 it repeats one word; "
        "at 0.0001 it has learned its only sentence after 10",
    ),
)
