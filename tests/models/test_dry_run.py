"""A method that cannot work is refused before the run starts, with the reason and the alternatives."""

import pytest

from core.config import make_config
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.dry_run import dry_run_adapter


def dry_run(values):
    config = make_config(values)
    dry_run_adapter(config, find_backbone(config))


@pytest.mark.parametrize("method", ["lora", "ia3", "vera", "ln_tuning", "p_tuning", "deft"])
@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_working_methods_pass(fixture, method, request):
    dry_run({"method": method, "model": str(request.getfixturevalue(fixture))})


def test_unsupported_method_is_refused_with_alternatives(tiny_gpt2):
    with pytest.raises(RequestError, match=r"--method loha cannot train .*Conv1D.* methods work .*lora.*ia3"):
        dry_run({"method": "loha", "model": str(tiny_gpt2)})


def test_indivisible_size_is_refused(tiny_bert):
    with pytest.raises(RequestError, match=r"c3a.*block size.*7"):
        dry_run({"method": "c3a", "model": str(tiny_bert), "peft": {"block_size": 7}})


def test_layer_indices_refer_to_the_full_model(tiny_bert):
    dry_run({"model": "minilm", "layers": "last:4"})
    with pytest.raises(RequestError, match="2 layers"):
        dry_run({"model": str(tiny_bert), "layers": "last:4"})


def test_target_modules_refer_to_the_full_model():
    dry_run({"target_modules": "encoder.layer.5.attention.self.query"})
    with pytest.raises(RequestError, match="encoder.layer.6"):
        dry_run({"target_modules": "encoder.layer.6.attention.self.query"})


def test_model_without_miniature_is_skipped(tmp_path):
    from transformers import CanineConfig, CanineModel

    tiny = CanineConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    CanineModel(tiny).save_pretrained(tmp_path)
    dry_run({"model": str(tmp_path)})


def test_alternatives_support_the_quantization(tiny_bert):
    with pytest.raises(RequestError) as refused:
        dry_run({"method": "loha", "model": str(tiny_bert), "quantize": "4bit"})
    alternatives = str(refused.value).split("methods work ")[1]
    assert "lora" in alternatives and "hra" not in alternatives and "deft" not in alternatives


def test_wrong_option_of_a_working_method_suggests_no_alternatives(tiny_bert):
    with pytest.raises(RequestError) as refused:
        dry_run({"method": "c3a", "model": str(tiny_bert), "peft": {"block_size": 7}})
    assert "methods work" not in str(refused.value)


def test_misspelled_module_is_refused(tiny_bert):
    with pytest.raises(RequestError, match="qeury"):
        dry_run({"model": str(tiny_bert), "target_modules": "qeury"})


def test_unsupported_quantization_is_refused(tiny_bert):
    with pytest.raises(RequestError, match="delora.* in 4bit"):
        dry_run({"method": "delora", "model": str(tiny_bert), "quantize": "4bit"})


def test_unsupported_dtype_is_refused(tiny_bert):
    with pytest.raises(RequestError, match="adamss.* same dtype"):
        dry_run({"method": "adamss", "model": str(tiny_bert), "dtype": "bfloat16"})
