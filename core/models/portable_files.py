"""Write the tokenizer and label names beside a fine-tuned model's weights, for use without this project."""

import json
from collections.abc import Mapping
from pathlib import Path

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.models.backbone import silence_libraries

LABELS_FILE = "labels.json"
"""Contains ``id2label`` and ``label2id``, as a ``config.json`` does.

An adapter's folder must not contain a ``config.json``: transformers (5.24) would load it as a complete model with an
embedded adapter, and fail because ``model.safetensors`` is missing.
"""
_RUNTIME_SETTINGS = ("padding_side", "truncation_side", "split_special_tokens", "model_input_names")
"""`load_tokenizer` sets these after construction; ``save_pretrained`` writes only ``init_kwargs``, so they are
copied there first."""


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a tokenizer with its current settings, so that `AutoTokenizer.from_pretrained` restores them."""
    tokenizer.init_kwargs |= {name: getattr(tokenizer, name) for name in _RUNTIME_SETTINGS}
    with silence_libraries():
        tokenizer.save_pretrained(folder)


def save_label_names(id2label: Mapping[int, str], folder: Path) -> None:
    """Write the label names of an adapter to `LABELS_FILE`."""
    label2id = {label: class_id for class_id, label in id2label.items()}
    text = json.dumps({"id2label": id2label, "label2id": label2id}, indent=2, ensure_ascii=False)
    (folder / LABELS_FILE).write_text(f"{text}\n", encoding="utf-8")
