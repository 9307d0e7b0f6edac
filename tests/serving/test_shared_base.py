"""Adapters that share a base model give the same predictions as each on its own base."""

import gc
import json
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import numpy as np
import pytest
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING as CONFIGS
from peft.utils import PeftType

from core.config import make_config
from core.serving.inference import load_run, load_runs, resolve_saved_run
from core.serving.shared_base import BaseModelCache, can_share
from core.store.run_writer import RunWriter
from tests.error_codes import raises_code
from tests.small_runs import create_store, record_run

TEXTS = ["a good film", "bad", "okay film lovely " * 6, "the film was awful"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return create_store(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def recorded(store, tiny_bert):
    settings = ({"r": 2, "seed": 1}, {"r": 4, "seed": 2, "max_length": 8}, {"r": 2, "seed": 3, "alpha": 30.0})
    return [record_run(store, tiny_bert, **values).id for values in settings]


@pytest.fixture(scope="module")
def expected(store, recorded):
    """The predictions of each run on its own base."""
    return [load_run(store, run_id).predict(TEXTS) for run_id in recorded]


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 1, 0, 2, 0, 1)], ids=["descending", "mixed"])
def test_predictions_are_independent_of_the_order(store, recorded, expected, order):
    loaded = load_runs(store, recorded)
    assert all(not np.array_equal(expected[0], other) for other in expected[1:])
    for position in order:
        assert np.array_equal(loaded[position].predict(TEXTS), expected[position])


def test_predictions_from_several_threads_are_correct(store, recorded, expected):
    loaded = load_runs(store, recorded)
    with ThreadPoolExecutor(4) as pool:
        predictions = list(pool.map(lambda n: (n % 3, loaded[n % 3].predict(TEXTS)), range(60)))
    assert all(np.array_equal(probabilities, expected[position]) for position, probabilities in predictions)


def test_base_model_is_in_memory_once(store, recorded):
    def count_embeddings(runs):
        models = [run.classifier.model.get_base_model() for run in runs]
        return len({model.get_input_embeddings().weight.data_ptr() for model in models})

    shared, separate = load_runs(store, recorded), [load_run(store, run_id) for run_id in recorded]
    assert (count_embeddings(shared), count_embeddings(separate)) == (1, len(recorded))


def test_heads_switch_with_their_adapters(store, recorded):
    first, second, _ = (run.classifier for run in load_runs(store, recorded))
    head = first.model.base_model.model.classifier
    first.logits(TEXTS)
    active_before = head.active_adapters
    second.logits(TEXTS)
    assert active_before != head.active_adapters
    before, after = (head.modules_to_save[name].weight for name in (*active_before, *head.active_adapters))
    assert not before.equal(after)


def test_unused_adapters_and_bases_are_released(store, recorded, expected):
    bases = BaseModelCache()
    loaded = [load_run(store, run_id, bases) for run_id in recorded[:2]]
    model = loaded[0].classifier.model
    del loaded[0]
    loaded.append(load_run(store, recorded[2], bases))
    assert len(model.peft_config) == 2
    assert np.array_equal(loaded[0].predict(TEXTS), expected[1])
    assert np.array_equal(loaded[1].predict(TEXTS), expected[2])
    released = ref(model)
    del model, loaded
    gc.collect()
    assert released() is None


def test_runs_on_another_base_and_baselines_do_not_share(store, recorded, tiny_gpt2):
    others = [record_run(store, tiny_gpt2, r=2).id, record_run(store, tiny_gpt2, method="majority").id]
    run_ids = [recorded[0], *others]
    for run_id, loaded in zip(run_ids, load_runs(store, run_ids), strict=True):
        assert np.array_equal(loaded.predict(TEXTS), load_run(store, run_id).predict(TEXTS))


