"""Adapters of every method on tiny real models."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel

from core.catalog.capabilities import load_capabilities
from core.catalog.derived_defaults import DefaultsContext, EntryCount, LargestDivisor, RankMultiple, StepFraction
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import make_config
from core.errors import RequestError
from core.models.adapters import check_peft_fields, parse_layers, peft_config_class
from core.models.backbone import find_backbone
from core.models.baselines.untrained import load_untrained
from core.models.fine_tuned import load_adapted, load_full
from core.models.tokenizers import load_run_tokenizer
from tests.models.training import save, tune
from tests.small_runs import saved_as

USABLE = {
    model: [name for name in load_capabilities().usable_methods(model) if name in METHODS]
    for model in ("encoder", "gpt2")
}
PAIRS = [("tiny_bert", name) for name in USABLE["encoder"]] + [("tiny_gpt2", name) for name in USABLE["gpt2"]]


@pytest.mark.slow
@pytest.mark.parametrize(("fixture", "method"), PAIRS)
def test_every_method_trains_and_reloads(fixture, method, request, tmp_path):
    config, data, fitted = tune(request.getfixturevalue(fixture), method=method)
    untrained = load_untrained(config, data.labels, find_backbone(config)).logits(data.test.texts)
    logits = fitted.classifier.logits(data.test.texts)
    reloaded = load_adapted(saved_as(config, data.labels, save(fitted, tmp_path / "adapter"))).logits(data.test.texts)
    assert np.abs(logits - untrained).max() > 1e-4
    assert np.abs(logits - reloaded).max() < 1e-5
    assert 0 < fitted.trainable_parameters < fitted.total_parameters
    assert {path.suffix for path in (tmp_path / "adapter").iterdir()} <= {".safetensors", ".json", ".md", ".txt"}


@pytest.mark.parametrize("method", ["prompt_tuning", "p_tuning"])
@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_virtual_tokens_keep_predictions_independent_of_the_batch(fixture, method, request):
    _, data, fitted = tune(request.getfixturevalue(fixture), method=method)
    together = fitted.classifier.logits(data.test.texts)
    alone = np.concatenate([fitted.classifier.logits([text]) for text in data.test.texts])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("init", [name for name, init in INITS.items() if init.quantized != "4bit"])
def test_initialized_adapter_is_saved_for_the_unchanged_base(init, tiny_bert, tmp_path):
    config, data, fitted = tune(tiny_bert, init=init)
    folder = save(fitted, tmp_path / "adapter")
    expected = fitted.classifier.logits(data.test.texts)
    assert np.abs(load_adapted(saved_as(config, data.labels, folder)).logits(data.test.texts) - expected).max() < 1e-4
    assert LoraConfig.from_pretrained(folder).r == (16 if INITS[init].mutates else 8)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"rslora": True}, id="rslora"),
        pytest.param({"dora": True}, id="dora"),
        pytest.param({"rslora": True, "init": "pissa"}, id="rslora-pissa"),
        pytest.param({"dora": True, "init": "olora"}, id="dora-olora"),
    ],
)
def test_lora_variants_reload(values, tiny_bert, tmp_path):
    config, data, fitted = tune(tiny_bert, **values)
    again = load_adapted(saved_as(config, data.labels, save(fitted, tmp_path / "adapter")))
    assert np.abs(again.logits(data.test.texts) - fitted.classifier.logits(data.test.texts)).max() < 1e-4


def test_only_requested_layers_are_adapted(tiny_bert):
    _, _, fitted = tune(tiny_bert, layers="last:1")
    adapted = {name for name, _ in fitted.classifier.model.named_modules() if name.endswith("lora_A")}
    assert adapted and all(".layer.1." in name for name in adapted)


def test_full_fine_tuning_trains_everything_and_saves_a_plain_model(tiny_bert, tmp_path):
    config, data, fitted = tune(tiny_bert, method="full", lr=1e-3)
    assert fitted.trainable_parameters == fitted.total_parameters
    folder = save(fitted, tmp_path / "model")
    again = load_full(saved_as(config, data.labels, folder)).logits(data.test.texts)
    assert np.abs(again - fitted.classifier.logits(data.test.texts)).max() < 1e-6
    assert json.loads((folder / "config.json").read_text())["id2label"] == dict(zip("01", data.labels, strict=True))


def test_plain_peft_gives_the_same_logits(tiny_bert, tmp_path):
    _, data, fitted = tune(tiny_bert, method="ia3")
    folder = save(fitted, tmp_path / "adapter")
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    tokenizer = fitted.classifier.tokenizer
    batch = tokenizer(list(data.test.texts[:4]), truncation=True, max_length=24, padding=True, return_tensors="pt")
    with torch.inference_mode():
        plain = model(**batch).logits.numpy()
    assert isinstance(model, PeftModel)
    assert np.abs(plain - fitted.classifier.logits(data.test.texts[:4])).max() < 1e-5


@pytest.fixture
def adapter(tiny_bert, tmp_path):
    """A saved adapter: its config, its labels and its folder."""
    config, data, fitted = tune(tiny_bert)
    return config, data.labels, save(fitted, tmp_path / "adapter")


def test_adapter_of_another_base_is_refused(adapter):
    config, labels, folder = adapter
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": "some/other"}))
    with pytest.raises(RequestError, match="some/other"):
        load_adapted(saved_as(config, labels, folder))


def test_adapter_accepts_its_base_in_a_moved_folder(adapter, tmp_path):
    config, labels, folder = adapter
    moved = shutil.copytree(config.model, tmp_path / "elsewhere" / Path(config.model).name)
    assert load_adapted(saved_as(config.model_copy(update={"model": str(moved)}), labels, folder))


def test_pickled_adapter_weights_are_refused(adapter):
    config, labels, folder = adapter
    torch.save({}, folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(RequestError, match="adapter_model.safetensors is missing"):
        load_adapted(saved_as(config, labels, folder))


def test_damaged_or_missing_adapter_config_is_refused(adapter):
    config, labels, folder = adapter
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(RequestError, match="is damaged"):
        load_adapted(saved_as(config, labels, folder))
    (folder / "adapter_config.json").unlink()
    with pytest.raises(RequestError, match="adapter_config.json is missing"):
        load_adapted(saved_as(config, labels, folder))


def test_rank_pattern_works_with_an_initialization_that_changes_the_base(tiny_bert, tmp_path):
    config, data, fitted = tune(tiny_bert, init="pissa", peft={"rank_pattern": {"query": 4}})
    again = load_adapted(saved_as(config, data.labels, save(fitted, tmp_path / "adapter")))
    assert np.abs(again.logits(data.test.texts) - fitted.classifier.logits(data.test.texts)).max() < 1e-4


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_virtual_tokens_reduce_the_maximum_length(fixture, request, tmp_path):
    config = make_config({"model": str(request.getfixturevalue(fixture)), "method": "prompt_tuning", "max_length": 512})
    tokenizer = load_run_tokenizer(config, find_backbone(config))
    assert tokenizer.model_max_length == 64 - 20
    with pytest.raises(RequestError, match="num_virtual_tokens=64"):
        load_run_tokenizer(config.model_copy(update={"peft": {"num_virtual_tokens": 64}}), find_backbone(config))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"peft": {"lora_bais": True}}, "Did you mean 'lora_bias'", id="field-misspelled"),
        pytest.param(
            {"peft": {"lora_bias": "perhaps"}}, "lora_bias=perhaps should be a valid boolean", id="boolean-word"
        ),
        pytest.param({"peft": {"r": 4}}, "--peft r: .*--r ", id="rank"),
        pytest.param({"peft": {"lora_aplha": 4}}, "Did you mean 'lora_alpha'", id="alpha-misspelled"),
        pytest.param(
            {"peft": {"modules_to_save": ["a"]}},
            "--peft modules_to_save",
            id="modules-to-save",
        ),
        pytest.param({"peft": {"use_dora": True}}, "use_dora: .*--dora ", id="dora"),
        pytest.param(
            {"peft": {"target_modules": "query"}},
            "target_modules: .*--target-modules ",
            id="target-modules",
        ),
        pytest.param({"method": "ia3", "peft": {"lora_alpha": 4}}, "IA3Config", id="ia3-field"),
        pytest.param(
            {"method": "oft", "peft": {"oft_block_size": "big"}},
            "oft_block_size=big should be a valid integer",
            id="integer-word",
        ),
    ],
)
def test_invalid_peft_field_is_refused(values, expected):
    with pytest.raises(RequestError, match=expected):
        check_peft_fields(make_config(values))


def test_peft_fields_are_parsed_by_their_declared_types():
    config = make_config({"peft": ["lora_bias=false", "layers_pattern=[layer]", "rank_pattern={query: 4}"]})
    assert check_peft_fields(config) == {"lora_bias": False, "layers_pattern": ["layer"], "rank_pattern": {"query": 4}}


def test_peft_field_reaches_the_adapter(tiny_bert):
    _, _, fitted = tune(tiny_bert, method="fourierft", peft={"n_frequency": 7, "scaling": 10.0})
    adapter = fitted.classifier.model.peft_config["default"]
    assert (adapter.n_frequency, adapter.scaling) == (7, 10.0)


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.kind == "adapter"])
def test_every_field_in_the_catalog_exists_in_peft(method):
    peft_fields = {field.name for field in fields(peft_config_class(method))}
    used = {name for name in METHODS[method].peft_fields.values() if name} | set(METHODS[method].defaults)
    assert used <= peft_fields


@pytest.mark.parametrize(
    ("layers", "indices"),
    [
        pytest.param(None, None, id="all"),
        pytest.param("last:2", [4, 5], id="last-2"),
        pytest.param("first:1", [0], id="first-1"),
        pytest.param("0,3", [0, 3], id="numbers"),
        pytest.param("last:6", [*range(6)], id="last-6"),
    ],
)
def test_layers_are_counted_from_either_end(layers, indices):
    assert parse_layers(layers, 6) == indices


@pytest.mark.parametrize("layers", ["last:7", "first:9", "6", "0,12"])
def test_missing_layers_are_refused(layers):
    with pytest.raises(RequestError, match=f"--layers {layers}"):
        parse_layers(layers, 6)


def test_derived_defaults_depend_on_model_and_training():
    context = DefaultsContext(rank=8, steps=126, widths=(384, 1536), feedforward=())
    assert LargestDivisor(256).derive(context) == 192
    assert StepFraction(0.1).derive(context) == 12
    assert RankMultiple(1.5).derive(context) == 12
    assert EntryCount(1000).derive(context) == 1000
    assert EntryCount(1000).derive(DefaultsContext(8, 1, (32,), ())) == 256
