"""Training steps on a tiny real model: loss, learning rates, order of the examples, and the best epoch."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn.functional import cross_entropy

from core.catalog.methods import METHODS
from core.config import make_config
from core.errors import RequestError
from core.runs.progress import Progress
from core.training.fine_tuning import _build_arguments, fine_tune
from core.training.keep_best import KeepBest
from core.training.learning_rates import learning_rates
from core.training.loss import ClassificationLoss
from core.training.sampler import EpochSampler, balanced_class_weights, class_balanced
from tests.small_runs import job_for

SIZES = {"train_size": 32, "validation_size": 9, "test_size": 9, "max_length": 16, "dtype": "float32"}


def weights_after_one_step(model, **values):
    """Train one step without dropout and return the trainable weights.

    Few modules are adapted: AdamW magnifies the rounding of gradients near 0, which the feed-forward layers have.
    """
    config = make_config(
        {
            "dataset": "movie-reviews-3", "model": str(model), "epochs": 1, "batch_size": 32, "lr": 1e-2,
            "dropout": 0, "warmup": 0, "target_modules": "query,value", **SIZES, **values,
        }
    )  # fmt: skip
    fitted = fine_tune(job_for(config), Progress())
    return {name: p.detach().clone() for name, p in fitted.classifier.model.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def bert_without_dropout(tiny_bert, tmp_path_factory):
    """The tiny encoder without dropout, so that two computations of a step can be compared."""
    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("no-dropout") / "bert")
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def plain_step(bert_without_dropout):
    return weights_after_one_step(bert_without_dropout)


@pytest.fixture(scope="module")
def weighted_step(bert_without_dropout):
    return weights_after_one_step(bert_without_dropout, class_weights="balanced")


def is_close(step, other, atol=1e-5):
    return all(torch.allclose(weight, other[name], atol=atol) for name, weight in step.items())


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_micro_batches_give_the_step_of_the_full_batch(class_weights, bert_without_dropout, plain_step, weighted_step):
    step = weights_after_one_step(bert_without_dropout, class_weights=class_weights, gradient_accumulation=4)
    assert is_close(step, plain_step if class_weights == "none" else weighted_step)


def test_class_weights_change_the_step(plain_step, weighted_step):
    assert not is_close(plain_step, weighted_step)


def test_losses_of_micro_batches_add_up_to_the_weighted_mean():
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(12, 3), torch.tensor([0] * 9 + [1, 2, 2]), torch.tensor([0.5, 3.0, 2.0])
    loss = ClassificationLoss(weights)
    total = loss({"logits": logits}, labels, 12)
    micro_batches = sum(loss({"logits": logits[i : i + 3]}, labels[i : i + 3], 12) for i in range(0, 12, 3))
    assert torch.allclose(total, micro_batches)
    assert torch.allclose(total, (cross_entropy(logits, labels, reduction="none") * weights[labels]).mean())


def test_evaluation_loss_is_the_unweighted_mean():
    logits, labels = torch.randn(5, 2), torch.tensor([0, 1, 0, 1, 1])
    loss = ClassificationLoss(torch.tensor([1.0, 9.0]))
    assert torch.allclose(loss({"logits": logits}, labels), cross_entropy(logits, labels))


def test_loss_term_of_the_model_is_weighted_by_the_examples_of_the_micro_batch():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    plain = cross_entropy(logits, labels)
    outputs = {"logits": logits, "loss": plain + 0.5}
    assert torch.allclose(ClassificationLoss(None)(outputs, labels, 8), (plain + 0.5) * 4 / 8)


def test_balanced_class_weights_are_one_on_average():
    codes = np.array([0] * 90 + [1] * 10)
    weights = balanced_class_weights(codes, 2).numpy()
    assert weights[codes].mean() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(9)


def test_balanced_sampler_draws_each_class_equally_often():
    codes = np.array([0] * 1900 + [1] * 100)
    sampler = EpochSampler(class_balanced(codes, 2), len(codes), seed=0)
    drawn = codes[list(sampler)]
    assert len(drawn) == len(sampler) == 2000
    assert 0.45 < drawn.mean() < 0.55


def test_balanced_sampler_trains(tiny_bert):
    assert weights_after_one_step(tiny_bert, sampler="balanced")


def test_micro_batches_that_do_not_divide_the_batch_are_refused():
    with pytest.raises(RequestError):
        make_config({"gradient_accumulation": 5})


def test_the_learning_rate_of_new_layers_is_limited():
    lora = learning_rates(make_config({}), width=384)
    assert lora.head == lora.adapter == METHODS["lora"].learning_rate
    assert learning_rates(make_config({"lr": 1e-4}), width=384).head == 1e-4
    fourierft = learning_rates(make_config({"method": "fourierft"}), width=384)
    assert fourierft.adapter == METHODS["fourierft"].learning_rate
    assert fourierft.head == 3e-3
    assert learning_rates(make_config({"method": "fourierft"}), width=768).head == 1.5e-3
    assert learning_rates(make_config({"head_lr": 0.5}), width=384).head == 0.5


def test_lora_plus_raises_the_learning_rate_of_b_only():
    rates = learning_rates(make_config({"lr": 1e-3, "lora_plus": 16}), width=384)
    names = ["x.query.lora_A.default.weight", "x.query.lora_B.default.weight", "x.classifier.modules_to_save.default.w"]
    assert [rates.for_parameter(name, ["classifier"]) for name in names] == [1e-3, 16e-3, 1e-3]


def test_new_head_has_its_own_learning_rate_in_full_fine_tuning():
    rates = learning_rates(make_config({"method": "full", "lr": 1e-5, "head_lr": 1e-3}), width=384)
    names = ["bert.pooler.weight", "classifier.weight"]
    assert [rates.for_parameter(name, ["classifier"]) for name in names] == [1e-5, 1e-3]


def test_head_learning_rate_applies_to_the_head_only(bert_without_dropout, plain_step):
    step = weights_after_one_step(bert_without_dropout, head_lr=1e-12)
    head = next(name for name in step if "classifier" in name and name.endswith("weight"))
    assert not torch.allclose(step[head], plain_step[head], atol=1e-6)
    assert all(torch.allclose(step[name], plain_step[name]) for name in step if "lora_A" in name)


def test_loss_term_of_a_method_changes_the_step(bert_without_dropout):
    strong = weights_after_one_step(bert_without_dropout, method="adalora", peft={"orth_reg_weight": 100.0})
    none = weights_after_one_step(bert_without_dropout, method="adalora", peft={"orth_reg_weight": 0.0})
    assert any(not torch.allclose(strong[name], none[name]) for name in none if "lora_A" in name)


def test_first_of_several_best_epochs_is_kept():
    model = nn.Linear(1, 1)
    best = KeepBest(model)
    for epoch, score in enumerate([0.5, 0.7, 0.7, 0.6], start=1):
        nn.init.constant_(model.weight, epoch)
        best.on_evaluate(None, SimpleNamespace(epoch=epoch, global_step=epoch), None, metrics={"eval_macro_f1": score})
    best.restore()
    assert (best.epoch, best.score, model.weight.item()) == (2.0, 0.7, 2.0)


class ValidationScores(Progress):
    def __init__(self):
        self.scores = []

    def on_log(self, step, epoch, values):
        self.scores += [value for name, value in values.items() if name == "validation_macro_f1"]


def test_best_epoch_is_kept_instead_of_the_last(bert_without_dropout):
    curve = ValidationScores()
    values = {"model": str(bert_without_dropout), "epochs": 6, "lr": 0.02, "batch_size": 16, "seed": 1, **SIZES}
    job = job_for(make_config(values))
    fitted = fine_tune(job, curve)
    validation = job.data.validation
    predicted = fitted.classifier.logits(validation.texts).argmax(axis=1)
    assert f1_score(validation.labels, predicted, average="macro") == pytest.approx(max(curve.scores))
    assert fitted.best_epoch == 1 + int(np.argmax(curve.scores))
    assert curve.scores[-1] < max(curve.scores)


def test_training_uses_one_of_several_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    arguments = _build_arguments(make_config({"batch_size": 8, "epochs": 1}), 1, 32, str(tmp_path))
    assert (arguments.n_gpu, arguments.train_batch_size) == (1, 8)
