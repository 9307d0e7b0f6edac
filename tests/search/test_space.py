"""Search spaces: the defaults of methods, requested values, and refused ones."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from core.catalog.methods import METHODS
from core.catalog.search_spaces import ALPHA_OVER_R, default_space
from core.config import make_config
from core.errors import RequestError
from core.search.search import build_space
from core.search.space import Space
from core.search.space_file import add_flags, parse_space, read_space_file, space_methods


def test_default_space_is_resolved_for_the_model(prepare):
    job = prepare(epochs="auto")
    space = build_space({"lora": job}, {}, {}, is_complete=False).dimensions["lora"]
    assert (space["lr"].low, space["lr"].high, space["lr"].log) == (1e-3, 1e-1, True)
    assert space["r"].choices == (2, 4, 8, 16, 32) and space[ALPHA_OVER_R].choices == (1.0, 2.0, 4.0)
    assert space["layers"].choices == (None, "last:1")
    assert space["target_modules"].choices == (None, "query,value")
    assert (
        "warmup" not in space
        and "warmup" in build_space({"lora": prepare(epochs=2)}, {}, {}, is_complete=False).dimensions["lora"]
    )


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.kind != "baseline"])
def test_every_default_space_holds_settings_that_the_method_uses(method):
    names = [name for name in default_space(METHODS[method], fixed_epochs=True) if name != ALPHA_OVER_R]
    assert "lr" in names and all(make_config({"method": method, "epochs": 1}).uses(name) for name in names)


def test_parameters_become_settings():
    dimensions = {"lora": {"r": IntDistribution(2, 8), ALPHA_OVER_R: FloatDistribution(1, 4), "layers": None}}
    space = Space(dimensions, {"lora": 8})
    assert space.settings({"r": 4, ALPHA_OVER_R: 2.0, "layers": None}) == {"method": "lora", "r": 4, "alpha": 8.0}
    several = Space({"lora": {"lr": None}, "ia3": {"lr": None}}, {"lora": 8, "ia3": None})
    assert several.settings({"method": "ia3", "ia3.lr": 0.1}) == {"method": "ia3", "lr": 0.1}


def test_requested_values_are_typed_by_the_setting():
    content = {"method": ["lora", "ia3"], "lr": {"low": "1e-4", "high": 1e-2, "log": True}, "lora": {"r": ["4", 8]}}
    space = parse_space(content, ["lora", "ia3"], {})
    assert space["lora"] == {"r": CategoricalDistribution((4, 8)), "lr": FloatDistribution(1e-4, 1e-2, log=True)}
    assert space["ia3"] == {"lr": FloatDistribution(1e-4, 1e-2, log=True)}


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ({"rank": [4, 8]}, "'rank'"),
        ({"lrr": [1e-3]}, "Did you mean 'lr'"),
        ({"seed": [1, 2]}, "seed"),
        ({"test_size": [100, 200]}, "test_size"),
        ({"r": []}, "no values for r"),
        ({"r": {"low": 8, "high": 4}}, "low must be less than high"),
        ({"r": {"low": 1.5, "high": 4}}, "integers"),
        ({"lr": {"low": 0, "high": 1, "log": True}}, "positive"),
        ({"lr": {"low": 0.1}}, "low and high"),
        ({"class_weights": {"low": 0, "high": 1}}, "takes no range"),
        ({"class_weights": ["none", "some"]}, "some"),
        ({"dropout": {"low": 0, "high": 2}}, "--dropout"),
        ({"alpha_over_r": ["two"]}, "two"),
        ({"ia3": {"lr": [0.1, 0.2]}}, "ia3"),
        ({"lora": [1, 2]}, "mapping"),
    ],
)
def test_invalid_space_is_refused(content, fragment):
    with pytest.raises(RequestError) as error:
        parse_space(content, ["lora"], {})
    assert fragment in str(error.value)


def test_setting_with_a_value_cannot_be_searched_too():
    with pytest.raises(RequestError):
        parse_space({"r": [4, 8]}, ["lora"], {"r": "4"})
    with pytest.raises(RequestError):
        parse_space({"r": [4, 8]}, ["ia3"], {})


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"method": ["lora", "ia3"]}, {"method": ["lora"]}),
        ({"r": [4, 8]}, {"r": ["2", "4"]}),
        ({"lora": {"r": [4, 8]}}, {"r": ["2", "4"]}),
        ({"alpha_over_r": [1, 2]}, {"alpha": ["8", "16"]}),
    ],
)
def test_setting_of_a_flag_cannot_be_in_the_space_file_too(content, values):
    with pytest.raises(RequestError) as error:
        add_flags(content, values)
    assert error.value.code == "setting_in_space"
    fixed = {name: value[0] for name, value in values.items()}
    with pytest.raises(RequestError) as error:
        parse_space(content, ["lora"], fixed)
    assert error.value.code == "setting_in_space"


def test_methods_that_do_not_train_cannot_be_searched():
    assert space_methods({"method": ["ia3", "lora"]}, ["lora"]) == ["ia3", "lora"]
    for method in ("tfidf", "loora"):
        with pytest.raises(RequestError):
            space_methods({"method": method}, ["lora"])


@pytest.mark.parametrize("text", ["", "[]", "r: [4", "- 1"])
def test_space_file_without_a_space_is_refused(text, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(RequestError):
        read_space_file(path)
    with pytest.raises(RequestError):
        read_space_file(tmp_path / "missing.yaml")


def test_search_without_anything_to_search_is_refused(prepare):
    with pytest.raises(RequestError) as error:
        build_space({"lora": prepare()}, {}, {"method": "lora"}, is_complete=True)
    assert error.value.code == "empty_space"