@pytest.mark.parametrize(
    ("method", "options", "shares"),
    [
        pytest.param("lora", {}, True, id="lora"),
        pytest.param("lora", {"init_lora_weights": "pissa"}, False, id="lora-pissa"),
        pytest.param("lora", {"init_lora_weights": "orthogonal"}, True, id="lora-orthogonal"),
        pytest.param("lora", {"layer_replication": [[0, 2], [1, 2]]}, False, id="lora-replication"),
        pytest.param("lora", {"bias": "all"}, False, id="lora-bias"),
        pytest.param("prompt_tuning", {"num_virtual_tokens": 4}, False, id="prompt_tuning"),
    ],
)
def test_adapters_that_change_their_base_do_not_share_it(method, options, shares, tmp_path):
    CONFIGS[PeftType(method.upper())](**options).save_pretrained(tmp_path)
    assert can_share(make_config({"method": method}), tmp_path) == shares


def test_adapter_on_a_quantized_base_does_not_share_it(tmp_path):
    assert not can_share(make_config({"method": "lora", "quantize": "4bit"}), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["vera", "ia3", "ln_tuning", "hra"])
def test_other_methods_share_unless_peft_refuses(method, store, tiny_bert):
    second = {"peft": {"projection_prng_key": 7}} if method == "vera" else {}
    first_model, second_model = load_and_check(store, [{"method": method}, {"method": method, **second}], tiny_bert)
    assert (first_model is second_model) == (method != "vera")


def load_and_check(store, settings, model):
    """Record runs, check their predictions when loaded together, and return the models that they use."""
    run_ids = [record_run(store, model, **values, seed=seed).id for seed, values in enumerate(settings)]
    expected = [load_run(store, run_id).predict(TEXTS) for run_id in run_ids]
    loaded = load_runs(store, run_ids)
    models = [run.classifier.model for run in loaded]
    for position in (0, 1, 0):
        assert np.array_equal(loaded[position].predict(TEXTS), expected[position])
    assert [run.classifier.model for run in loaded] == models  # none was damaged and loaded again
    return models


TOKENS = {"method": "lora", "peft": {"trainable_token_indices": [5, 6]}}


@pytest.mark.slow
@pytest.mark.parametrize("is_reversed", [False, True], ids=["forward", "reversed"])
@pytest.mark.parametrize(
    "settings",
    [
        [{"method": "randlora", "r": 16}, {"method": "randlora", "r": 32}],
        [
            {"method": "ln_tuning", "target_modules": ["LayerNorm"]},
            {"method": "ln_tuning", "target_modules": ["attention.output.LayerNorm"]},
        ],
        [TOKENS, {"method": "lora"}],
    ],
    ids=["randlora", "ln_tuning", "tokens"],
)
def test_adapters_with_incompatible_settings_do_not_share(settings, is_reversed, store, tiny_bert):
    first_model, second_model = load_and_check(store, settings[::-1] if is_reversed else settings, tiny_bert)
    assert first_model is not second_model


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        [{"r": 4}, {"r": 8, "target_modules": ["query", "key"]}],
        [{"r": 4, "dora": True}, {"r": 8, "dora": True}],
        [{"r": 4}, {"r": 4, "init": "pissa"}],
        [{"r": 4}, {"r": 4, "init": "orthogonal"}],
        [{"method": "randlora", "r": 4}, {"method": "randlora", "r": 4}],
        [TOKENS, TOKENS],
    ],
    ids=["ranks", "dora", "pissa", "orthogonal", "randlora", "tokens"],
)
def test_adapters_with_compatible_settings_share(settings, store, tiny_bert):
    first_model, second_model = load_and_check(store, settings, tiny_bert)
    assert first_model is second_model


def test_adapter_that_fails_to_load_does_not_affect_others(store, recorded, expected):
    bases = BaseModelCache()
    loaded = [load_run(store, run_id, bases) for run_id in recorded[:2]]
    damaged_base = loaded[0].classifier.model
    config_path = resolve_saved_run(store, recorded[2]).folder / "adapter_config.json"
    original = config_path.read_text()
    RunWriter.reopen(store, recorded[2]).update(adapter_sha256=None)  # the checksum would prevent the attempt
    config_path.write_text(json.dumps(json.loads(original) | {"r": 4}))
    with raises_code("unusable_files"):
        load_run(store, recorded[2], bases)
    config_path.write_text(original)
    loaded.append(load_run(store, recorded[2], bases))
    for position in (1, 0, 2, 1):
        assert np.array_equal(loaded[position].predict(TEXTS), expected[position])
    assert all(run.classifier.model is not damaged_base for run in loaded)
