"""The outputs of frozen lower layers are computed once, and training is the same as without the cache."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import DataCollatorWithPadding

from core.config import make_config
from core.data.splits import DataSet, Split
from core.models.build import build_trainable, tokenize_split
from core.training import frozen_layers
from core.training.frozen_layers import cached_lower_layers
from tests.models.architectures import ARCHITECTURES
from tests.small_runs import job_for

TEXTS = tuple(" ".join([word] * (1 + n % 5)) for n in range(14) for word in ("bad film", "the film", "good film"))
QUICK = ("bert", "gpt2", "bart", "deberta-v2")
"""Architectures of the quick suite; the others are slow."""
UNCACHED = {"bart", "t5", "mt5", "mbart", "xlnet"}
"""Encoder-decoders, and a model that pads on the left."""


def build(folder, **settings):
    """Return a model with LoRA on its last layer, its training texts and the collation of its batches."""
    part = Split(TEXTS, np.arange(len(TEXTS)) % 2, ({},) * len(TEXTS))
    splits = dict.fromkeys(("train", "validation", "test"), part)
    data = DataSet("films", "films", None, "text", "label", ("bad", "good"), splits, {})
    fixed = {"model": str(folder), "layers": "last:1", "dtype": "float32", "epochs": 1, "max_length": 32}
    model = build_trainable(job_for(make_config(fixed | settings), data))
    rows = tokenize_split(data.train, model.base.tokenizer)
    return model.classifier.model, rows, DataCollatorWithPadding(model.base.tokenizer)


def step(model, rows, collate):
    """Return the logits and gradients of one training step on texts of all lengths."""
    model.zero_grad()
    batch = collate([rows[i] for i in range(0, len(rows), 3)])
    labels = batch.pop("labels")
    logits = model.train()(**batch).logits
    cross_entropy(logits, labels).backward()
    return logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in ARCHITECTURES
        if name != "albert"  # its layers share their weights, and peft cannot choose among them
    ],
)
def test_a_step_is_the_same_with_the_cache(name, tmp_path):
    model, rows, collate = build(ARCHITECTURES[name].write(tmp_path))
    expected_logits, expected = step(model, rows, collate)
    with cached_lower_layers(model, [rows], collate, 32) as depth:
        logits, gradients = step(model, rows, collate)
    assert depth == (0 if name.split("/")[0] in UNCACHED else 1)
    torch.testing.assert_close(logits, expected_logits, atol=1e-5, rtol=1e-5)
    assert gradients.keys() == expected.keys()
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[parameter], atol=1e-5, rtol=1e-4)


def test_the_cached_layers_are_not_computed(tiny_bert):
    model, rows, collate = build(tiny_bert)
    calls = []
    first = next(module for name, module in model.named_modules() if name.endswith("layer.0.attention"))
    first.register_forward_hook(lambda *_: calls.append(1))
    with cached_lower_layers(model, [rows], collate, 32):
        before = len(calls)
        step(model, rows, collate)
    assert len(calls) == before
    step(model, rows, collate)
    assert len(calls) == before + 1


@pytest.mark.parametrize(
    "settings", [{"layers": "first:1"}, {"model_dropout": 0.1}, {"method": "prompt_tuning"}], ids=str
)
def test_what_training_changes_is_not_cached(settings, tiny_bert):
    model, rows, collate = build(tiny_bert, **settings)
    with cached_lower_layers(model, [rows], collate, 32) as depth:
        assert depth == 0


def test_values_that_exceed_the_memory_are_kept_in_a_file(tiny_bert, monkeypatch):
    model, rows, collate = build(tiny_bert)
    expected, _ = step(model, rows, collate)
    monkeypatch.setattr(frozen_layers, "MAX_MEMORY_BYTES", 0)
    with cached_lower_layers(model, [rows, rows.select(range(3))], collate, 32) as depth:
        logits, _ = step(model, rows, collate)
    assert depth == 1
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


def test_values_that_exceed_the_disk_are_not_cached(tiny_bert, monkeypatch):
    model, rows, collate = build(tiny_bert)
    monkeypatch.setattr(frozen_layers, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(frozen_layers, "MAX_DISK_SHARE", 0)
    with cached_lower_layers(model, [rows], collate, 32) as depth:
        assert depth == 0


def test_gradients_are_computed_for_a_training_batch_at_most(tiny_bert):
    model, rows, collate = build(tiny_bert)
    sizes = []
    model.register_forward_pre_hook(
        lambda _, __, inputs: sizes.append(len(inputs["input_ids"])) if torch.is_grad_enabled() else None,
        with_kwargs=True,
    )
    with cached_lower_layers(model, [rows], collate, 4) as depth:
        assert depth == 1
    assert sizes == [4]


def test_training_without_memory_for_the_cache_uses_none(tiny_bert):
    model, rows, collate = build(tiny_bert)

    def run_out_of_memory(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = model.register_forward_pre_hook(run_out_of_memory)
    with cached_lower_layers(model, [rows], collate, 32) as depth:
        hook.remove()
        assert depth == 0
        step(model, rows, collate)


def test_one_text_is_enough(tiny_bert):
    model, rows, collate = build(tiny_bert)
    with cached_lower_layers(model, [Dataset.from_list([rows[0]])], collate, 32) as depth:
        assert depth == 1
