import pytest
import torch
from peft import IA3Config, LNTuningConfig, LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from core.errors import RequestError
from core.models.targets import choose_targets
from tests.models.kinds import KINDS


def empty(name, **options):
    """A kind's model without weights."""
    config = AutoConfig.for_model(name.split("/")[0], **{"vocab_size": 64, "pad_token_id": 0, **KINDS[name].config})
    with torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config)


def chosen(name, kind="attention", asked=None):
    return choose_targets(empty(name), kind, asked, name, KINDS[name].new)


def adapted(model, config):
    """The names of the modules that peft puts an adapter on."""
    return set(get_peft_model(model, config).targeted_module_names)


@pytest.mark.parametrize("name", KINDS)
def test_query_and_value_are_adapted_where_they_are_found(name):
    assert chosen(name).modules == KINDS[name].targets


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("bert", "peft's own choice for bert", id="bert"),
        pytest.param("distilbert", "query and value", id="distilbert"),
        pytest.param("modernbert", "query, key and value in one layer", id="modernbert"),
        pytest.param(
            "xlnet",
            "every linear layer but the head's: xlnet has no layers with the usual names of query and value",
            id="xlnet",
        ),
    ],
)
def test_the_reason_is_told(name, reason):
    assert chosen(name).reason == reason


@pytest.mark.parametrize("kind", ["attention", "feedforward", "norms"])
@pytest.mark.parametrize("name", KINDS)
def test_peft_takes_the_names_and_leaves_the_head_alone(name, kind):
    model = empty(name)
    new = KINDS[name].new
    targets = choose_targets(model, kind, None, name, new)
    config = {
        "attention": LoraConfig(target_modules=list(targets.modules)),
        "feedforward": IA3Config(target_modules=list(targets.modules), feedforward_modules=list(targets.feedforward)),
        "norms": LNTuningConfig(target_modules=list(targets.modules)),
    }[kind]
    names = adapted(model, config)
    assert names
    assert all(name.startswith(f"{model.base_model_prefix}.") for name in names)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "xlnet"])
def test_the_feed_forward_layers_of_ia3_lie_outside_attention(name):
    targets = chosen(name, "feedforward")
    assert targets.feedforward
    assert set(targets.feedforward) < set(targets.modules)
    assert not {"query", "key", "value", "q_proj", "k_proj", "v_proj", "Wqkv", "c_attn"} & set(targets.feedforward)


@pytest.mark.parametrize("name", KINDS)
def test_all_norms_of_the_body_are_adapted(name):
    model = empty(name)
    ends = tuple(f".{name}" for name in choose_targets(model, "norms", None, name, KINDS[name].new).modules)
    body = model.get_submodule(model.base_model_prefix)
    for full, module in body.named_modules():
        assert f".{full}".endswith(ends) == ("Norm" in type(module).__name__)


def test_norms_have_no_feed_forward_layers():
    assert chosen("bert", "norms").feedforward == ()


@pytest.mark.parametrize("name", KINDS)
def test_all_linear_leaves_out_the_head(name):
    model = empty(name)
    targets = choose_targets(model, "attention", ["all-linear"], name, KINDS[name].new)
    names = adapted(model, LoraConfig(target_modules=list(targets.modules)))
    linear = {full for full, module in empty(name).named_modules() if isinstance(module, nn.Linear)}
    prefix = f"{model.base_model_prefix}."
    assert {full for full in linear if full.startswith(prefix)} <= names
    assert all(full.startswith(prefix) for full in names)


def test_a_name_that_the_head_has_too_is_made_longer():
    # RoBERTa's head has a layer 'dense', as every layer of its body
    assert chosen("roberta", asked=["dense"]).modules == ("output.dense", "intermediate.dense")
    assert chosen("bert", asked=["dense"]).modules == ("dense",)


def test_a_new_module_of_the_body_is_the_heads():
    model = empty("bert")
    assert choose_targets(model, "attention", ["all-linear"], "bert", ["bert.pooler", "classifier"]).modules == (
        "query",
        "key",
        "value",
        "output.dense",
        "intermediate.dense",
    )


def test_modules_that_are_asked_for_are_taken():
    targets = chosen("bert", asked=["key", "attention.output.dense"])
    assert targets.modules == ("key", "attention.output.dense")
    assert targets.reason == "as asked"


def test_asked_modules_of_ia3_are_parted_into_attention_and_feed_forward():
    targets = chosen("llama", "feedforward", asked=["k_proj", "up_proj"])
    assert targets.feedforward == ("up_proj",)


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        pytest.param(
            "attention",
            "qeury",
            r"--target-modules 'qeury' is not in bert. Its linear modules: .*Did you mean 'query'\?",
            id="attention-misspelled",
        ),
        pytest.param(
            "attention",
            "classifier",
            "'classifier' is not in bert. Its linear modules: dense, key, query, value",
            id="attention-classifier",
        ),
        pytest.param("norms", "query", "'query' is not in bert. Its layer norms: LayerNorm", id="norms-query"),
    ],
)
def test_a_module_that_is_not_there_is_told_with_the_models_own(kind, asked, message):
    with pytest.raises(RequestError, match=message):
        chosen("bert", kind, [asked])


def test_a_method_without_modules_has_none():
    assert chosen("bert", None).modules == ()
