"""Initialize a new classification head from a linear probe of the frozen features."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.data.splits import Split
from core.models.backbone import Backbone
from core.models.frozen_encoder import mean_features, training_features
from core.models.neural_classifier import run_texts
from core.models.pooling import MeanPooling, mean_over_tokens

RELATIVE_NORM = 4.0
"""Mean norm of the initialized rows, relative to the random rows that they replace.

Chosen on the validation examples of three data sets. A probe at its full norm, about 75, leaves little to learn: on
two sentiment sets it cost 5 to 12 points of macro F1.
"""
_INVERSE_STRENGTH = 0.01
_MAX_ITERATIONS = 300
_MAX_EXAMPLES = 2000
"""The first examples suffice for a starting point: every prefix of a training split is stratified."""


def initialize_head(
    model: PreTrainedModel,
    new_modules: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    train: Split,
    classes: int,
    dtype: torch.dtype = torch.float32,
    backbone: Backbone | None = None,
) -> str:
    """Set the output layer to a scaled-down logistic regression on its inputs (Kumar et al. 2022, arXiv 2202.10054).

    Returns how the head starts, a key of `HEAD_INITS`. It is random, and nothing is changed, if no new linear layer
    computes the logits or its inputs are not finite. ``dtype``: in which the matrix products are computed.
    ``backbone``: the unchanged base model, whose features other classifiers of this process may share.
    """
    layer = _output_layer(model, new_modules, classes)
    if layer is None:
        return "random"
    texts = train.texts[:_MAX_EXAMPLES]
    if backbone is not None and _averages_hidden_states(model, layer):
        features = mean_features(training_features(model.base_model.eval(), tokenizer, backbone, texts, dtype).values)
    else:
        with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
            features = _layer_inputs(model, layer, tokenizer, texts)
    if not np.isfinite(features).all():
        return "random"
    labels = train.labels[:_MAX_EXAMPLES]
    weights, bias, converged = _fit_probe(features, labels, classes, fit_bias=layer.bias is not None)
    random_norm = float(layer.weight.detach().norm(dim=1).mean())
    scale = RELATIVE_NORM * random_norm / max(float(np.linalg.norm(weights, axis=1).mean()), 1e-12)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights * scale))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias * scale))
    return "probe" if converged else "unconverged_probe"


def _output_layer(model: nn.Module, new_modules: Sequence[str], classes: int) -> nn.Linear | None:
    """Return the last new linear layer with an output for each class."""
    layers = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == classes and name.startswith(tuple(new_modules))
    ]
    return layers[-1] if layers else None


def _averages_hidden_states(model: PreTrainedModel, layer: nn.Linear) -> bool:
    """Return whether the layer reads the mean of the hidden states: no other module on top of the body has weights."""
    head = [module for name, module in model.named_children() if name != model.base_model_prefix]
    return isinstance(model, MeanPooling) and [m for m in head if any(True for _ in m.parameters())] == [layer]


def _layer_inputs(
    model: PreTrainedModel, layer: nn.Linear, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> NDArray[np.float32]:
    """Return the layer's input for each text: [n, d].

    An input for each token is averaged if the model pools the mean; of a decoder, it is taken where the model pools.
    """
    captured: list[tuple[Tensor, Tensor]] = []
    hook = layer.register_forward_hook(lambda _, inputs, output: captured.append((inputs[0], output)))

    def forward(batch: BatchEncoding) -> Tensor:
        captured.clear()
        logits = model(**batch).logits
        inputs, outputs = captured[-1]
        if inputs.ndim == 2:
            return inputs
        if isinstance(model, MeanPooling):
            return mean_over_tokens(inputs, batch["attention_mask"])
        pooled = (outputs - logits.unsqueeze(1)).abs().sum(dim=-1).argmin(dim=1)
        return inputs[torch.arange(len(inputs)), pooled]

    model.eval()
    try:
        return run_texts(model, tokenizer, texts, forward)
    finally:
        hook.remove()


def _fit_probe(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, *, fit_bias: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], bool]:
    """Return the weights [k, d] and the biases [k] of a logistic regression, and whether it converged.

    They are 0 for a class without examples.
    """
    mean = features.mean(axis=0) if fit_bias else np.zeros(features.shape[1], dtype=np.float32)
    deviation = max(float(features.std(axis=0).mean()), 1e-12)  # one scale for all features: tanh features are small
    regression = LogisticRegression(C=_INVERSE_STRENGTH, max_iter=_MAX_ITERATIONS, fit_intercept=fit_bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stated in the run's summary
        regression.fit((features - mean) / deviation, labels)
    coefficients, intercepts = regression.coef_, np.broadcast_to(regression.intercept_, len(regression.coef_))
    if len(coefficients) == 1:  # two classes share a row, with opposite signs
        coefficients, intercepts = (np.stack([-row[0] / 2, row[0] / 2]) for row in (coefficients, intercepts))
    weights, bias = np.zeros((classes, features.shape[1])), np.zeros(classes)
    weights[regression.classes_] = coefficients / deviation
    bias[regression.classes_] = intercepts - weights[regression.classes_] @ mean
    bias = bias if fit_bias else np.zeros(classes)
    return weights.astype(np.float32), bias.astype(np.float32), bool(regression.n_iter_.max() < _MAX_ITERATIONS)
