import json
import re

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    BartForSequenceClassification,
    BertForMaskedLM,
    BertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5EncoderModel,
)

from core.config import make_config
from core.data.splits import Split
from core.errors import RequestError
from core.models.adapters import TrainingPlan, add_adapter, select_targets
from core.models.backbone import _enclosing_modules, device, find_backbone, load_encoder, load_for_classification
from core.models.baselines.untrained import load_untrained
from core.models.neural_classifier import truncation_rates
from core.models.precision import bfloat16_speedup, cast_frozen_weights, training_dtype
from core.models.tokenizers import MAX_AUTO_LENGTH, load_tokenizer, suggest_max_length
from tests.models.architectures import ARCHITECTURES

TEXTS = ["a good film", "bad", "the film was good and bad and good again", "a", "the bad film"]


def load_model(folder, labels=("a", "b", "c"), **values):
    config = make_config({"model": str(folder), "max_length": 32, **values})
    backbone = find_backbone(config)
    tokenizer = load_tokenizer(backbone, config.max_length)
    torch.manual_seed(0)
    return config, tokenizer, *load_for_classification(backbone, tokenizer, labels)


def add_lora(config, model, new):
    plan = TrainingPlan(steps=1, batches=list)
    return add_adapter(model, config, new, select_targets(config, model, new), find_backbone(config), plan).model


def test_packaged_model_has_hub_name_and_revision():
    backbone = find_backbone(make_config({}))
    assert backbone.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(backbone.revision) == 40
    assert backbone.path != backbone.name
    assert find_backbone(make_config({"model": backbone.name})) == backbone


def test_unknown_model_is_refused_with_a_suggestion():
    with pytest.raises(RequestError, match="Did you mean 'minilm'"):
        find_backbone(make_config({"model": "minlm"}))


def test_folder_without_model_is_refused(tmp_path):
    with pytest.raises(RequestError, match="contains no readable model"):
        find_backbone(make_config({"model": str(tmp_path)}))


def copy_model(folder, to, *, without=(), **changed):
    """Copy a model folder, without some files and with other values in its config.json."""
    for path in folder.iterdir():
        if not any(path.match(pattern) for pattern in without):
            (to / path.name).write_bytes(path.read_bytes())
    config = json.loads((to / "config.json").read_text())
    config = {name: value for name, value in (config | changed).items() if value is not None}
    (to / "config.json").write_text(json.dumps(config))
    return to


def find(folder, **values):
    return find_backbone(make_config({"model": str(folder), **values}))


def test_config_without_model_type_is_refused(tiny_bert, tmp_path):
    with pytest.raises(RequestError, match="model_type"):
        find(copy_model(tiny_bert, tmp_path, model_type=None))


def test_malformed_config_is_refused(tiny_bert, tmp_path):
    (copy_model(tiny_bert, tmp_path) / "config.json").write_text("{")
    with pytest.raises(RequestError):
        find(tmp_path)


@pytest.mark.parametrize("model_type", ["vit", "clip", "whisper"])
def test_model_without_text_classifier_is_refused(model_type, tmp_path):
    AutoConfig.for_model(model_type).save_pretrained(tmp_path)
    with pytest.raises(RequestError, match=f"is a {model_type} model"):
        find(tmp_path)


def test_folder_without_weights_is_refused(tiny_bert, tmp_path):
    with pytest.raises(RequestError, match="contains no weights"):
        find(copy_model(tiny_bert, tmp_path, without=["*.safetensors"]))


def test_pickled_weights_are_refused(tiny_bert, tmp_path):
    torch.save({}, copy_model(tiny_bert, tmp_path, without=["*.safetensors"]) / "pytorch_model.bin")
    with pytest.raises(RequestError, match="no safetensors weights"):
        find(tmp_path)


def test_safetensors_are_preferred_to_pickled_weights(tiny_bert, tmp_path):
    torch.save({"nothing": torch.zeros(1)}, copy_model(tiny_bert, tmp_path) / "pytorch_model.bin")
    assert load_model(tmp_path)[3] == ("classifier",)


