"""Bases in fewer bits, on a CPU."""

import numpy as np
import pytest
import torch

from core.errors import RequestError
from core.models import quantization
from core.models.fine_tuned import load_adapted
from tests.models.test_adapters import saved, tuned
from tests.small_runs import saved_as


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_an_adapter_on_a_quantised_base_trains_and_comes_back(bits, fixture, request, tmp_path):
    model = request.getfixturevalue(fixture)
    config, data, fitted = tuned(model, quantize=bits)
    folder = saved(fitted, tmp_path / "adapter")
    again = load_adapted(saved_as(config, data.labels, folder)).logits(data.test.texts)
    assert np.abs(again - fitted.classifier.logits(data.test.texts)).max() < 1e-5
    assert fitted.base_bytes < tuned(model)[2].base_bytes


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_the_head_is_left_alone(bits, tiny_bert):
    _, _, fitted = tuned(tiny_bert, quantize=bits)
    formats = {name: p.dtype for name, p in fitted.classifier.model.named_parameters()}
    assert {dtype for name, dtype in formats.items() if "classifier" in name} == {torch.float32}
    assert {dtype for name, dtype in formats.items() if name.endswith("query.base_layer.weight")} == {
        torch.int8 if bits == "8bit" else torch.uint8
    }


def test_evaluation_leaves_the_quantised_weights_as_they_are(tiny_bert):
    _, _, fitted = tuned(tiny_bert, quantize="4bit")
    states = [p.quant_state for p in fitted.classifier.model.parameters() if hasattr(p, "quant_state")]
    assert states
    assert all(state.nested and state.dtype == torch.float32 for state in states)


def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(quantization, "PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(RequestError, match=r"--quantize needs .* pip install 'adapter-bench\[quantization\]'"):
        quantization.require_bitsandbytes()
