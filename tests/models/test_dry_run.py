"""What cannot work is told before anything of a run begins, with the reason and what would work."""

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
def test_what_works_passes(fixture, method, request):
    dry_run({"method": method, "model": str(request.getfixturevalue(fixture))})


def test_a_method_that_cannot_train_on_a_model_is_told_with_those_that_can(tiny_gpt2):
    with pytest.raises(
        RequestError, match=r"--method loha can't train .* peft says: .*Conv1D.* these work: .*lora.*ia3"
    ):
        dry_run({"method": "loha", "model": str(tiny_gpt2)})


def test_sizes_that_do_not_divide_are_told(tiny_bert):
    with pytest.raises(RequestError, match=r"--method c3a can't train .* peft says: .*block size.*7"):
        dry_run({"method": "c3a", "model": str(tiny_bert), "peft": {"block_size": 7}})


def test_layers_are_counted_in_the_whole_model(tiny_bert):
    dry_run({"model": "minilm", "layers": "last:4"})
    with pytest.raises(RequestError, match="the model has 2 layers"):
        dry_run({"model": str(tiny_bert), "layers": "last:4"})


def test_modules_are_looked_for_in_the_whole_model():
    dry_run({"target_modules": "encoder.layer.5.attention.self.query"})
    with pytest.raises(RequestError, match="'encoder.layer.6.attention.self.query' is not in minilm"):
        dry_run({"target_modules": "encoder.layer.6.attention.self.query"})


def test_a_model_that_cannot_be_made_smaller_is_left_to_its_run(tmp_path):
    from transformers import CanineConfig, CanineModel

    tiny = CanineConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    CanineModel(tiny).save_pretrained(tmp_path)
    dry_run({"model": str(tmp_path)})


def test_only_methods_that_work_in_so_many_bits_are_advised(tiny_bert):
    with pytest.raises(RequestError) as refused:
        dry_run({"method": "loha", "model": str(tiny_bert), "quantize": "4bit"})
    advised = str(refused.value).split("these work: ")[1]
    assert "lora" in advised and "hra" not in advised and "deft" not in advised


def test_nothing_is_advised_where_an_option_was_wrong(tiny_bert):
    with pytest.raises(RequestError) as refused:
        dry_run({"method": "c3a", "model": str(tiny_bert), "peft": {"block_size": 7}})
    assert "these work" not in str(refused.value)


def test_a_misspelt_module_is_told(tiny_bert):
    with pytest.raises(RequestError, match="--target-modules 'qeury' is not in"):
        dry_run({"model": str(tiny_bert), "target_modules": "qeury"})


def test_a_method_and_a_quantisation_that_do_not_go_together_are_told(tiny_bert):
    with pytest.raises(RequestError, match=r"--method delora can't train .* in 4bit like this"):
        dry_run({"method": "delora", "model": str(tiny_bert), "quantize": "4bit"})


def test_a_format_that_a_method_cannot_train_in_is_told(tiny_bert):
    with pytest.raises(RequestError, match="--method adamss can't train .* same dtype"):
        dry_run({"method": "adamss", "model": str(tiny_bert), "dtype": "bfloat16"})
