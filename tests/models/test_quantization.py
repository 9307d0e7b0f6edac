"""Quantized base models on a CPU."""

import numpy as np
import pytest
import torch

from core.errors import RequestError
from core.models import quantization
from core.models.fine_tuned import load_adapted
from tests.models.training import save, tune
from tests.small_runs import saved_as


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_adapter_on_quantized_base_trains_and_reloads(bits, fixture, request, tmp_path):
    model = request.getfixturevalue(fixture)
    config, data, fitted = tune(model, quantize=bits)
    folder = save(fitted, tmp_path / "adapter")
    reloaded = load_adapted(saved_as(config, data.labels, folder)).logits(data.test.texts)
    assert np.abs(reloaded - fitted.classifier.logits(data.test.texts)).max() < 1e-5
    assert fitted.base_bytes < tune(model)[2].base_bytes


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_head_is_not_quantized(bits, tiny_bert):
    _, _, fitted = tune(tiny_bert, quantize=bits)
    dtypes = {name: p.dtype for name, p in fitted.classifier.model.named_parameters()}
    assert {dtype for name, dtype in dtypes.items() if "classifier" in name} == {torch.float32}
    assert {dtype for name, dtype in dtypes.items() if name.endswith("query.base_layer.weight")} == {
        torch.int8 if bits == "8bit" else torch.uint8
    }


def test_evaluation_keeps_the_quantized_weights(tiny_bert):
    _, _, fitted = tune(tiny_bert, quantize="4bit")
    states = [p.quant_state for p in fitted.classifier.model.parameters() if hasattr(p, "quant_state")]
    assert states
    assert all(state.nested and state.dtype == torch.float32 for state in states)


def test_missing_package_is_refused_with_the_install_command(monkeypatch):
    monkeypatch.setattr(quantization, "PACKAGE", "a_missing_package")
    with pytest.raises(RequestError, match="pip install"):
        quantization.require_bitsandbytes()
