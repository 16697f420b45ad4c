"""Every setting, declared once: its kind, default, limits and meaning.

The options of the commands, the keys of a config and its JSON Schema, the environment variables, the
page of settings, the draft of `gradcheck init`, and the defaults and limits of Python calls are read
from these tables.
"""

from typing import Any

from gradcheck_cli.declared.setting import PREFIX, Kind, Setting
from gradcheck_cli.errors import UsageError

__all__ = [
    "AUTO",
    "DEFAULTS",
    "GATE",
    "MODELS",
    "PREFIX",
    "REPORT",
    "SETTINGS",
    "TRAINING",
    "TRIALS",
    "Kind",
    "Setting",
    "check",
]

AUTO = "auto"  # a number of steps that is found out
REFERENCE = "file.py:name, pkg.mod:name, or a call with literal arguments, file.py:build(depth=30)"

TRAINING = (  # one model and how to train it; all may stand in each entry of `models`
    Setting(
        "name",
        Kind.TEXT,
        "What the model is called in messages, where there are several.",
        option="",
        in_environment=False,
    ),
    Setting(
        "model",
        Kind.REFERENCE,
        f"The model: {REFERENCE}. An nn.Module class, an instance or a factory; a bare file.py is "
        "searched for one. Not needed where a config names it.",
        option="",
        example="file.py:build_model",
    ),
    Setting(
        "model_args",
        Kind.ARGUMENTS,
        "An argument of MODEL.",
        option="--model-arg",
        metavar="NAME=VALUE",
        advanced=True,
        in_environment=False,
    ),
    Setting(
        "weights",
        Kind.CHECKPOINT,
        "A checkpoint to start from.",
        metavar="FILE[:KEY]",
        advanced=True,
    ),
    Setting(
        "data",
        Kind.REFERENCE,
        "Dataset, DataLoader, tensors, batches, or what returns one.",
        metavar="REF",
        example="file.py:train_data",
    ),
    Setting("target_column", Kind.TEXT, "Of a table.", metavar="NAME", advanced=True),
    Setting("input_key", Kind.TEXT, "Of a dict batch.", metavar="NAME", advanced=True),
    Setting("target_key", Kind.TEXT, "Of a dict batch.", metavar="NAME", advanced=True),
    Setting(
        "loss",
        Kind.REFERENCE,
        "Loss of (output, target), inferred when not given.",
        metavar="REF",
        example="cross_entropy",
    ),
    Setting(
        "optimizer",
        Kind.REFERENCE,
        "A name in torch.optim such as AdamW, or a callable that receives the model.",
        metavar="REF",
        example="AdamW",
    ),
    Setting(
        "scheduler", Kind.REFERENCE, "A function of the optimizer.", metavar="REF", advanced=True
    ),
    Setting(
        "training_step",
        Kind.REFERENCE,
        "Your own step(model, batch).",
        metavar="REF",
        advanced=True,
    ),
    Setting("lr", Kind.NUMBER, "Learning rate.", above=0, example="1e-3"),
    Setting("batch_size", Kind.WHOLE, "Samples per batch of a Dataset.", least=1, example="32"),
    Setting("accumulate", Kind.WHOLE, "Micro-batches per step.", 1, least=1, advanced=True),
    Setting(
        "clip_norm",
        Kind.NUMBER,
        "Max gradient norm, as in clip_grad_norm_.",
        above=0,
        advanced=True,
        example="1.0",
    ),
    Setting(
        "precision",
        Kind.CHOICE,
        "Number format of the training.",
        "fp32",
        choices=("fp32", "bf16", "fp16"),
        advanced=True,
    ),
    Setting("seed", Kind.WHOLE, "Seeds everything, before your file is imported.", 0),
    Setting("device", Kind.TEXT, "auto, cpu, cuda, cuda:1, mps.", "auto"),
    Setting("steps", Kind.STEPS, "Training steps to watch.", 50, metavar="N|auto"),
)

