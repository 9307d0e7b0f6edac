"""Grids of settings."""

import pytest

from core.errors import RequestError
from core.search.grid import MAX_RUNS, expand_grid


def test_grid_holds_every_combination():
    configs = expand_grid({"r": [4, 8], "seed": [1, 2]})
    assert [(config.r, config.seed) for config in configs] == [(4, 1), (4, 2), (8, 1), (8, 2)]


def test_combinations_that_make_the_same_run_are_kept_once():
    configs = expand_grid({"method": ["tfidf", "lora"], "r": [4, 8]})
    assert [(config.method, config.uses("r") and config.r) for config in configs] == [
        ("tfidf", False),
        ("lora", 4),
        ("lora", 8),
    ]


def test_adapter_setting_that_no_method_uses_is_refused():
    with pytest.raises(RequestError) as error:
        expand_grid({"method": ["ia3"], "r": [4, 8]})
    assert "--r" in str(error.value) and "--target-modules" in str(error.value)


def test_too_large_grid_is_refused():
    with pytest.raises(RequestError):
        expand_grid({"seed": range(MAX_RUNS + 1)})
