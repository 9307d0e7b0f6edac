"""A head that is initialized from a linear probe of the frozen features."""

import numpy as np
import pytest
import torch

from core.config import make_config
from core.models import head_init
from core.models.backbone import find_backbone, load_for_classification
from core.models.head_init import RELATIVE_NORM, initialize_head
from core.models.neural_classifier import NeuralClassifier
from core.models.tokenizers import load_tokenizer
from tests.small_runs import SIZES, job_for, write_films


@pytest.fixture(params=[("tiny_bert", "model"), ("tiny_gpt2", "model"), ("tiny_bert", "mean")])
def loaded(request, tmp_path):
    """A model with a random head, its new modules, its tokenizer, its output layer and the data."""
    name, pooling = request.param
    model_folder = request.getfixturevalue(name)
    config = make_config({"dataset": write_films(tmp_path), "model": str(model_folder), "pooling": pooling, **SIZES})
    job, backbone = job_for(config), find_backbone(config)
    tokenizer = load_tokenizer(backbone, config.max_length)
    torch.manual_seed(0)
    model, new_modules = load_for_classification(backbone, tokenizer, job.data.labels)
    layer = model.classifier if name == "tiny_bert" else model.score
    return model, new_modules, tokenizer, layer, job.data


def test_initialized_head_separates_the_training_texts(loaded):
    model, new_modules, tokenizer, layer, data = loaded
    random_norm = layer.weight.norm(dim=1).mean().item()
    assert initialize_head(model, new_modules, tokenizer, data.train, len(data.labels)) == "probe"
    predicted = NeuralClassifier(model, tokenizer).logits(data.test.texts).argmax(axis=1)
    assert np.mean(predicted == data.test.labels) > 0.6
    assert layer.weight.norm(dim=1).mean().item() == pytest.approx(RELATIVE_NORM * random_norm, rel=1e-3)


def test_model_without_a_new_output_layer_is_unchanged(loaded):
    model, _, tokenizer, layer, data = loaded
    before = layer.weight.detach().clone()
    assert initialize_head(model, ("pooler",), tokenizer, data.train, len(data.labels)) == "random"
    assert torch.equal(layer.weight, before)


@pytest.mark.filterwarnings("error")
def test_probe_that_does_not_converge_is_used_and_named(loaded, monkeypatch):
    model, new_modules, tokenizer, layer, data = loaded
    before = layer.weight.detach().clone()
    monkeypatch.setattr(head_init, "_MAX_ITERATIONS", 1)
    assert initialize_head(model, new_modules, tokenizer, data.train, len(data.labels)) == "unconverged_probe"
    assert not torch.equal(layer.weight, before)
