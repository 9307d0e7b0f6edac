import pytest
import torch
from peft import IA3Config, LNTuningConfig, LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from core.errors import RequestError
from core.models.targets import choose_targets
from tests.models.architectures import ARCHITECTURES


def build_empty(name):
    """Return a model of an architecture without weights."""
    config = AutoConfig.for_model(
        name.split("/")[0], **{"vocab_size": 64, "pad_token_id": 0, **ARCHITECTURES[name].config}
    )
    with torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config)


def choose(name, kind="attention", requested=None):
    return choose_targets(build_empty(name), kind, requested, name, ARCHITECTURES[name].new_modules)


def adapted_names(model, config):
    """Return the names of the modules that peft adapts."""
    return set(get_peft_model(model, config).targeted_module_names)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_query_and_value_are_the_default_targets(name):
    assert choose(name).modules == ARCHITECTURES[name].target_modules


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("bert", "peft's default for bert", id="bert"),
        pytest.param("distilbert", "query and value", id="distilbert"),
        pytest.param("modernbert", "query, key and value in one layer", id="modernbert"),
        pytest.param(
            "xlnet",
            "every linear layer except the head: xlnet has no layers with common names of query and value",
            id="xlnet",
        ),
    ],
)
def test_reason_of_the_selection(name, reason):
    assert choose(name).reason == reason


@pytest.mark.parametrize("kind", ["attention", "feedforward", "norms", "linear"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_peft_adapts_the_body_only(name, kind):
    model = build_empty(name)
    new = ARCHITECTURES[name].new_modules
    targets = choose_targets(model, kind, None, name, new)
    config = {
        "attention": LoraConfig(target_modules=list(targets.modules)),
        "linear": LoraConfig(target_modules=list(targets.modules)),
        "feedforward": IA3Config(target_modules=list(targets.modules), feedforward_modules=list(targets.feedforward)),
        "norms": LNTuningConfig(target_modules=list(targets.modules)),
    }[kind]
    names = adapted_names(model, config)
    assert names
    assert all(name.startswith(f"{model.base_model_prefix}.") for name in names)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "xlnet"])
def test_feedforward_targets_of_ia3_are_outside_attention(name):
    targets = choose(name, "feedforward")
    assert targets.feedforward
    assert set(targets.feedforward) < set(targets.modules)
    assert not {"query", "key", "value", "q_proj", "k_proj", "v_proj", "Wqkv", "c_attn"} & set(targets.feedforward)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_norm_targets_are_all_norms_of_the_body(name):
    model = build_empty(name)
    ends = tuple(
        f".{name}" for name in choose_targets(model, "norms", None, name, ARCHITECTURES[name].new_modules).modules
    )
    body = model.get_submodule(model.base_model_prefix)
    for full, module in body.named_modules():
        assert f".{full}".endswith(ends) == ("Norm" in type(module).__name__)


def test_norm_targets_have_no_feedforward_modules():
    assert choose("bert", "norms").feedforward == ()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_linear_excludes_the_head(name):
    model = build_empty(name)
    targets = choose_targets(model, "attention", ["all-linear"], name, ARCHITECTURES[name].new_modules)
    names = adapted_names(model, LoraConfig(target_modules=list(targets.modules)))
    linear = {full for full, module in build_empty(name).named_modules() if isinstance(module, nn.Linear)}
    prefix = f"{model.base_model_prefix}."
    assert {full for full in linear if full.startswith(prefix)} <= names
    assert all(full.startswith(prefix) for full in names)


def test_linear_layers_of_the_blocks_exclude_the_pooler():
    targets = choose("bert", "linear")
    assert targets.modules == ("query", "key", "value", "output.dense", "intermediate.dense")
    assert {"c_attn", "c_fc"} < set(choose("gpt2", "linear").modules)


def test_name_that_also_matches_the_head_is_lengthened():
    # RoBERTa's head has a layer named dense, like every layer of its body
    assert choose("roberta", requested=["dense"]).modules == ("output.dense", "intermediate.dense")
    assert choose("bert", requested=["dense"]).modules == ("dense",)


def test_new_module_of_the_body_counts_as_head():
    model = build_empty("bert")
    assert choose_targets(model, "attention", ["all-linear"], "bert", ["bert.pooler", "classifier"]).modules == (
        "query",
        "key",
        "value",
        "output.dense",
        "intermediate.dense",
    )


def test_requested_modules_are_selected():
    targets = choose("bert", requested=["key", "attention.output.dense"])
    assert targets.modules == ("key", "attention.output.dense")
    assert targets.reason == "as requested"


def test_requested_modules_of_ia3_are_split_into_attention_and_feedforward():
    targets = choose("llama", "feedforward", requested=["k_proj", "up_proj"])
    assert targets.feedforward == ("up_proj",)


@pytest.mark.parametrize(
    ("kind", "requested", "message"),
    [
        pytest.param(
            "attention",
            "qeury",
            r"--target-modules 'qeury' is not in bert. .*Did you mean 'query'\?",
            id="attention-misspelled",
        ),
        pytest.param(
            "attention",
            "classifier",
            ": dense, key, query, value",
            id="attention-classifier",
        ),
        pytest.param("norms", "query", ": LayerNorm", id="norms-query"),
    ],
)
def test_unknown_module_is_refused_with_those_of_the_model(kind, requested, message):
    with pytest.raises(RequestError, match=message):
        choose("bert", kind, [requested])


def test_method_without_target_modules():
    assert choose("bert", None).modules == ()
