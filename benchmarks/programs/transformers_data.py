"""Stand-ins for published transformers: small ones of random weights, saved where programs look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.programs.texts import NOUNS, VERBS

_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>")
_OTHERS = (
    *("the", "no", ".", "what", "does", "?", "it", "user", "assistant", "good", "bad", "which"),
    *("Below", "is", "an", "instruction", "that", "describes", "a", "task", "Write", "response"),
    *("appropriately", "completes", "request", "###", "Instruction", ":", "Response", "\n"),
)
_CHAT = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} </s> {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"


def tokenizer(*, pairs: bool) -> Any:
    """Return a tokenizer of whole words; with pairs, [CLS] and [SEP] stand around sentences."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = (*_MARKS, *NOUNS, *VERBS, *_OTHERS)
    inner = Tokenizer(models.WordLevel({w: at for at, w in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if pairs:
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "</s>", "bos_token": "<s>"}
    if pairs:
        marks |= {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    made = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=128, **marks)
    made.chat_template = _CHAT
    return made


def decoder(folder: str, seed: int = 0) -> Callable[[Path], None]:
    """Write a Llama of two layers."""

    def write(root: Path) -> None:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(seed)
        words = tokenizer(pairs=False)
        config = LlamaConfig(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            pad_token_id=words.pad_token_id,
            eos_token_id=words.eos_token_id,
            bos_token_id=words.bos_token_id,
        )
        LlamaForCausalLM(config).save_pretrained(root / folder)
        words.save_pretrained(root / folder)

    return write


def encoder(folder: str) -> Callable[[Path], None]:
    """Write a BERT of two layers."""

    def write(root: Path) -> None:
        import torch
        from transformers import BertConfig, BertModel

        torch.manual_seed(0)
        words = tokenizer(pairs=True)
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=128,
        )
        BertModel(config).save_pretrained(root / folder)
        words.save_pretrained(root / folder)

    return write
