"""Adapters of every sort, on tiny real models: the whole path of a run, its checks included."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel

from core.catalog.capabilities import load_capabilities
from core.catalog.derived_defaults import DefaultsContext, EntryCount, LargestDivisor, Rank, Steps
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import make_config
from core.data import load_data
from core.errors import RequestError
from core.models.adapters import check_peft_fields, parse_layers, peft_config_class
from core.models.backbone import find_backbone
from core.models.baselines import load_untrained
from core.models.fine_tuned import load_adapted, load_full
from core.models.tokenizers import load_run_tokenizer
from core.runs.progress import Progress
from core.training.fine_tuning import fine_tune
from tests.small_runs import job_for, saved_as

SIZES = {"train_size": 48, "validation_size": 16, "test_size": 16, "max_length": 24, "epochs": 2, "batch_size": 16}
USABLE = {
    model: [name for name in load_capabilities().usable_methods(model) if name in METHODS]
    for model in ("encoder", "gpt2")
}
PAIRS = [("tiny_bert", name) for name in USABLE["encoder"]] + [("tiny_gpt2", name) for name in USABLE["gpt2"]]


def tuned(model, **values):
    """Fine-tune on a few bundled sentences; return the config, the data and what came of it."""
    config = make_config({"model": str(model), "dtype": "float32", **SIZES, **values})
    data = load_data(config)
    return config, data, fine_tune(job_for(config, data), Progress())


def saved(fitted, folder):
    folder.mkdir(exist_ok=True)
    fitted.classifier.save(folder)
    return folder


@pytest.mark.parametrize(("fixture", "method"), PAIRS)
def test_a_method_trains_and_answers_the_same_when_it_is_loaded_again(fixture, method, request, tmp_path):
    config, data, fitted = tuned(request.getfixturevalue(fixture), method=method)
    untouched = load_untrained(config, data.labels, find_backbone(config)).logits(data.test.texts)
    answers = fitted.classifier.logits(data.test.texts)
    again = load_adapted(saved_as(config, data.labels, saved(fitted, tmp_path / "adapter"))).logits(data.test.texts)
    assert np.abs(answers - untouched).max() > 1e-4
    assert np.abs(answers - again).max() < 1e-5
    assert 0 < fitted.trainable_parameters < fitted.total_parameters
    assert {path.suffix for path in (tmp_path / "adapter").iterdir()} <= {".safetensors", ".json", ".md"}


@pytest.mark.parametrize("method", ["prompt_tuning", "p_tuning"])
@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_vectors_in_front_of_a_text_leave_its_answer_to_itself(fixture, method, request):
    _, data, fitted = tuned(request.getfixturevalue(fixture), method=method)
    together = fitted.classifier.logits(data.test.texts)
    alone = np.concatenate([fitted.classifier.logits([text]) for text in data.test.texts])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("init", [name for name, init in INITS.items() if init.quantized != "4bit"])
def test_an_init_is_saved_as_an_adapter_of_the_unchanged_base(init, tiny_bert, tmp_path):
    config, data, fitted = tuned(tiny_bert, init=init)
    folder = saved(fitted, tmp_path / "adapter")
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
def test_variants_of_lora_are_loaded_again_as_they_were(values, tiny_bert, tmp_path):
    config, data, fitted = tuned(tiny_bert, **values)
    again = load_adapted(saved_as(config, data.labels, saved(fitted, tmp_path / "adapter")))
    assert np.abs(again.logits(data.test.texts) - fitted.classifier.logits(data.test.texts)).max() < 1e-4


def test_only_the_layers_that_are_asked_for_are_adapted(tiny_bert):
    _, _, fitted = tuned(tiny_bert, layers="last:1")
    adapted = {name for name, _ in fitted.classifier.model.named_modules() if name.endswith("lora_A")}
    assert adapted and all(".layer.1." in name for name in adapted)


def test_full_fine_tuning_trains_everything_and_writes_a_plain_model(tiny_bert, tmp_path):
    config, data, fitted = tuned(tiny_bert, method="full", lr=1e-3)
    assert fitted.trainable_parameters == fitted.total_parameters
    folder = saved(fitted, tmp_path / "model")
    again = load_full(saved_as(config, data.labels, folder)).logits(data.test.texts)
    assert np.abs(again - fitted.classifier.logits(data.test.texts)).max() < 1e-6
    assert json.loads((folder / "config.json").read_text())["id2label"] == dict(zip("01", data.labels, strict=True))


def test_plain_peft_gives_the_same_answers(tiny_bert, tmp_path):
    _, data, fitted = tuned(tiny_bert, method="ia3")
    folder = saved(fitted, tmp_path / "adapter")
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    tokenizer = fitted.classifier.tokenizer
    batch = tokenizer(list(data.test.texts[:4]), truncation=True, max_length=24, padding=True, return_tensors="pt")
    with torch.inference_mode():
        plain = model(**batch).logits.numpy()
    assert isinstance(model, PeftModel)
    assert np.abs(plain - fitted.classifier.logits(data.test.texts[:4])).max() < 1e-5


@pytest.fixture
def kept(tiny_bert, tmp_path):
    """A saved adapter: its config, its labels and its folder."""
    config, data, fitted = tuned(tiny_bert)
    return config, data.labels, saved(fitted, tmp_path / "adapter")


def test_an_adapter_of_another_base_is_refused(kept):
    config, labels, folder = kept
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": "some/other"}))
    with pytest.raises(RequestError, match="is one of some/other, and not of"):
        load_adapted(saved_as(config, labels, folder))


def test_an_adapter_finds_its_base_in_a_folder_that_was_moved(kept, tmp_path):
    config, labels, folder = kept
    moved = shutil.copytree(config.model, tmp_path / "elsewhere" / Path(config.model).name)
    assert load_adapted(saved_as(config.model_copy(update={"model": str(moved)}), labels, folder))


def test_pickled_weights_of_an_adapter_are_not_read(kept):
    config, labels, folder = kept
    torch.save({}, folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(RequestError, match=r"holds no whole adapter: adapter_model.safetensors is missing"):
        load_adapted(saved_as(config, labels, folder))


def test_an_adapter_without_its_config_is_told(kept):
    config, labels, folder = kept
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(RequestError, match="is damaged"):
        load_adapted(saved_as(config, labels, folder))
    (folder / "adapter_config.json").unlink()
    with pytest.raises(RequestError, match="adapter_config.json is missing"):
        load_adapted(saved_as(config, labels, folder))


def test_an_init_that_changes_the_base_goes_with_ranks_of_their_own(tiny_bert, tmp_path):
    config, data, fitted = tuned(tiny_bert, init="pissa", peft={"rank_pattern": {"query": 4}})
    again = load_adapted(saved_as(config, data.labels, saved(fitted, tmp_path / "adapter")))
    assert np.abs(again.logits(data.test.texts) - fitted.classifier.logits(data.test.texts)).max() < 1e-4


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_vectors_in_front_of_a_long_text_leave_it_less_room(fixture, request, tmp_path):
    config = make_config({"model": str(request.getfixturevalue(fixture)), "method": "prompt_tuning", "max_length": 512})
    tokenizer = load_run_tokenizer(config, find_backbone(config))
    assert tokenizer.model_max_length == 64 - 20
    with pytest.raises(RequestError, match="num_virtual_tokens=64 leaves no room for a text: .* reads 64 tokens"):
        load_run_tokenizer(config.model_copy(update={"peft": {"num_virtual_tokens": 64}}), find_backbone(config))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"peft": {"lora_bais": True}}, "no such field. Did you mean 'lora_bias'", id="field-misspelled"),
        pytest.param(
            {"peft": {"lora_bias": "perhaps"}}, "lora_bias=perhaps should be a valid boolean", id="boolean-word"
        ),
        pytest.param({"peft": {"r": 4}}, "--peft r: --r sets it", id="rank"),
        pytest.param({"peft": {"lora_aplha": 4}}, "Did you mean 'lora_alpha'", id="alpha-misspelled"),
        pytest.param(
            {"peft": {"modules_to_save": ["a"]}},
            "--peft modules_to_save: it follows from the model",
            id="modules-to-save",
        ),
        pytest.param({"peft": {"use_dora": True}}, "--peft use_dora: --dora sets it", id="dora"),
        pytest.param(
            {"peft": {"target_modules": "query"}},
            "--peft target_modules: --target-modules sets it",
            id="target-modules",
        ),
        pytest.param(
            {"method": "ia3", "peft": {"lora_alpha": 4}}, "peft's IA3Config has no such field", id="ia3-field"
        ),
        pytest.param(
            {"method": "oft", "peft": {"oft_block_size": "big"}},
            "oft_block_size=big should be a valid integer",
            id="integer-word",
        ),
    ],
)
def test_a_field_that_the_methods_config_lacks_or_takes_otherwise_is_told(values, expected):
    with pytest.raises(RequestError, match=expected):
        check_peft_fields(make_config(values))


def test_a_field_is_read_as_its_config_declares_it():
    asked = make_config({"peft": ["lora_bias=false", "layers_pattern=[layer]", "rank_pattern={query: 4}"]})
    assert check_peft_fields(asked) == {"lora_bias": False, "layers_pattern": ["layer"], "rank_pattern": {"query": 4}}


def test_a_field_reaches_the_adapter(tiny_bert):
    _, _, fitted = tuned(tiny_bert, method="fourierft", peft={"n_frequency": 7, "scaling": 10.0})
    adapter = fitted.classifier.model.peft_config["default"]
    assert (adapter.n_frequency, adapter.scaling) == (7, 10.0)


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.kind == "adapter"])
def test_every_field_of_the_table_is_one_of_pefts(method):
    known = {field.name for field in fields(peft_config_class(method))}
    named = {name for name in METHODS[method].peft_fields.values() if name} | set(METHODS[method].defaults)
    assert named <= known


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        pytest.param(None, None, id="all"),
        pytest.param("last:2", [4, 5], id="last-2"),
        pytest.param("first:1", [0], id="first-1"),
        pytest.param("0,3", [0, 3], id="numbers"),
        pytest.param("last:6", [*range(6)], id="last-6"),
    ],
)
def test_layers_are_counted_from_either_end(asked, numbers):
    assert parse_layers(asked, 6) == numbers


@pytest.mark.parametrize("asked", ["last:7", "first:9", "6", "0,12"])
def test_layers_that_the_model_lacks_are_told(asked):
    with pytest.raises(RequestError, match=f"--layers {asked}: the model has 6 layers, 0 to 5"):
        parse_layers(asked, 6)


def test_defaults_follow_the_model_and_the_training():
    context = DefaultsContext(rank=8, steps=126, widths=(384, 1536), feedforward=())
    assert LargestDivisor(256).derive(context) == 192
    assert Steps(0.1).derive(context) == 12
    assert Rank(1.5).derive(context) == 12
    assert EntryCount(1000).derive(context) == 1000
    assert EntryCount(1000).derive(DefaultsContext(8, 1, (32,), ())) == 256
