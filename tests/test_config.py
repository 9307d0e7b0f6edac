import pytest

from core.config import RunConfig, differences, make_config
from core.errors import RequestError
from core.methods import METHODS, rate_for_width
from core.sweeps.grid import grid


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
        ({"method": "loar"}, "--method 'loar' is none of: .*Did you mean 'lora'"),
        ({"epoch": 3}, "no setting 'epoch'. Did you mean 'epochs'"),
        ({"r": -4}, "--r -4 should be greater than or equal to 1"),
        ({"train_size": "-5"}, "--train-size '-5' should be greater"),
        ({"dtype": "half"}, "--dtype 'half' should be 'auto', 'float32' or 'bfloat16'"),
        ({"epochs": "two"}, "--epochs 'two' should be a valid integer"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values, expected):
    with pytest.raises(RequestError, match=expected):
        make_config(values)


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


def test_several_values_make_every_combination():
    assert [(c.r, c.seed) for c in grid({"r": [4, 8], "seed": [1, 2]})] == [(4, 1), (4, 2), (8, 1), (8, 2)]


def test_a_grid_asks_for_the_same_run_once():
    assert len(grid({"method": ["tfidf"], "r": [4, 8]})) == 1
