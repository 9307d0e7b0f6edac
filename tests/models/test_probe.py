"""The shipped table of capabilities, and the probe that makes it."""

import re
from importlib.metadata import version

import pytest
from peft import PeftType

from core.catalog.capabilities import ASPECTS, MODELS, load_capabilities
from core.catalog.methods import METHODS
from core.models.probe import VARIANTS, probe_on

NAMES = [kind.value.lower() for kind in PeftType]
ADAPTERS = [name for name, method in METHODS.items() if method.kind == "adapter"]


def test_table_holds_every_method_of_the_installed_peft():
    assert set(load_capabilities().results) == set(NAMES) | set(VARIANTS)
    assert load_capabilities().versions["peft"] == version("peft")


def test_enough_methods_are_usable():
    assert len([name for name in load_capabilities().usable_methods("encoder") if name in METHODS]) >= 28
    assert len([name for name in load_capabilities().usable_methods("gpt2") if name in METHODS]) >= 12


def test_every_usable_method_is_in_the_catalog():
    for model in MODELS:
        assert {name for name in load_capabilities().usable_methods(model) if name in NAMES} <= set(ADAPTERS)
    assert all(
        any(load_capabilities().is_usable(name, model) for model in MODELS)
        for name in ADAPTERS
        if name != "prefix_tuning"
    )


def test_every_failure_has_a_reason():
    for models in load_capabilities().results.values():
        for aspects in models.values():
            assert list(aspects) == list(ASPECTS)
            assert all(result.works != bool(result.reason) for result in aspects.values())


def test_no_reason_names_a_path():
    reasons = [
        v.reason
        for models in load_capabilities().results.values()
        for aspects in models.values()
        for v in aspects.values()
    ]
    assert not [reason for reason in reasons if re.search(r"(^|\s)/\w+/", reason)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *VARIANTS])
@pytest.mark.parametrize("model", MODELS)
def test_table_matches_a_new_probe(model, name):
    settings = VARIANTS.get(name)
    results = probe_on(model, {"method": "lora", **settings} if settings else {"method": name})
    shipped = load_capabilities().results[name][model]
    assert {aspect: result.works for aspect, result in results.items()} == {
        aspect: result.works for aspect, result in shipped.items()
    }
