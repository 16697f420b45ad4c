"""Generative programs: adversarial networks, diffusion, quantized autoencoders."""

from benchmarks.programs import pictures
from benchmarks.programs.program import Program

GANS = ("eriklindernoren/PyTorch-GAN", "36d3c77e5ff20ebe0aeefd322326a134a279b93e")
DIFFUSION = ("tanelp/tiny-diffusion", "726b6bbbf2c9e3d23dff9eaea2fda10d0af6a78c")
VQ = ("lucidrains/vector-quantize-pytorch", "0d7d1aa83334b6f2f8a40306bece75cdaa13d065")
WGAN = ("Zeleni9/pytorch-wgan", "7f5b52d638746c8b2abdd65dc26319f1de3be8cf")
DIFFUSERS = ("huggingface/diffusers", "58eb52c0803ea9af3abec60841c2a093bdf1f951")


def gan(name: str, *options: str, epochs: int = 3) -> Program:
    """Return one program of PyTorch-GAN on 512 pictures."""
    folder = f"implementations/{name}"
    size = ("--n_epochs", str(epochs), "--sample_interval", "10", "--batch_size", "32")
    return Program(
        f"PyTorch-GAN {name}",
        "gan",
        *GANS,
        (f"{name}.py", *size, *options),
        folder=folder,
        files=(f"{folder}/*.py",),
        data=(pictures.digits("data/mnist/MNIST", f"{folder}/data/MNIST", train=512),),
    )


def quantized(name: str, *options: str) -> Program:
    """Return one autoencoder of vector-quantize-pytorch."""
    return Program(
        f"vector-quantize {name}",
        "gan",
        *VQ,
        (f"examples/{name}.py", "--train_iter", "60", "--batch_size", "64", *options),
        path=(".",),
        data=(pictures.digits("home/data/fashion_mnist/FashionMNIST"),),
    )


PROGRAMS = (
    *(
        gan(name)
        for name in ("gan", "lsgan", "bgan", "softmax_gan", "cgan", "aae", "relativistic_gan")
    ),
    *(gan(name, "--img_size", "32", epochs=2) for name in ("dcgan", "infogan", "acgan", "sgan")),
    *(gan(name, "--img_size", "32", epochs=2) for name in ("began", "ebgan")),
    *(gan(name) for name in ("wgan", "wgan_gp", "wgan_div", "dragan")),
    Program(
        "tiny-diffusion moons",
        "diffusion",
        *DIFFUSION,
        ("ddpm.py", "--dataset", "moons", "--num_epochs", "4", "--hidden_size", "64"),
    ),
    Program(
        "pytorch-wgan GAN",
        "gan",
        *WGAN,
        ("main.py", "--model", "GAN", "--dataroot", "data", "--epochs", "3", "--download", "True"),
        data=(pictures.digits("data/MNIST"),),
    ),
    *(quantized(name) for name in ("autoencoder", "autoencoder_fsq", "autoencoder_sim_vq")),
    quantized("autoencoder_lfq"),
    Program(
        "diffusers train_unconditional",
        "diffusion",
        *DIFFUSERS,
        (
            *("train_unconditional.py", "--train_data_dir", "pictures", "--resolution", "16"),
            *(
                "--model_config_name_or_path",
                "tiny",
                "--num_epochs",
                "3",
                "--train_batch_size",
                "8",
            ),
            *("--ddpm_num_inference_steps", "4", "--output_dir", "out", "--lr_warmup_steps", "5"),
            *("--dataloader_num_workers", "0", "--logger", "tensorboard"),
        ),
        folder="examples/unconditional_image_generation",
        files=("examples/unconditional_image_generation",),
        data=(
            pictures.folders("examples/unconditional_image_generation/pictures", size=16, count=40),
            pictures.small_unet("examples/unconditional_image_generation/tiny"),
        ),
    ),
)
