"""A tiny model of every architecture, generated on demand, as a checkpoint without a classification head."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from tokenizers.pre_tokenizers import ByteLevel

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("good", "bad", "film", "the", "was")
POSITIONS = 64


def _wordpieces(special: tuple[str, ...]) -> dict[str, Any]:
    pieces = (*special, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS)
    return {"vocab": {piece: code for code, piece in enumerate(pieces)}}


def _bytes(special: tuple[str, ...]) -> dict[str, Any]:
    pieces = (*special, *sorted(ByteLevel.alphabet()))
    return {"vocab": {piece: code for code, piece in enumerate(pieces)}, "merges": []}


def _letters(special: tuple[str, ...]) -> dict[str, Any]:
    pieces = (*special, "▁", *LETTERS)
    return {"vocab": {piece: code for code, piece in enumerate(pieces)}, "merges": []}


def _unigrams(special: tuple[str, ...]) -> dict[str, Any]:
    pieces = (*special, "▁", *LETTERS, *(f"▁{word}" for word in WORDS))
    return {"vocab": [(piece, 0.0 if piece in special else -1.0) for piece in pieces]}


@dataclass(frozen=True)
class Architecture:
    """A model architecture: a small version of its config, its tokenizer and its published checkpoints."""

    name: str
    checkpoint_class: str
    tokenizer_class: str
    vocabulary: Callable[[tuple[str, ...]], dict[str, Any]]
    special: tuple[str, ...]
    config: dict[str, Any]
    new_modules: tuple[str, ...]
    target_modules: tuple[str, ...]

    def write(self, folder: Path) -> Path:
        """Write a model with random weights and its tokenizer, in the form of a published checkpoint."""
        import torch

        tokenizer = getattr(transformers, self.tokenizer_class)(**self.vocabulary(self.special))
        tokenizer.save_pretrained(folder)
        token_ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
        options = {"vocab_size": len(tokenizer), **token_ids, **self.config}
        config = transformers.AutoConfig.for_model(self.name.split("/")[0], **options)
        torch.manual_seed(0)
        getattr(transformers, self.checkpoint_class)(config).save_pretrained(folder)
        return folder


_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_LLAMA = ("<unk>", "<s>", "</s>")
_GEMMA = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
_END = ("<|endoftext|>",)

_ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}
_OFFSET = _ENCODER | {"max_position_embeddings": POSITIONS + 2}  # position ids start at padding_idx + 1
_DECODER = _ENCODER | {"num_key_value_heads": 1, "head_dim": 16}
_DEBERTA = _ENCODER | {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "max_relative_positions": -1,
}
_DEBERTA_V3 = _DEBERTA | {"position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True}
_DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": POSITIONS}
_MODERNBERT = _ENCODER | {"cls_token_id": 2, "sep_token_id": 3, "local_attention": 16, "global_attn_every_n_layers": 2}
_XLNET = {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}
_BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": POSITIONS,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": 2,
}
_T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
_OPT = {
    "hidden_size": 32,
    "word_embed_proj_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "ffn_dim": 64,
    "max_position_embeddings": POSITIONS,
}

_QV = ("q_proj", "v_proj")
_ARCHITECTURES = (
    Architecture(
        "bert", "BertForPreTraining", "BertTokenizer", _wordpieces, _BERT, _ENCODER, ("classifier",), ("query", "value")
    ),
    Architecture(
        "roberta",
        "RobertaForMaskedLM",
        "RobertaTokenizer",
        _bytes,
        _ROBERTA,
        _OFFSET,
        ("classifier",),
        ("query", "value"),
    ),
    Architecture(
        "xlm-roberta",
        "XLMRobertaForMaskedLM",
        "XLMRobertaTokenizer",
        _unigrams,
        ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
        _OFFSET,
        ("classifier",),
        ("query", "value"),
    ),
    Architecture(
        "distilbert",
        "DistilBertForMaskedLM",
        "DistilBertTokenizer",
        _wordpieces,
        _BERT,
        _DISTILBERT,
        ("pre_classifier", "classifier"),
        ("q_lin", "v_lin"),
    ),
    Architecture(
        "deberta-v2",
        "DebertaV2ForMaskedLM",
        "DebertaV2Tokenizer",
        _unigrams,
        _BERT,
        _DEBERTA,
        ("pooler", "classifier"),
        ("query_proj", "value_proj"),
    ),
    Architecture(
        "deberta-v2/v3",
        "DebertaV2ForMaskedLM",
        "DebertaV2Tokenizer",
        _unigrams,
        _BERT,
        _DEBERTA_V3,
        ("pooler", "classifier"),
        ("query_proj", "value_proj"),
    ),
    Architecture(
        "modernbert",
        "ModernBertForMaskedLM",
        "BertTokenizer",
        _wordpieces,
        _BERT,
        _MODERNBERT,
        ("classifier",),
        ("Wqkv",),
    ),
    Architecture(
        "electra",
        "ElectraForPreTraining",
        "ElectraTokenizer",
        _wordpieces,
        _BERT,
        _ENCODER | {"embedding_size": 16},
        ("classifier",),
        ("query", "value"),
    ),
    Architecture(
        "mpnet",
        "MPNetForMaskedLM",
        "MPNetTokenizer",
        _wordpieces,
        ("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"),
        _OFFSET,
        ("classifier",),
        ("q", "v"),
    ),
    Architecture(
        "albert",
        "AlbertForPreTraining",
        "AlbertTokenizer",
        _unigrams,
        ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
        _ENCODER | {"embedding_size": 16},
        ("classifier",),
        ("query", "value"),
    ),
    Architecture(
        "xlnet",
        "XLNetLMHeadModel",
        "XLNetTokenizer",
        _unigrams,
        ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"),
        _XLNET,
        ("sequence_summary", "logits_proj"),
        ("layer_1", "layer_2"),
    ),
    Architecture(
        "bart", "BartForConditionalGeneration", "BartTokenizer", _bytes, _ROBERTA, _BART, ("classification_head",), _QV
    ),
    Architecture(
        "t5",
        "T5ForConditionalGeneration",
        "T5Tokenizer",
        _unigrams,
        ("<pad>", "</s>", "<unk>"),
        _T5,
        ("classification_head",),
        ("q", "v"),
    ),
    Architecture("gpt2", "GPT2LMHeadModel", "GPT2Tokenizer", _bytes, _END, _GPT2, ("score",), ("c_attn",)),
    Architecture(
        "gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXTokenizer", _bytes, _END, _ENCODER, ("score",), ("query_key_value",)
    ),
    Architecture("opt", "OPTForCausalLM", "GPT2Tokenizer", _bytes, _ROBERTA, _OPT, ("score",), _QV),
    Architecture("llama", "LlamaForCausalLM", "LlamaTokenizer", _letters, _LLAMA, _DECODER, ("score",), _QV),
    Architecture("qwen2", "Qwen2ForCausalLM", "Qwen2Tokenizer", _bytes, _END, _DECODER, ("score",), _QV),
    Architecture("qwen3", "Qwen3ForCausalLM", "Qwen2Tokenizer", _bytes, _END, _DECODER, ("score",), _QV),
    Architecture("gemma", "GemmaForCausalLM", "GemmaTokenizer", _letters, _GEMMA, _DECODER, ("score",), _QV),
    Architecture("gemma2", "Gemma2ForCausalLM", "GemmaTokenizer", _letters, _GEMMA, _DECODER, ("score",), _QV),
    Architecture("gemma3_text", "Gemma3ForCausalLM", "GemmaTokenizer", _letters, _GEMMA, _DECODER, ("score",), _QV),
)
ARCHITECTURES = {architecture.name: architecture for architecture in _ARCHITECTURES}
