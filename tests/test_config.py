import pytest

from core.catalog.methods import METHODS, rate_for_width
from core.config import RunConfig, differences, make_config
from core.errors import RequestError
from core.search.grid import grid


def test_alpha_follows_the_rank():
    assert make_config({"r": 4}).alpha == 8
    assert make_config({"r": 4, "alpha": 3}).alpha == 3


def test_learning_rate_falls_with_the_models_width():
    assert rate_for_width("lora", 384) == METHODS["lora"].learning_rate
    assert rate_for_width("lora", 768) == pytest.approx(METHODS["lora"].learning_rate / 2)
    assert rate_for_width("lora", 32) == METHODS["lora"].learning_rate
    assert rate_for_width("tfidf", 384) is None


def test_text_from_a_command_line_is_understood():
    config = make_config({"r": "16", "lr": "1e-3", "target_modules": "query,value"})
    assert (config.r, config.lr, config.target_modules) == (16, 1e-3, ("query", "value"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            {"method": "loar"},
            "--method 'loar' is no baseline and none of peft's methods. Did you mean 'lora'.*runner.py met",
            id="method-misspelled",
        ),
        pytest.param(
            {"method": "poly"},
            "--method 'poly' can't train a text classifier. peft says: task_ids should not be None",
            id="method-unusable",
        ),
        pytest.param({"init": "pisa"}, "--init 'pisa' is none of: .* Did you mean 'pissa'", id="init-misspelled"),
        pytest.param(
            {"init": "pissa", "quantize": "4bit"}, "--init pissa needs the exact weights", id="init-with-quantize"
        ),
        pytest.param({"init": "loftq"}, "--init loftq .* needs --quantize 4bit", id="init-without-quantize"),
        pytest.param({"layers": "lst:4"}, "--layers 'lst:4' should be like last:4", id="layers-misspelled"),
        pytest.param({"quantize": "3bit"}, "--quantize '3bit' should be '8bit' or '4bit'", id="quantize-unknown"),
        pytest.param({"peft": "scaling"}, "--peft 'scaling' should be key=value", id="peft-without-value"),
        pytest.param(
            {"max_length": 2},
            "--max-length 2 should be a number of tokens, at least 4, or 'auto'",
            id="max-length-too-small",
        ),
        pytest.param({"epoch": 3}, "no setting 'epoch'. Did you mean 'epochs'", id="setting-misspelled"),
        pytest.param({"r": -4}, "--r -4 should be greater than or equal to 1", id="rank-negative"),
        pytest.param({"train_size": "-5"}, "--train-size '-5' should be greater", id="train-size-negative"),
        pytest.param({"dtype": "half"}, "--dtype 'half' should be 'auto', 'float32' or 'bfloat16'", id="dtype-unknown"),
        pytest.param({"epochs": "two"}, "--epochs 'two' should be a valid integer", id="epochs-word"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values, expected):
    with pytest.raises(RequestError, match=expected):
        make_config(values)


def test_pairs_are_read_one_by_one():
    assert make_config({"splits": ["test=9", "train=no"]}).splits == {"test": "9", "train": "no"}
    assert make_config({"peft": "n_frequency=9"}).peft == {"n_frequency": 9}
    assert make_config({"peft": ["a=true", "b=[1, x]", "c=plain word", "d=: ["]}).peft == {
        "a": True,
        "b": [1, "x"],
        "c": "plain word",
        "d": ": [",
    }


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(RequestError) as error:
        make_config({"method": "loar", "r": 0})
    assert str(error.value).count("\n") == 1


def test_settings_hold_only_what_the_method_uses():
    assert "r" not in make_config({"method": "tfidf"}).settings()
    assert "seed" not in make_config({"method": "frozen"}).settings()
    assert make_config({"r": 4}).settings()["r"] == 4


def test_settings_make_the_same_config_again():
    config = make_config({"r": 4, "target_modules": "query"})
    assert RunConfig(**config.settings()) == config


def test_a_group_differs_in_nothing_but_the_seed():
    one, other = make_config({"seed": 1}), make_config({"seed": 2})
    assert one.group_key("data") == other.group_key("data")
    assert one.group_key("data") != make_config({"r": 4}).group_key("data")
    assert one.group_key("data") != one.group_key("other data")


def test_differences_show_unused_settings_as_none():
    found = differences([make_config({"r": 4}).settings(), make_config({"method": "majority"}).settings()])
    assert found["method"] == ["lora", "majority"]
    assert found["r"] == [4, None]
    assert "dataset" not in found


def test_what_a_method_does_not_use_is_as_nobody_had_asked_for_it():
    asked = {"quantize": "4bit", "init": "gaussian", "lora_plus": 16, "dora": True, "dropout": 0.0}
    used = [
        make_config({"method": method, **asked}).relevant_settings() for method in ("full", "ia3", "adalora", "lora")
    ]
    assert [config.quantize for config in used] == [None, "4bit", "4bit", "4bit"]
    assert [config.init for config in used] == [None, None, None, "gaussian"]
    assert [config.lora_plus for config in used] == [None, None, None, 16]
    assert all(config.relevant_settings() == config for config in used)


def test_differences_show_what_was_not_asked_for_as_none_of_it():
    asked = [{"quantize": "4bit"}, {"dora": True}, {"method": "ia3"}]
    found = differences([make_config(values).settings() for values in asked])
    assert found["quantize"] == ["4bit", "none", "none"]
    assert found["dora"] == ["none", True, None]
    assert differences([{"torch": "1"}, {}]) == {"torch": ["1", None]}


def test_several_values_make_every_combination():
    assert [(c.r, c.seed) for c in grid({"r": [4, 8], "seed": [1, 2]})] == [(4, 1), (4, 2), (8, 1), (8, 2)]


def test_a_grid_asks_for_the_same_run_once():
    assert [(c.method, c.uses("r") and c.r) for c in grid({"method": ["tfidf", "lora"], "r": [4, 8]})] == [
        ("tfidf", False),
        ("lora", 4),
        ("lora", 8),
    ]


def test_a_setting_that_no_method_uses_is_refused():
    with pytest.raises(
        RequestError, match="--r does nothing for --method ia3. Of the adapter's settings it takes --tar"
    ):
        grid({"method": ["ia3"], "r": [4, 8]})
