"""Whether a step is what it says, on a tiny real model."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch.nn.functional import cross_entropy

from core.catalog.methods import METHODS
from core.config import make_config
from core.data import load_data
from core.errors import RequestError
from core.runs.progress import Progress
from core.training import fine_tune
from core.training.learning_rates import rates
from core.training.loss import ClassificationLoss
from core.training.sampler import Order, balanced, balanced_weights

SIZES = {"train_size": 32, "validation_size": 9, "test_size": 9, "max_length": 16, "dtype": "float32"}


def weights_after_one_step(model, **values):
    """Train one step without dropout and return the trained weights."""
    config = make_config(
        {
            "dataset": "movie-reviews-3", "model": str(model), "epochs": 1, "batch_size": 32, "lr": 1e-2,
            "dropout": 0, "warmup": 0, **SIZES, **values,
        }
    )  # fmt: skip
    fitted = fine_tune(config, load_data(config), Progress())
    return {name: p.detach().clone() for name, p in fitted.classifier.model.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def still_bert(tiny_bert, tmp_path_factory):
    """The tiny encoder without dropout, so that two ways to compute a step can be held against each other."""
    import json
    import shutil

    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("still") / "bert")
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_a_batch_in_four_pieces_gives_the_step_of_one(still_bert, class_weights):
    whole = weights_after_one_step(still_bert, class_weights=class_weights)
    pieces = weights_after_one_step(still_bert, class_weights=class_weights, gradient_accumulation=4)
    for name, weight in whole.items():
        assert torch.allclose(weight, pieces[name], atol=1e-5), name


def test_class_weights_change_the_step(still_bert):
    plain = weights_after_one_step(still_bert)
    weighted = weights_after_one_step(still_bert, class_weights="balanced")
    assert any(not torch.allclose(weight, weighted[name], atol=1e-5) for name, weight in plain.items())


def test_pieces_add_up_to_the_weighted_mean():
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(12, 3), torch.tensor([0] * 9 + [1, 2, 2]), torch.tensor([0.5, 3.0, 2.0])
    loss = ClassificationLoss(weights)
    whole = loss({"logits": logits}, labels, 12)
    pieces = sum(loss({"logits": logits[i : i + 3]}, labels[i : i + 3], 12) for i in range(0, 12, 3))
    assert torch.allclose(whole, pieces)
    assert torch.allclose(whole, (cross_entropy(logits, labels, reduction="none") * weights[labels]).mean())


def test_an_evaluated_batch_has_the_plain_mean():
    logits, labels = torch.randn(5, 2), torch.tensor([0, 1, 0, 1, 1])
    assert torch.allclose(
        ClassificationLoss(torch.tensor([1.0, 9.0]))({"logits": logits}, labels), cross_entropy(logits, labels)
    )


def test_balanced_weights_are_one_on_average():
    codes = np.array([0] * 90 + [1] * 10)
    weights = balanced_weights(codes, 2).numpy()
    assert weights[codes].mean() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(9)


def test_a_balanced_sampler_draws_each_class_equally_often():
    codes = np.array([0] * 1900 + [1] * 100)
    order = Order(balanced(codes, 2), len(codes), seed=0)
    drawn = codes[list(order)]
    assert len(drawn) == len(order) == 2000
    assert 0.45 < drawn.mean() < 0.55


def test_a_run_with_the_balanced_sampler_trains(tiny_bert):
    assert weights_after_one_step(tiny_bert, sampler="balanced")


def test_pieces_that_do_not_divide_the_batch_are_refused():
    with pytest.raises(RequestError, match="--gradient-accumulation 5 does not divide --batch-size 32"):
        make_config({"gradient_accumulation": 5})


def test_new_layers_learn_at_a_rate_that_suits_them():
    of_lora = rates(make_config({}), width=384)
    assert of_lora.head == of_lora.adapter == METHODS["lora"].learning_rate
    assert rates(make_config({"lr": 1e-4}), width=384).head == 1e-4
    wild = rates(make_config({"method": "fourierft"}), width=384)
    assert wild.adapter == METHODS["fourierft"].learning_rate
    assert wild.head == METHODS["lora"].learning_rate
    assert rates(make_config({"head_lr": 0.5}), width=384).head == 0.5


def test_lora_plus_speeds_up_b_alone():
    found = rates(make_config({"lr": 1e-3, "lora_plus": 16}), width=384)
    names = ["x.query.lora_A.default.weight", "x.query.lora_B.default.weight", "x.classifier.modules_to_save.default.w"]
    assert [found.of(name, ["classifier"]) for name in names] == [1e-3, 16e-3, 1e-3]


def test_the_head_of_a_model_that_is_trained_whole_has_its_own_rate():
    found = rates(make_config({"method": "full", "lr": 1e-5, "head_lr": 1e-3}), width=384)
    assert [found.of(name, ["classifier"]) for name in ("bert.pooler.weight", "classifier.weight")] == [1e-5, 1e-3]


def test_a_rate_of_nothing_leaves_the_head_where_it_was(still_bert):
    moved = weights_after_one_step(still_bert, head_lr=1e-2)
    barely = weights_after_one_step(still_bert, head_lr=1e-12)
    head = next(name for name in moved if "classifier" in name and name.endswith("weight"))
    assert torch.allclose(moved[head], barely[head], atol=1e-6) is False
    assert all(torch.allclose(moved[name], barely[name]) for name in moved if "lora_A" in name)


def test_a_method_with_a_term_of_its_own_adds_it_to_the_loss(still_bert):
    with_term = weights_after_one_step(still_bert, method="adalora", peft={"orth_reg_weight": 100.0})
    without = weights_after_one_step(still_bert, method="adalora", peft={"orth_reg_weight": 0.0})
    assert any(not torch.allclose(with_term[name], without[name]) for name in without if "lora_A" in name)


def test_a_term_of_the_models_own_counts_by_the_pieces_examples():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    plain = cross_entropy(logits, labels)
    outputs = {"logits": logits, "loss": plain + 0.5}
    assert torch.allclose(ClassificationLoss(None)(outputs, labels, 8), (plain + 0.5) * 4 / 8)


def test_the_best_epoch_is_kept_and_not_the_last(still_bert):
    class Curve(Progress):
        def __init__(self):
            self.scores = []

        def logged(self, step, epoch, values):
            self.scores += [values[name] for name in values if name == "validation_macro_f1"]

    curve, config = (
        Curve(),
        make_config({"model": str(still_bert), "epochs": 6, "lr": 0.05, "batch_size": 16, "seed": 1, **SIZES}),
    )
    data = load_data(config)
    fitted = fine_tune(config, data, curve)
    predicted = fitted.classifier.logits(data.validation.texts).argmax(axis=1)
    assert f1_score(data.validation.labels, predicted, average="macro") == pytest.approx(max(curve.scores))
    assert fitted.best_epoch == 1 + int(np.argmax(curve.scores))
    assert curve.scores[-1] < max(curve.scores)
