"""The mean over the tokens as the input of the head."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForTokenClassification

from core.config import make_config
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.neural_classifier import run_texts
from core.models.pooling import mean_over_tokens
from core.runs.progress import Progress
from core.serving.inference import load_classifier
from core.training.fine_tuning import fine_tune
from tests.models.architectures import ARCHITECTURES
from tests.small_runs import job_for, saved_as

TEXTS = ("good", "the film was good", "bad film " * 9, "", "bad")
SIZES = {"dataset": "movie-reviews-3", "train_size": 48, "validation_size": 24, "test_size": 24}


@pytest.fixture
def sentence_model(tiny_bert, tmp_path):
    """A function that returns the tiny encoder as a sentence-transformers model with some pooling."""

    def create(**pooling):
        folder = shutil.copytree(tiny_bert, tmp_path / "sentences")
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        return folder

    return create


def pooling_of(model, requested="auto"):
    return find_backbone(make_config({"model": str(model), "pooling": requested})).pooling


def test_a_model_is_pooled_as_it_was_trained(sentence_model, tiny_bert):
    assert pooling_of("minilm") == "mean"
    assert pooling_of(sentence_model(pooling_mode_mean_tokens=True)) == "mean"
    assert pooling_of(tiny_bert) == "model"
    assert pooling_of(tiny_bert, "mean") == "mean"
    assert pooling_of("minilm", "model") == "model"


@pytest.mark.parametrize("content", ['{"pooling_mode_cls_token": true}', "[]", "{", ""])
def test_other_pooling_files_leave_the_models_own_head(content, sentence_model):
    folder = sentence_model()
    (folder / "1_Pooling" / "config.json").write_text(content)
    assert pooling_of(folder) == "model"


def test_model_without_token_classifier_is_refused(tmp_path):
    folder = ARCHITECTURES["bart"].write(tmp_path)
    assert pooling_of(folder) == "model"
    with pytest.raises(RequestError, match="--pooling mean: transformers has no token classifier"):
        pooling_of(folder, "mean")


@pytest.fixture(scope="module", params=["bert", "gpt2", "t5"])
def fitted(request, tmp_path_factory):
    """The config, the data and the fitted classifier of a run with mean pooling."""
    model = str(ARCHITECTURES[request.param].write(tmp_path_factory.mktemp("model")))
    config = make_config({"model": model, "pooling": "mean", "epochs": 1, "max_length": 16, "lr": 0.01, **SIZES})
    job = job_for(config)
    return job.config, job.data, fine_tune(job, Progress())


def test_logits_are_the_head_on_the_mean_token(fitted):
    classifier = fitted[2].classifier
    model, tokenizer = classifier.model, classifier.tokenizer
    head = next(module for name, module in model.named_modules() if name.endswith("modules_to_save.default"))

    def forward(batch):
        hidden = model(**batch, output_hidden_states=True).hidden_states[-1]
        return head(mean_over_tokens(hidden, batch["attention_mask"]))

    assert np.abs(run_texts(model, tokenizer, TEXTS, forward) - classifier.logits(TEXTS)).max() < 1e-5


def test_padding_does_not_change_logits(fitted):
    classifier = fitted[2].classifier
    alone = np.concatenate([classifier.logits([text]) for text in TEXTS])
    assert np.abs(classifier.logits(TEXTS) - alone).max() < 1e-4


def test_reloaded_and_plain_models_give_the_same_logits(fitted, tmp_path):
    config, data, result = fitted
    classifier = result.classifier
    classifier.save(tmp_path)
    expected = classifier.logits(TEXTS)
    assert np.abs(load_classifier(saved_as(config, data.labels, tmp_path)).logits(TEXTS) - expected).max() < 1e-5
    base = AutoModelForTokenClassification.from_pretrained(config.model, num_labels=len(data.labels))
    plain = PeftModel.from_pretrained(base, tmp_path).eval()
    alone = [plain(**classifier.tokenizer(text, truncation=True, return_tensors="pt")) for text in TEXTS if text]
    logits = torch.cat([output.logits.mean(dim=1) for output in alone]).detach().numpy()
    assert np.abs(logits - expected[[bool(text) for text in TEXTS]]).max() < 1e-5


def test_mean_is_taken_over_the_last_entries_of_the_mask():
    values = torch.arange(12.0).reshape(1, 3, 4)
    assert torch.equal(mean_over_tokens(values, None), values.mean(dim=1))
    assert torch.equal(mean_over_tokens(values, torch.tensor([[1, 1, 0, 1, 0]])), values[:, 1])


def test_untrained_baseline_keeps_the_models_own_head():
    config = make_config({"method": "untrained", "pooling": "mean"})
    assert find_backbone(config).pooling == "model"
