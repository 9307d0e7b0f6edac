"""Adapters that share a base answer exactly as each does alone."""

import gc
import json
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import numpy as np
import pytest
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING as CONFIGS
from peft.utils import PeftType

from core.config import make_config
from core.errors import RequestError
from core.serving.inference import load_run, load_runs, resolve_saved_run
from core.serving.shared_base import BaseModelCache, can_share
from core.store.run_writer import RunWriter
from tests.small_runs import create_store, record_run

TEXTS = ["a good film", "bad", "okay film lovely " * 6, "the film was awful"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_bert):
    store = create_store(tmp_path_factory.mktemp("sharing"))
    settings = ({"r": 2, "seed": 1}, {"r": 4, "seed": 2, "max_length": 8}, {"r": 2, "seed": 3, "alpha": 30.0})
    return store, [record_run(store, tiny_bert, **one).id for one in settings]


@pytest.fixture(scope="module")
def alone(recorded):
    store, ids = recorded
    return [load_run(store, run_id).predict(TEXTS) for run_id in ids]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 1, 0, 2, 0, 1)], ids=["ascending", "descending", "mixed"])
def test_runs_that_share_a_base_answer_as_each_does_alone_in_any_order(recorded, alone, order):
    loaded = load_runs(*recorded)
    assert all(not np.array_equal(alone[0], other) for other in alone[1:])
    for position in order:
        assert np.array_equal(loaded[position].predict(TEXTS), alone[position])


def test_they_answer_so_from_several_threads_at_once(recorded, alone):
    loaded = load_runs(*recorded)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: (n % 3, loaded[n % 3].predict(TEXTS)), range(60)))
    assert all(np.array_equal(shares, alone[position]) for position, shares in answers)


def test_the_base_is_in_memory_once(recorded):
    store, ids = recorded
    shared, apart = load_runs(store, ids), [load_run(store, run_id) for run_id in ids]

    def embeddings(runs):
        return {run.classifier.model.get_base_model().get_input_embeddings().weight.data_ptr() for run in runs}

    assert (len(embeddings(shared)), len(embeddings(apart))) == (1, len(ids))


def test_the_heads_switch_along(recorded):
    first, second, _ = (run.classifier for run in load_runs(*recorded))
    head = first.model.base_model.model.classifier
    first.logits(TEXTS)
    before = head.active_adapters
    second.logits(TEXTS)
    assert before != head.active_adapters
    heads = [head.modules_to_save[name].weight for name in (*before, *head.active_adapters)]
    assert not heads[0].equal(heads[1])


def test_an_adapter_that_nobody_holds_makes_room_and_a_base_without_any_is_let_go(recorded, alone):
    store, ids = recorded
    bases = BaseModelCache()
    loaded = [load_run(store, run_id, bases) for run_id in ids[:2]]
    model = loaded[0].classifier.model
    del loaded[0]
    loaded.append(load_run(store, ids[2], bases))
    assert len(model.peft_config) == 2
    assert np.array_equal(loaded[0].predict(TEXTS), alone[1])
    assert np.array_equal(loaded[1].predict(TEXTS), alone[2])
    gone = ref(model)
    del model, loaded
    gc.collect()
    assert gone() is None


def test_another_base_another_number_of_labels_and_a_baseline_stand_alone(recorded, tiny_gpt2):
    store, ids = recorded
    others = [record_run(store, tiny_gpt2, r=2).id, record_run(store, tiny_gpt2, method="majority").id]
    loaded = load_runs(store, [ids[0], *others])
    again = [load_run(store, run_id) for run_id in (ids[0], *others)]
    for ours, theirs in zip(loaded, again, strict=True):
        assert np.array_equal(ours.predict(TEXTS), theirs.predict(TEXTS))


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
def test_an_adapter_that_changes_its_base_does_not_share_it(method, options, shares, tmp_path):
    CONFIGS[PeftType(method.upper())](**options).save_pretrained(tmp_path)
    assert can_share(make_config({"method": method}), tmp_path) == shares


def test_an_adapter_on_a_quantised_base_has_a_base_of_its_own(tmp_path):
    assert not can_share(make_config({"method": "lora", "quantize": "4bit"}), tmp_path)


@pytest.mark.parametrize("method", ["vera", "ia3", "ln_tuning", "hra"])
def test_other_methods_share_too_and_where_peft_refuses_stand_alone(method, tmp_path, tiny_bert):
    store = create_store(tmp_path)
    settings = ({"seed": 1}, {"seed": 2, "peft": {"projection_prng_key": 7} if method == "vera" else {}})
    ids = [record_run(store, tiny_bert, method=method, **one).id for one in settings]
    alone = [load_run(store, run_id).predict(TEXTS) for run_id in ids]
    loaded = load_runs(store, ids)
    for position in (1, 0, 1):
        assert np.array_equal(loaded[position].predict(TEXTS), alone[position])
    assert (loaded[0].classifier.model is loaded[1].classifier.model) == (method != "vera")


def answers_match(store, settings, model):
    """Record runs, and hold the answers of the shared against the lone; return the models behind the shared."""
    ids = [record_run(store, model, **one, seed=seed).id for seed, one in enumerate(settings)]
    alone = [load_run(store, run_id).predict(TEXTS) for run_id in ids]
    loaded = load_runs(store, ids)
    models = [run.classifier.model for run in loaded]
    for position in (0, 1, 0):
        assert np.array_equal(loaded[position].predict(TEXTS), alone[position])
    assert [run.classifier.model for run in loaded] == models  # none was damaged, and loaded anew
    return models


TOKENS = {"method": "lora", "peft": {"trainable_token_indices": [5, 6]}}


@pytest.mark.parametrize("reverse", [False, True])
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
def test_adapters_set_differently_have_bases_of_their_own(settings, reverse, store, tiny_bert):
    first, second = answers_match(store, settings[::-1] if reverse else settings, tiny_bert)
    assert first is not second


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
def test_adapters_set_alike_and_loras_of_any_rank_share(settings, store, tiny_bert):
    first, second = answers_match(store, settings, tiny_bert)
    assert first is second


def test_an_adapter_that_cannot_be_put_on_takes_no_other_along(store, tiny_bert):
    ids = [record_run(store, tiny_bert, r=4, seed=seed).id for seed in range(3)]
    alone = [load_run(store, run_id).predict(TEXTS) for run_id in ids]
    bases = BaseModelCache()
    loaded = [load_run(store, run_id, bases) for run_id in ids[:2]]
    damaged = loaded[0].classifier.model
    settings = resolve_saved_run(store, ids[2]).folder / "adapter_config.json"
    whole = settings.read_text()
    RunWriter.reopen(store, ids[2]).update(adapter_sha256=None)  # else what is changed is not even tried
    settings.write_text(json.dumps(json.loads(whole) | {"r": 2}))
    with pytest.raises(RequestError, match="can't be used"):
        load_run(store, ids[2], bases)
    settings.write_text(whole)
    loaded.append(load_run(store, ids[2], bases))
    for position in (1, 0, 2, 1):
        assert np.array_equal(loaded[position].predict(TEXTS), alone[position])
    assert all(run.classifier.model is not damaged for run in loaded)
