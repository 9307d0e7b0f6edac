"""Validation and identity of run configurations."""

import pytest

from core.catalog.methods import METHODS, rate_for_width
from core.config import RunConfig, complete_settings, drop_duplicates, format_flags, make_config
from core.errors import RequestError


def test_default_alpha_is_twice_the_rank():
    assert make_config({"r": 4}).alpha == 8
    assert make_config({"r": 4, "alpha": 3}).alpha == 3


def test_default_learning_rate_decreases_with_the_hidden_size():
    assert rate_for_width("lora", 384) == METHODS["lora"].learning_rate
    assert rate_for_width("lora", 768) == pytest.approx(METHODS["lora"].learning_rate / 2)
    assert rate_for_width("lora", 32) == METHODS["lora"].learning_rate
    assert rate_for_width("tfidf", 384) is None


def test_text_values_are_parsed():
    config = make_config({"r": "16", "lr": "1e-3", "target_modules": "query,value"})
    assert (config.r, config.lr, config.target_modules) == (16, 1e-3, ("query", "value"))


@pytest.mark.parametrize(
    ("values", "fragments"),
    [
        pytest.param({"method": "loar"}, ("--method 'loar'", "Did you mean 'lora'?"), id="method-misspelled"),
        pytest.param(
            {"method": "poly"}, ("--method 'poly'", "task_ids should not be None"), id="method-rejected-by-peft"
        ),
        pytest.param({"init": "pisa"}, ("--init 'pisa'", "Did you mean 'pissa'?"), id="init-misspelled"),
        pytest.param({"init": "pissa", "quantize": "4bit"}, ("--init pissa", "--quantize"), id="init-with-quantize"),
        pytest.param({"init": "loftq"}, ("--init loftq", "--quantize 4bit"), id="init-without-quantize"),
        pytest.param({"layers": "lst:4"}, ("--layers 'lst:4'", "last:4"), id="layers-misspelled"),
        pytest.param({"quantize": "3bit"}, ("--quantize '3bit'", "'8bit' or '4bit'"), id="choice-unknown"),
        pytest.param({"peft": "scaling"}, ("--peft 'scaling'", "key=value"), id="pair-without-value"),
        pytest.param({"target_modules": ","}, ("--target-modules ','",), id="list-empty"),
        pytest.param(
            {"max_length": 2}, ("--max-length 2 must be 'auto' or an integer from 4 to",), id="max-length-too-small"
        ),
        pytest.param({"train_size": 1}, ("--train-size 1 must be 'auto' or an integer from 2",), id="size-too-small"),
        pytest.param({"epoch": 3}, ("'epoch'", "Did you mean 'epochs'?"), id="setting-misspelled"),
        pytest.param({"r": -4}, ("--r -4 must be greater than",), id="number-too-small"),
        pytest.param({"epochs": "two"}, ("--epochs 'two'",), id="number-as-word"),
        pytest.param({"epochs": 1.5}, ("--epochs 1.5 must be 'auto' or an integer",), id="number-with-fraction"),
        pytest.param({"seed": True}, ("--seed True",), id="number-as-boolean"),
        pytest.param({"epochs": 2, "time_budget": "10m"}, ("--time-budget", "--epochs 2"), id="epochs-with-budget"),
        pytest.param({"epochs": "auto", "patience": 0}, ("--patience 0",), id="patience-of-0"),
        pytest.param({"epochs": "auto", "time_budget": "soon"}, ("--time-budget 'soon'", "10m"), id="duration-as-word"),
        pytest.param({"epochs": "auto", "method": "adalora"}, ("adalora", "--epochs"), id="auto-with-planned-ranks"),
        pytest.param(
            {"gradient_accumulation": 5},
            ("--gradient-accumulation 5", "--batch-size 32"),
            id="micro-batches-that-do-not-divide",
        ),
    ],
)
def test_message_on_an_invalid_value_names_it_and_the_allowed_values(values, fragments):
    with pytest.raises(RequestError) as error:
        make_config(values)
    assert all(fragment in str(error.value) for fragment in fragments), error.value


