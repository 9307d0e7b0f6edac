import re

import numpy as np
import pytest
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForSequenceClassification
from transformers.pytorch_utils import Conv1D

from core.config import make_config
from core.data.splits import DataSet, Split
from core.models.backbone import find_backbone
from core.models.baselines import fit_frozen, fit_knn, fit_untrained
from core.models.dry_run import dry_run_adapter
from core.models.neural_classifier import run_texts
from core.runs.progress import Progress
from core.serving.inference import load_classifier
from core.training.fine_tuning import fine_tune
from tests.models.architectures import ARCHITECTURES, POSITIONS
from tests.small_runs import job_for, saved_as

LABELS = ("bad", "fair", "good")
TEXTS = tuple(" ".join([word] * (1 + n % 5)) for n in range(14) for word in ("bad film", "the film", "good film"))
PROBE = ("good", "the film was good", "bad film", "", "the " * 5 * POSITIONS, "bad " * 7)
PADDING_TOLERANCE = 1e-4
"""Largest difference that padding may cause: the float32 error of two layers."""
QUICK = ("bert", "gpt2", "bart", "deberta-v2")
"""Architectures of the quick suite; the others are slow."""


@pytest.fixture(scope="module")
def films():
    codes = np.arange(len(TEXTS)) % 3
    part = Split(TEXTS, codes, ({},) * len(TEXTS))
    return DataSet(
        "films", "films", None, "text", "label", LABELS, dict.fromkeys(("train", "validation", "test"), part), {}
    )


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in ARCHITECTURES],
)
def architecture(request):
    return ARCHITECTURES[request.param]


@pytest.fixture(scope="module")
def config(architecture, tmp_path_factory):
    folder = architecture.write(tmp_path_factory.mktemp("model"))
    return make_config(
        {"model": str(folder), "epochs": 1, "batch_size": 8, "lr": 1e-2, "max_length": 256, "dtype": "float32"}
    )


@pytest.fixture(scope="module")
def fitted(config, films):
    return fine_tune(job_for(config, films), Progress())


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    fitted.classifier.save(folder)
    return folder


def test_saved_adapter_reloads_with_the_same_logits(config, fitted, saved):
    reloaded = load_classifier(saved_as(config, LABELS, saved)).logits(PROBE)
    assert np.isfinite(reloaded).all()
    assert np.abs(reloaded - fitted.classifier.logits(PROBE)).max() < 1e-5


def test_plain_peft_gives_the_same_logits(config, fitted, saved):
    tokenizer = fitted.classifier.tokenizer
    base = AutoModelForSequenceClassification.from_pretrained(
        config.model, num_labels=len(LABELS), pad_token_id=tokenizer.pad_token_id
    )
    model = PeftModel.from_pretrained(base, saved).eval()
    logits = run_texts(model, tokenizer, PROBE, lambda batch: model(**batch).logits)
    assert np.abs(logits - fitted.classifier.logits(PROBE)).max() < 1e-5


def test_saved_file_holds_the_trained_head(architecture, config, fitted, saved, films):
    assert tuple(fitted.environment["new_modules"]) == architecture.new_modules
    untrained = fit_untrained(job_for(config, films)).classifier.model.state_dict()
    for name, tensor in load_file(saved / "adapter_model.safetensors").items():
        key = name.removeprefix("base_model.model.")
        if key.startswith(architecture.new_modules) and key.endswith(".weight"):
            assert not tensor.equal(untrained.pop(key)), f"{key} is untrained"
    assert not [name for name in untrained if name.startswith(architecture.new_modules) and name.endswith(".weight")]


def test_every_linear_layer_of_the_blocks_is_adapted_and_recorded(architecture, fitted):
    model, targets = fitted.classifier.model.get_base_model(), fitted.environment["target_modules"]
    adapted = {name for name, module in model.named_modules() if hasattr(module, "lora_A")}
    linear = {name for name, module in model.named_modules() if type(module) in (nn.Linear, Conv1D)}
    block = re.compile(rf"{model.base_model_prefix}\..*\.\d+\.")
    assert adapted == {
        name.removesuffix(".base_layer") for name in linear if block.match(name) and ".lora_" not in name
    }
    assert all(any(f".{name}".endswith(f".{target}") for target in targets) for name in adapted)
    assert all(any(name.endswith(target) for name in adapted) for target in architecture.target_modules)
    assert fitted.environment["target_modules_reason"] == "every linear layer of the transformer blocks"


def test_logits_are_independent_of_the_batch(fitted):
    together = fitted.classifier.logits(PROBE)
    alone = np.concatenate([fitted.classifier.logits([text]) for text in PROBE])
    assert np.abs(together - alone).max() < PADDING_TOLERANCE


def test_long_text_is_truncated_to_the_models_positions(architecture, fitted):
    positions = fitted.classifier.tokenizer.model_max_length
    assert positions == (256 if architecture.name in ("t5", "xlnet") else POSITIONS)
    assert fitted.classifier.truncated(PROBE).tolist() == [False, False, False, False, True, False]


def test_end_token_within_a_text_is_text(fitted):
    assert np.isfinite(fitted.classifier.logits(["a good </s> film", "bad"])).all()


@pytest.mark.parametrize("method", ["lora", "ia3", "ln_tuning"])
def test_methods_train_on_bfloat16_weights(method, config, films):
    lower = config.model_copy(update={"method": method, "dtype": "bfloat16"})
    dry_run_adapter(lower, find_backbone(lower))
    assert np.isfinite(fine_tune(job_for(lower, films), Progress()).classifier.logits(PROBE)).all()


@pytest.mark.parametrize("fit", [fit_frozen, fit_knn, fit_untrained])
def test_baselines_reload_with_the_same_logits(fit, config, films, tmp_path):
    baseline = config.model_copy(update={"method": fit.__name__.removeprefix("fit_"), "lr": None})
    classifier = fit(job_for(baseline, films)).classifier
    classifier.save(tmp_path)
    logits = classifier.logits(PROBE)
    assert np.isfinite(logits).all()
    assert np.abs(load_classifier(saved_as(baseline, LABELS, tmp_path)).logits(PROBE) - logits).max() < 1e-5
    alone = np.concatenate([classifier.logits([text]) for text in PROBE])
    assert np.abs(logits - alone).max() < PADDING_TOLERANCE