def test_damaged_weights_are_refused(tiny_bert, tmp_path):
    (copy_model(tiny_bert, tmp_path) / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RequestError, match="is damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_damaged_folder_of_a_full_fine_tuning_run_is_named_instead_of_the_base_model(file, tiny_bert, tmp_path):
    backbone = find(tiny_bert)
    (copy_model(tiny_bert, tmp_path) / file).write_bytes(b"damaged")
    with pytest.raises(RequestError, match=re.escape(f"fine-tuned model in {tmp_path}")) as error:
        load_for_classification(backbone.saved_in(tmp_path), load_tokenizer(backbone, 32), ("a", "b"))
    assert str(tiny_bert) not in str(error.value)


def test_sharded_weights_are_read(tiny_bert, tmp_path):
    copy_model(tiny_bert, tmp_path, without=["*.safetensors"])
    BertModel.from_pretrained(tiny_bert).save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    single, sharded = (load_model(folder)[2].state_dict() for folder in (tiny_bert, tmp_path))
    assert all(torch.equal(single[name], sharded[name]) for name in single)


def test_half_precision_weights_are_read_as_float32(tiny_bert, tmp_path):
    copy_model(tiny_bert, tmp_path)
    BertModel.from_pretrained(tiny_bert).to(torch.bfloat16).save_pretrained(tmp_path)
    assert "BF16" in str((tmp_path / "model.safetensors").read_bytes()[:500])
    models = load_model(tmp_path)[2], load_encoder(find(tmp_path))
    assert {p.dtype for model in models for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("load", [load_model, lambda folder: load_encoder(find(folder))], ids=["classifier", "encoder"])
def test_weights_with_missing_layers_are_refused(load, tiny_bert, tmp_path):
    with pytest.raises(RequestError, match="16 tensors .*encoder.layer.2"):
        load(copy_model(tiny_bert, tmp_path, num_hidden_layers=3))


def test_weights_of_another_shape_are_refused(tiny_bert, tmp_path):
    with pytest.raises(RequestError, match="word_embeddings"):
        load_model(copy_model(tiny_bert, tmp_path, vocab_size=90))


def test_encoder_without_decoder_gives_features_only(tmp_path):
    folder = ARCHITECTURES["t5"].write(tmp_path)
    T5EncoderModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(RequestError, match="decoder"):
        load_model(folder)
    assert load_encoder(find(folder)).config.d_model == 32


def test_new_pooler_is_a_new_module(tiny_bert, tmp_path):
    copy_model(tiny_bert, tmp_path)
    BertForMaskedLM.from_pretrained(tiny_bert).save_pretrained(tmp_path)
    assert load_model(tmp_path)[3] == ("bert.pooler", "classifier")


def test_existing_head_is_a_new_module(tmp_path):
    folder = ARCHITECTURES["bart"].write(tmp_path)
    BartForSequenceClassification.from_pretrained(folder, num_labels=3).save_pretrained(folder)
    assert load_model(folder)[3] == ("classification_head",)


MODULE = """
from transformers import BertForSequenceClassification, BertConfig
open(__file__ + ".ran", "w").close()
class Own(BertForSequenceClassification):
    pass
"""


def copy_with_code(folder, to):
    copy_model(folder, to, auto_map={"AutoModelForSequenceClassification": "modeling_own.Own"})
    (to / "modeling_own.py").write_text(MODULE)
    return to


def test_remote_code_of_model_is_refused(tiny_bert, tmp_path):
    with pytest.raises(RequestError, match=r"modeling_own\.py.*--trust-remote-code"):
        find(copy_with_code(tiny_bert, tmp_path))
    assert not list(tmp_path.glob("*.ran"))


def test_remote_code_of_tokenizer_is_refused(tiny_bert, tmp_path):
    path = copy_model(tiny_bert, tmp_path) / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoTokenizer": [None, "own.Fast"]}}))
    with pytest.raises(RequestError, match=r"own\.py"):
        find(tmp_path)


def test_trusted_remote_code_runs(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").mkdir()
    _, _, model, new = load_model(copy_with_code(tiny_bert, tmp_path / "model"), trust_remote_code=True)
    assert type(model).__name__ == "Own"
    assert new == ("classifier",)


def test_folder_without_tokenizer_is_refused(tiny_bert, tiny_gpt2, tmp_path):
    # transformers silently builds a tokenizer with special tokens only
    for number, folder in enumerate((tiny_bert, tiny_gpt2)):
        (tmp_path / str(number)).mkdir()
        copy_model(folder, tmp_path / str(number), without=["token*", "vocab*", "merges*", "special*"])
        with pytest.raises(RequestError, match="tokenizer.json"):
            load_tokenizer(find(tmp_path / str(number)), 32)


@pytest.mark.parametrize(("kind", "file"), [("llama", "tokenizer.model"), ("t5", "spiece.model")])
def test_tokenizer_that_needs_a_package_is_refused(kind, file, tmp_path):
    folder = ARCHITECTURES[kind].write(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / file).write_bytes(b"pieces")
    with pytest.raises(RequestError, match="tokenizer"):
        load_tokenizer(find(folder), 32)


def test_tokenizer_of_another_model_is_refused(tmp_path):
    for name in ("xlm-roberta", "bert"):
        (tmp_path / name).mkdir()
        ARCHITECTURES[name].write(tmp_path / name)
    for path in (tmp_path / "bert").glob("token*"):
        (tmp_path / "xlm-roberta" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RequestError, match="ids up to 61, but its model has only 37"):
        load_tokenizer(find(tmp_path / "xlm-roberta"), 32)


@pytest.mark.parametrize(("max_length", "expected"), [(32, 32), (500, 64), ("auto", 64)])
def test_tokenizer_truncates_at_max_length_or_at_the_models_positions(max_length, expected, tiny_gpt2):
    assert load_tokenizer(find(tiny_gpt2), max_length).model_max_length == expected


def test_model_without_position_limit_reads_512_tokens_by_default(tmp_path):
    backbone = find(ARCHITECTURES["xlnet"].write(tmp_path))
    assert load_tokenizer(backbone, "auto").model_max_length == 512
    assert load_tokenizer(backbone, 2000).model_max_length == 2000


@pytest.mark.parametrize(("words", "length"), [(1, 16), (20, 24), (22, 24), (23, 32), (500, 64)])
def test_suggested_length_is_the_99th_percentile(words, length, tiny_bert):
    tokenizer = load_tokenizer(find(tiny_bert), "auto")
    texts = ["good " * words] * 995 + ["good " * 60] * 5
    assert suggest_max_length(tokenizer, texts)[0] == length


def test_suggested_length_samples_many_texts(tiny_bert):
    tokenizer = load_tokenizer(find(tiny_bert), "auto")
    assert suggest_max_length(tokenizer, ["good " * 30, "bad"] * 15_000)[0] == 32


def test_suggested_length_is_capped_by_what_the_device_can_bear(tmp_path):
    tokenizer = load_tokenizer(find(ARCHITECTURES["xlnet"].write(tmp_path)), 2000)
    length, reason = suggest_max_length(tokenizer, ["good " * 1000])
    assert length == MAX_AUTO_LENGTH[device()] and f"capped at {length}" in reason


def test_decoder_gets_a_pad_token_in_tokenizer_and_model(tiny_gpt2):
    _, tokenizer, model, new = load_model(tiny_gpt2)
    assert tokenizer.pad_token == tokenizer.eos_token
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.padding_side == "right"
    assert new == ("score",)


def test_new_modules_come_from_the_loading_report(tiny_bert):
    _, _, model, new = load_model(tiny_bert)
    assert new == ("classifier",)
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}


def test_head_of_several_layers_is_one_module():
    model = RobertaForSequenceClassification(
        RobertaConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    new = {name for name, _ in model.named_parameters() if name.startswith("classifier")}
    assert _enclosing_modules(model, new) == ("classifier",)
    assert _enclosing_modules(model, new - {"classifier.dense.bias"}) == ("classifier.out_proj",)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_logits_are_in_the_order_of_the_texts(fixture, request):
    config = make_config({"model": str(request.getfixturevalue(fixture)), "max_length": 32})
    classifier = load_untrained(config, ("a", "b"), find_backbone(config))
    together = classifier.logits(TEXTS * 20)
    alone = np.concatenate([classifier.logits([text]) for text in TEXTS])
    assert np.abs(together - np.tile(alone, (20, 1))).max() < 1e-5


def test_very_long_text_is_truncated(tiny_bert):
    config = make_config({"model": str(tiny_bert), "max_length": 16})
    classifier = load_untrained(config, ("a", "b"), find_backbone(config))
    assert np.isfinite(classifier.logits(["good " * 200_000])).all()


def test_truncation_rate_is_the_share_of_long_texts(tiny_bert):
    config = make_config({"model": str(tiny_bert), "max_length": 8})
    tokenizer = load_tokenizer(find_backbone(config), config.max_length)
    part = Split(("a b", "a b c d e f g h i j", "a " * 200, "b"), np.zeros(4, dtype=np.int64), ({},) * 4)
    assert truncation_rates(tokenizer, {"test": part}) == {"test": 0.5}


def test_only_adapter_and_new_head_are_trainable(tiny_bert):
    config, _, model, new = load_model(tiny_bert)
    adapted = add_lora(config, model, new)
    trainable = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "classifier.modules_to_save" in name for name in trainable)
    assert any("classifier" in name for name in trainable)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_frozen_weights_are_cast_and_restored(fixture, request):
    config, tokenizer, model, new = load_model(request.getfixturevalue(fixture))
    adapted = add_lora(config, model, new)
    before = {name: p.detach().clone() for name, p in adapted.named_parameters()}
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with cast_frozen_weights(adapted, torch.bfloat16):
        dtypes = {p.dtype for p in adapted.parameters() if not p.requires_grad}
        adapted(**batch, labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
    assert dtypes == {torch.bfloat16}
    for name, parameter in adapted.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, before[name])
        assert (parameter.grad is not None) == parameter.requires_grad


def test_requested_dtype_is_used():
    assert training_dtype("bfloat16", "cpu") == torch.bfloat16
    assert training_dtype("float32", "cuda") == torch.float32


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache file of the measured speedup, in a temporary folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bfloat16_speedup.cache_clear()
    yield tmp_path / "adapter-bench" / "bfloat16.json"
    bfloat16_speedup.cache_clear()


@pytest.mark.parametrize(("speedup", "dtype"), [(5.0, torch.bfloat16), (0.5, torch.float32)], ids=["faster", "slower"])
def test_cached_speedup_decides_the_dtype(speedup, dtype, cache):
    bfloat16_speedup()
    (key,) = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: speedup, "another machine": 1.0}))
    bfloat16_speedup.cache_clear()
    assert training_dtype("auto", "cpu") == dtype


@pytest.mark.parametrize(
    "content", ["", "[]", '{"a": "b"}', "{", "null"], ids=["empty", "list", "other-key", "cut", "null"]
)
def test_damaged_cache_is_measured_again(content, cache):
    cache.parent.mkdir()
    cache.write_text(content)
    assert json.loads(json.dumps(bfloat16_speedup())) > 0
    assert list(json.loads(cache.read_text()).values()) == [bfloat16_speedup()]


def test_read_only_cache_folder_is_ignored(cache):
    cache.parent.write_text("no folder")
    assert training_dtype("auto", "cpu") in (torch.float32, torch.bfloat16)
