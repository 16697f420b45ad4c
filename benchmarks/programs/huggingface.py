"""Programs around transformers: TRL, PEFT, accelerate, sentence-transformers."""

import random

from benchmarks.programs import texts, transformers_data
from benchmarks.programs.program import Program
from benchmarks.programs.texts import NOUNS, VERBS

TRL = ("huggingface/trl", "f2cd57710ae345ea6428ae95363267fcf38a3dc8")
PEFT = ("huggingface/peft", "5d602fdbff04c33c1c4de55cda9d4ae1d7cb7e40")
ACCELERATE = ("huggingface/accelerate", "16cb6eb80dd9aa8b4df1a63ef57863e455d53b83")


def question(words: random.Random) -> tuple[str, str, str]:
    """Return what is asked, the right answer, and a wrong one."""
    noun, other = words.sample(NOUNS, 2)
    verb, wrong = words.sample(VERBS, 2)
    return f"what does the {noun} ?", f"the {noun} {verb} the {other} .", f"no {wrong} ."


def told(words: random.Random) -> dict[str, object]:
    """Return a row of a conversation."""
    asked, right, _ = question(words)
    said = ({"role": "user", "content": asked}, {"role": "assistant", "content": right})
    return {"messages": list(said)}


def preferred(words: random.Random) -> dict[str, object]:
    """Return a row of a preference."""
    asked, right, wrong = question(words)
    return {"prompt": asked, "chosen": f" {right}", "rejected": f" {wrong}"}


def conversations(words: random.Random) -> dict[str, object]:
    """Return a row of a preference between conversations, without a prompt of its own."""
    asked, right, wrong = question(words)
    begun = {"role": "user", "content": asked}
    ends = {"chosen": right, "rejected": wrong}
    return {k: [begun, {"role": "assistant", "content": v}] for k, v in ends.items()}


def labeled(words: random.Random) -> dict[str, object]:
    """Return a row of an answer and whether it is wanted."""
    asked, right, wrong = question(words)
    wanted = words.random() < 0.5
    return {"prompt": asked, "completion": f" {right if wanted else wrong}", "label": wanted}


def stepwise(words: random.Random) -> dict[str, object]:
    """Return a row of answers in steps, each of which is right or wrong."""
    asked, right, wrong = question(words)
    return {"prompt": asked, "completions": [right, wrong], "labels": [True, False]}


def instructed(words: random.Random) -> dict[str, object]:
    """Return a row of instructions as Alpaca has them."""
    asked, right, _ = question(words)
    return {"instruction": asked, "input": "", "output": right, "text": f"{asked} {right}"}


def trl(name: str, script: str, make: object, *options: str, steps: int = 30) -> Program:
    """Return a script of TRL on a Llama of two layers."""
    shared = (
        *("--model_name_or_path", "tiny", "--dataset_name", "rows", "--output_dir", "out"),
        *("--max_steps", str(steps), "--per_device_train_batch_size", "8", "--report_to", "none"),
        *("--logging_steps", "10", "--learning_rate", "1e-3", "--use_cpu", "--bf16", "False"),
    )
    return Program(
        f"trl {name}",
        "hf",
        *TRL,
        (script, *shared, *options),
        files=(script,),
        data=(transformers_data.decoder("tiny"), texts.rows("rows", make)),  # type: ignore[arg-type]
        environment=(("TRL_EXPERIMENTAL_SILENCE", "1"),),
    )


def peft(name: str, *options: str) -> Program:
    """Return a fine-tuning script of PEFT on a Llama of two layers."""
    script = f"examples/{name}/{name}.py"
    shared = ("--base_model", "tiny", "--data_path", "rows", "--batch_size", "8")
    lengths = ("--cutoff_len", "48", "--val_set_size", "16", "--output_dir", "out")
    return Program(
        f"peft {name}",
        "hf",
        *PEFT,
        (script, *shared, *lengths, *options),
        files=(script,),
        data=(transformers_data.decoder("tiny"), texts.rows("rows", instructed, 240)),
    )


def accelerate(name: str, *options: str) -> Program:
    """Return an example of accelerate on a BERT of two layers and pairs of sentences."""
    script = f"examples/{name}.py"
    return Program(
        f"accelerate {name.rpartition('/')[2]}",
        "hf",
        *ACCELERATE,
        (script, "--cpu", *options),
        files=("examples",),
        path=("modules",),
        data=(transformers_data.encoder("bert-base-cased"), texts.pairs("nyu-mll/glue")),
    )


LORA = ("--use_peft", "--lora_r", "4", "--lora_alpha", "8")
PROGRAMS = (
    trl("sft", "trl/scripts/sft.py", told),
    trl("sft lora", "trl/scripts/sft.py", told, *LORA),
    trl("dpo", "trl/scripts/dpo.py", preferred),
    trl("kto", "trl/scripts/kto.py", labeled),
    trl("reward", "trl/scripts/reward.py", conversations),
    trl("orpo", "examples/scripts/orpo.py", preferred),
    trl("cpo", "examples/scripts/cpo.py", preferred),
    trl("prm", "examples/scripts/prm.py", stepwise),
    trl("gkd", "examples/scripts/gkd.py", told, "--teacher_model_name_or_path", "tiny", steps=15),
    peft("olora_finetuning", "--device_map", "cpu", "--dtype", "float32", "--lora_r", "4"),
    peft("dora_finetuning", "--use_dora", "--device", "cpu", "--lora_r", "4"),
    peft("randlora_finetuning", "--device", "cpu"),
    peft("road_finetuning", "--device", "cpu"),
    accelerate("nlp_example"),
    accelerate("by_feature/gradient_accumulation", "--gradient_accumulation_steps", "2"),
    accelerate("by_feature/schedule_free"),
    accelerate("by_feature/early_stopping"),
    accelerate("by_feature/local_sgd", "--local_sgd_steps", "4"),
    Program(
        "peft peft_no_lora_accelerate",
        "hf",
        *PEFT,
        (
            *(
                "examples/sequence_classification/peft_no_lora_accelerate.py",
                "--model_name_or_path",
            ),
            *(
                "tiny",
                "--output_dir",
                "out",
                "--num_virtual_tokens",
                "4",
                "--num_train_epochs",
                "2",
            ),
            *("--peft_type", "prompt_tuning", "--seed", "0"),
        ),
        files=("examples/sequence_classification",),
        path=("modules",),
        data=(transformers_data.encoder("tiny"), texts.pairs("glue")),
    ),
)