REPORT = (  # where it goes
    Setting(
        "output",
        Kind.OUTPUTS,
        "Also write the report; repeatable. Formats: {formats}. Without PATH: stdout.",
        (),
        short="-o",
        metavar="FORMAT[:PATH]",
        example='["yaml:gradcheck-report.yaml"]',
    ),
    Setting(
        "fail_on",
        Kind.CHOICE,
        "Exit 1 from this severity of findings on.",
        "error",
        choices=("error", "warning", "note", "never"),
    ),
    Setting(
        "quiet",
        Kind.FLAG,
        "Only the headline on the terminal, no progress.",
        default=False,
        short="-q",
    ),
)

TRIALS = (  # experiments and fixes
    Setting(
        "verify",
        Kind.FLAG,
        "Try the fixes in controlled re-runs.",
        default=True,
        option="--verify/--no-verify",
    ),
    Setting(
        "budget",
        Kind.NUMBER,
        "Time for trying fixes.",
        60.0,
        least=0,
        metavar="SECONDS",
    ),
    Setting(
        "examine",
        Kind.CHOICE,
        "How many experiments are made on the training before it is judged.",
        "full",
        choices=("none", "quick", "full"),
    ),
    Setting(
        "verify_on",
        Kind.WHOLE,
        "Try fixes on N samples of each batch, where whole ones take too much memory or time.",
        least=1,
        metavar="N",
    ),
    Setting(
        "timeout",
        Kind.NUMBER,
        "Per-step timeout in seconds; report what was measured so far.",
        above=0,
        metavar="SECONDS",
    ),
)

GATE = (  # which findings count, and which of them fail
    Setting(
        "select",
        Kind.NAMES,
        "Rules to enable: codes, prefixes, names, ALL. Overrides the config.",
        ("ALL",),
        metavar="RULES",
        example="[ALL]",
    ),
    Setting(
        "extend_select",
        Kind.NAMES,
        "Rules that count in addition to those selected.",
        metavar="RULES",
        adds=True,
    ),
    Setting(
        "ignore",
        Kind.NAMES,
        "These rules do not count: codes, prefixes, names. Adds to what a config ignores.",
        metavar="RULES",
        adds=True,
        example="[GC402, stalled-loss]",
    ),
    Setting("extend_ignore", Kind.NAMES, "The same as ignore.", metavar="RULES", adds=True),
    Setting(
        "per_module_ignores",
        Kind.IGNORES,
        "Rules that do not count in some layers: 'head.*=GC101:frozen on purpose'; in a config "
        "entries with `modules`, `rules` and `reason`.",
        option="--ignore-in",
        metavar="MODULES=RULES:REASON",
        adds=True,
        in_environment=False,
        example='\n  - {modules: "head.*", rules: GC603, reason: frozen on purpose}',
    ),
    Setting(
        "rules",
        Kind.RULES,
        "Severity and thresholds of a rule: GC101.attenuation=1e-4, GC101.severity=warning. "
        "`gradcheck explain` lists them.",
        option="--rule",
        metavar="CODE.NAME=VALUE",
        adds=True,
        in_environment=False,
        example="\n  GC101: {severity: warning, attenuation: 1e-4}",
    ),
    Setting(
        "baseline",
        Kind.FILE,
        "Fail only on findings that are new or worse than this baseline.",
        metavar="FILE",
        example="gradcheck-baseline.yaml",
    ),
    Setting(
        "exit_zero",
        Kind.FLAG,
        "Exit 0 even with findings; crashes and usage errors still fail.",
        default=False,
        option="--exit-zero/--no-exit-zero",
    ),
)

MODELS = Setting(
    "models",
    Kind.MODELS,
    f"Several models; each entry has the keys from `{TRAINING[0].name}` to `{TRAINING[-1].name}`.",
    option="",
    in_environment=False,
)
SETTINGS = {s.name: s for s in (*TRAINING, MODELS, *REPORT, *TRIALS, *GATE)}
DEFAULTS = {s.name: s.default for s in SETTINGS.values() if s.default is not None}


def check(name: str, value: Any) -> None:
    """Raise UsageError where a number is outside the setting's limits, or a choice unknown."""
    if problem := SETTINGS[name].problem(value):
        raise UsageError(problem)
