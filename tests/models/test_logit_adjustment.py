from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import make_config
from core.models.backbone import find_backbone, load_for_classification
from core.models.logit_adjustment import adjust_logits
from core.models.neural_classifier import NeuralClassifier
from core.models.tokenizers import load_tokenizer

TEXTS = tuple(f"{word} film {letter}" for letter in "abcdefghijklmnopqrst" for word in ("good", "bad", "the"))
TRAIN_LABELS = np.repeat([0, 1, 2], [90, 9, 1])
LOG_PRIOR = np.log([0.9, 0.09, 0.01]).astype(np.float32)


def untrained(folder: Path) -> NeuralClassifier:
    backbone = find_backbone(make_config({"model": str(folder)}))
    tokenizer = load_tokenizer(backbone, 16)
    torch.manual_seed(0)
    model, _ = load_for_classification(backbone, tokenizer, ("a", "b", "c"))
    return NeuralClassifier(model, tokenizer)


def test_the_strength_with_the_best_validation_score_changes_the_model(tiny_bert: Path) -> None:
    classifier = untrained(tiny_bert)
    with torch.no_grad():
        classifier.model.classifier.weight *= 1000
        classifier.model.classifier.bias -= torch.from_numpy(classifier.logits(TEXTS).mean(axis=0))
        classifier.model.classifier.bias += torch.from_numpy(0.5 * LOG_PRIOR)
    logits = classifier.logits(TEXTS)
    true = (logits - 0.5 * LOG_PRIOR).argmax(axis=1)
    assert set(true) == {0, 1, 2} != set(logits.argmax(axis=1))

    strength, adjusted = adjust_logits(classifier, logits, TEXTS, true, TRAIN_LABELS)

    assert strength == 0.5
    assert (adjusted.argmax(axis=1) == true).all()
    np.testing.assert_allclose(classifier.logits(TEXTS), adjusted, atol=1e-5)


def test_balanced_classes_are_not_adjusted(tiny_bert: Path) -> None:
    classifier = untrained(tiny_bert)
    logits = classifier.logits(TEXTS)
    strength, adjusted = adjust_logits(
        classifier, logits, TEXTS, np.zeros(len(TEXTS), dtype=np.int64), np.repeat([0, 1, 2], 30)
    )
    assert strength == 0
    np.testing.assert_array_equal(classifier.logits(TEXTS), adjusted)


@pytest.mark.parametrize("reason", ["without a bias", "logits are a function of the layer's outputs"])
def test_a_model_whose_bias_is_not_that_of_the_logits_is_not_changed(
    tiny_bert: Path, tiny_gpt2: Path, reason: str
) -> None:
    classifier = untrained(tiny_gpt2 if reason == "without a bias" else tiny_bert)
    if reason != "without a bias":
        classifier.model.classifier.register_forward_hook(lambda _, inputs, output: torch.tanh(output))
    logits = classifier.logits(TEXTS)
    true = (logits - 0.5 * LOG_PRIOR).argmax(axis=1)
    strength, adjusted = adjust_logits(classifier, logits, TEXTS, true, TRAIN_LABELS)
    assert strength is None
    np.testing.assert_array_equal(logits, adjusted)
    np.testing.assert_array_equal(classifier.logits(TEXTS), logits)