def test_message_on_several_invalid_values_has_a_line_for_each():
    with pytest.raises(RequestError) as error:
        make_config({"method": "loar", "r": 0})
    assert str(error.value).count("\n") == 1


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), (7, 7)])
def test_durations_are_parsed(text, seconds):
    assert make_config({"epochs": "auto", "time_budget": text}).time_budget == seconds


def test_pairs_are_parsed_by_key():
    assert make_config({"splits": ["test=9", "train=no"]}).splits == {"test": "9", "train": "no"}
    assert make_config({"peft": "n_frequency=9"}).peft == {"n_frequency": 9}
    assert make_config({"peft": ["a=true", "b=[1, x]", "c=plain word", "d=: ["]}).peft == {
        "a": True,
        "b": [1, "x"],
        "c": "plain word",
        "d": ": [",
    }


def test_settings_contain_only_those_that_the_method_uses():
    assert "r" not in make_config({"method": "tfidf"}).settings()
    assert "seed" not in make_config({"method": "frozen"}).settings()
    assert make_config({"r": 4}).settings()["r"] == 4


def test_settings_restore_the_config():
    config = make_config({"r": 4, "target_modules": "query"})
    assert RunConfig(**config.settings()) == config


def test_settings_are_formatted_as_flags():
    config = make_config({"r": 4, "dora": True, "target_modules": "query,value", "peft": {"lora_bias": True}})
    flags = format_flags(config.settings())
    assert flags[flags.index("--dora") + 1].startswith("--")
    assert flags[flags.index("--target-modules") + 1] == "query,value"
    assert flags[flags.index("--peft") + 1] == "lora_bias=True"


def test_boolean_settings_are_formatted_as_switches():
    assert format_flags({"dora": True, "rslora": False}) == ["--dora", "--no-rslora"]


def test_runs_of_one_configuration_differ_only_in_the_seed():
    config = make_config({"seed": 1})
    assert config.group_key("data") == make_config({"seed": 2, "auto_batch": True}).group_key("data")
    assert config.group_key("data") != make_config({"r": 4}).group_key("data")
    assert config.group_key("data") != config.group_key("other data")


def test_duplicates_are_dropped():
    configs = [make_config(values) for values in ({"method": "tfidf"}, {"r": 4}, {"method": "tfidf", "r": 4})]
    assert [config.method for config in drop_duplicates(configs)] == ["tfidf", "lora"]


def test_settings_that_the_method_does_not_use_are_reset():
    values = {"quantize": "4bit", "init": "gaussian", "lora_plus": 16, "dora": True, "dropout": 0.0}
    methods = ("full", "ia3", "adalora", "lora")
    configs = [make_config({"method": method, **values}).relevant_settings() for method in methods]
    assert [config.quantize for config in configs] == [None, "4bit", "4bit", "4bit"]
    assert [config.init for config in configs] == [None, None, None, "gaussian"]
    assert [config.lora_plus for config in configs] == [None, None, None, 16]
    assert all(config.relevant_settings() == config for config in configs)


def test_settings_of_an_earlier_version_are_completed():
    earlier = {"method": "lora", "r": 8, "seed": 42}
    completed = complete_settings(earlier, {"target_modules": ["query", "value"]})
    assert make_config(completed).target_modules == ("query", "value")
    assert (completed["pooling"], completed["head_init"], completed["model_dropout"]) == ("model", "random", "model")
    assert complete_settings({"method": "tfidf"}, {}) == {"method": "tfidf"}
    assert complete_settings({"method": "no longer known"}, {}) == {"method": "no longer known"}
    recorded = make_config({}).settings()
    assert complete_settings(recorded, {"target_modules": ["query"]}) == recorded
