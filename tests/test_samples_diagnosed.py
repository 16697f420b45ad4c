"""Every sample gets the finding and the cause that its docstring promises; its twin gets nothing."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import torch

import sample_models
from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.targets.target import Target
from sample_models.digits import load as digits_of

FOLDER = Path(sample_models.__file__).parent
SICK = sorted(path.stem.removesuffix("_healthy") for path in FOLDER.glob("*_healthy.py"))
DEEP = {"plain_deep_relu", "depth_without_normalization"}  # forty layers, seconds each


@cache
def report_on(stem: str) -> Report:
    """Return what fifty steps of the sample show."""
    torch.set_num_threads(1)
    return diagnose(Target.from_strings(str(FOLDER / f"{stem}.py"), device="cpu"), verify=False)


def promise(stem: str) -> dict[str, str]:
    text = ast.get_docstring(ast.parse((FOLDER / f"{stem}.py").read_text(encoding="utf-8"))) or ""
    return dict(re.findall(r"^(Finding|Cause): (\S+)$", text, flags=re.MULTILINE))


def samples(suffix: str = "") -> list[object]:
    slow = pytest.mark.slow
    return [pytest.param(f"{s}{suffix}", marks=slow if s in DEEP else (), id=s) for s in SICK]


@pytest.mark.parametrize("stem", samples())
def test_the_promised_finding_and_cause_come_out(stem: str) -> None:
    report, promised = report_on(stem), promise(stem)
    grave = [f.name for f in report.findings if f.severity is not Severity.NOTE]
    assert report.verdict is Verdict.SICK
    assert promised["Finding"] in grave
    assert report.causes[0].name == promised["Cause"]
    assert promised["Cause"] in report.headline


@pytest.mark.parametrize("stem", samples("_healthy"))
def test_the_healthy_twin_is_healthy(stem: str) -> None:
    report = report_on(stem)
    assert [f.name for f in report.findings if f.severity is not Severity.NOTE] == []
    assert report.verdict is Verdict.HEALTHY
    assert report.causes == ()
    assert report.fixes == ()


@pytest.mark.parametrize("stem", samples())
def test_nothing_of_ours_crashes_and_every_finding_can_be_checked(stem: str) -> None:
    report = report_on(stem)
    assert report.crashed == ()
    codes = {f.code for f in report.findings}
    for finding in report.findings:
        assert finding.message
        assert all(e.what for e in finding.evidence)
    for cause in report.causes:
        assert set(cause.explains) <= codes
        assert 0 < cause.score <= 1
        assert cause.reasons
    scores = [c.score for c in report.causes]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("stem", samples())
def test_a_fix_is_proposed_for_the_first_cause_with_code_to_write(stem: str) -> None:
    report = report_on(stem)
    first = [f for f in report.fixes if f.treats == report.causes[0].name]
    assert first
    assert all(f.why and f.summary for f in first)
    assert any(f.code for f in report.fixes)


# Published architectures, untrained and small, with their usual recipe: AdamW, real text and images.


def text_batches(rows: int = 256, length: int = 32) -> dict[str, torch.Tensor]:
    """Return rows of the bytes of a module of the standard library."""
    source = Path(ast.__file__).read_bytes()[: rows * length]
    return {"input_ids": torch.tensor(list(source), dtype=torch.long).view(-1, length) % 128}


class Rows(torch.utils.data.Dataset):
    """Rows of a dict of tensors."""

    def __init__(self, columns: dict[str, torch.Tensor]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: column[index] for name, column in self.columns.items()}


def causal_text() -> Rows:
    columns = text_batches()
    return Rows(columns | {"labels": columns["input_ids"]})


def masked_text() -> Rows:
    words = text_batches()["input_ids"]
    hidden = torch.rand(words.shape, generator=torch.Generator().manual_seed(0)) < 0.15
    return Rows(
        {"input_ids": words.masked_fill(hidden, 127), "labels": words.masked_fill(~hidden, -100)}
    )


def images() -> Rows:
    pixels, digits = digits_of().tensors
    square = (pixels.view(-1, 1, 8, 8) - 0.5) / 0.5  # as the image processors do
    wide = torch.nn.functional.interpolate(square, 32).expand(-1, 3, -1, -1)
    return Rows({"pixel_values": wide, "labels": digits})


SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 128}
NARROW = {**SMALL, "intermediate_size": 64, "max_position_embeddings": 64}
IMAGE = {"image_size": 32, "patch_size": 8, "num_labels": 10}
ARCHITECTURES: dict[str, tuple[str, str, dict[str, object], object]] = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 128, "n_positions": 64}, causal_text),
    "llama": ("LlamaConfig", "LlamaForCausalLM", NARROW, causal_text),
    "mistral": ("MistralConfig", "MistralForCausalLM", {**NARROW, "num_key_value_heads": 2}, causal_text),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {**NARROW, "num_key_value_heads": 2}, causal_text),
    "gemma": ("GemmaConfig", "GemmaForCausalLM", {**NARROW, "head_dim": 8, "num_key_value_heads": 2}, causal_text),
    "phi": ("PhiConfig", "PhiForCausalLM", NARROW, causal_text),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", NARROW, causal_text),
    "opt": ("OPTConfig", "OPTForCausalLM", {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 128, "ffn_dim": 64, "max_position_embeddings": 64, "word_embed_proj_dim": 32}, causal_text),
    "bloom": ("BloomConfig", "BloomForCausalLM", {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": 128}, causal_text),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", {**NARROW, "num_key_value_heads": 2, "num_local_experts": 4}, causal_text),
    "mamba": ("MambaConfig", "MambaForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 128, "state_size": 4}, causal_text),
    "bert": ("BertConfig", "BertForMaskedLM", NARROW, masked_text),
    "roberta": ("RobertaConfig", "RobertaForMaskedLM", NARROW, masked_text),
    "distilbert": ("DistilBertConfig", "DistilBertForMaskedLM", {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64, "vocab_size": 128, "max_position_embeddings": 64}, masked_text),
    "electra": ("ElectraConfig", "ElectraForMaskedLM", {**NARROW, "embedding_size": 32}, masked_text),
    "albert": ("AlbertConfig", "AlbertForMaskedLM", {**NARROW, "embedding_size": 16}, masked_text),
    "t5": ("T5Config", "T5ForConditionalGeneration", {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 128, "decoder_start_token_id": 0}, causal_text),
    "bart": ("BartConfig", "BartForConditionalGeneration", {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "vocab_size": 128, "max_position_embeddings": 64}, causal_text),
    "vit": ("ViTConfig", "ViTForImageClassification", {**SMALL, "intermediate_size": 64, **IMAGE}, images),
    "deit": ("DeiTConfig", "DeiTForImageClassification", {**SMALL, "intermediate_size": 64, **IMAGE}, images),
    "convnext": ("ConvNextConfig", "ConvNextForImageClassification", {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1], "num_labels": 10}, images),
    "resnet": ("ResNetConfig", "ResNetForImageClassification", {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [2, 2], "layer_type": "basic", "num_labels": 10}, images),
}  # fmt: skip


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_untrained_architecture_with_its_usual_recipe_shows_no_error(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    config, model, options, data = ARCHITECTURES[name]
    torch.set_num_threads(1)

    def build() -> torch.nn.Module:
        unused = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
        chosen = options if "num_labels" in options else {**unused, **options}
        return getattr(transformers, model)(getattr(transformers, config)(**chosen))

    target = Target.of(model=build, data=data, optimizer="AdamW", lr=1e-3, device="cpu")
    report = diagnose(target, 50, verify=False)
    assert [(f.name, f.message) for f in report.findings if f.severity is not Severity.NOTE] == []
    assert report.crashed == ()


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_an_untrained_recurrent_classifier_shows_no_error(cell: str) -> None:
    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = getattr(torch.nn, cell)(8, 32, batch_first=True)
            self.head = torch.nn.Linear(32, 10)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.head(self.cell(pixels.view(-1, 8, 8))[0][:, -1])

    target = Target.of(model=Reader, data=digits_of, optimizer="Adam", lr=3e-3, device="cpu")
    report = diagnose(target, 50, verify=False)
    assert [f.name for f in report.findings if f.severity is not Severity.NOTE] == []
