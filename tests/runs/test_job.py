"""Jobs are prepared completely, and each input is resolved once, before anything is written."""

import json
import shutil
import sys
from dataclasses import replace

import pytest

from core.catalog.baselines import BASELINES
from core.config import make_config
from core.data.sources import SPLITS
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.baselines import IMPLEMENTATIONS
from core.runs.job import add_baselines, prepare_jobs
from core.runs.pipeline import run_job
from core.runs.progress import Progress
from tests.small_runs import SIZES, create_store, write_films

_opened: list[str] = []
sys.addaudithook(lambda event, arguments: _opened.append(str(arguments[0])) if event == "open" else None)


def count_opens(path, action):
    """Return how often an action opens a file."""
    _opened.clear()
    action()
    return _opened.count(str(path))


@pytest.fixture
def model(tiny_bert, tmp_path):
    return shutil.copytree(tiny_bert, tmp_path / "model")


@pytest.fixture
def settings(model, tmp_path):
    return {"dataset": write_films(tmp_path), "model": str(model), "lr": 1e-2, **SIZES}


def test_jobs_with_the_same_model_resolve_it_once(model, settings, tmp_path):
    config_file = model / "config.json"
    once = count_opens(config_file, lambda: find_backbone(make_config(settings)))
    jobs = []
    configs = add_baselines([make_config(settings), make_config({**settings, "r": 4, "max_length": "auto"})])
    opens = count_opens(config_file, lambda: jobs.extend(prepare_jobs(configs, tmp_path)))
    assert opens == once > 0
    backbones = [job.backbone for job in jobs if job.backbone is not None]
    assert len(backbones) > 2
    for kind in ("baseline", "adapter"):
        alike = [job.backbone for job in jobs if job.backbone is not None and job.config.kind == kind]
        assert all(backbone is alike[0] for backbone in alike)
    assert {replace(backbone, pooling_reason=None) for backbone in backbones} == {backbones[0]}


@pytest.mark.parametrize("method", ["lora", "full", "untrained", "frozen"])
def test_run_does_not_read_the_model_config_again(method, model, settings, tmp_path):
    (job,) = prepare_jobs([make_config({**settings, "method": method})], tmp_path)
    (model / "config.json").unlink()
    run = run_job(job, create_store(tmp_path), Progress())
    assert (run.state, run.error_message) == ("complete", None)
    assert run.reload_max_difference <= 1e-4


def test_every_baseline_of_the_catalog_is_implemented():
    assert {baseline.name for baseline in BASELINES} == set(IMPLEMENTATIONS)


def test_baselines_without_a_seed_are_run_once_for_all_seeds():
    configs = add_baselines([make_config({"seed": seed}) for seed in (1, 2, 3)])
    methods = [config.method for config in configs]
    assert {name: methods.count(name) for name in set(methods)} == {
        "majority": 1,
        "tfidf": 1,
        "frozen": 1,
        "untrained": 3,
        "lora": 3,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"target_modules": "qeury"},
        {"method": "loha"},
        {"dataset": "no-such-file.csv"},
        {"model": "no/such-model"},
    ],
    ids=json.dumps,
)
def test_nothing_is_written_for_an_invalid_request(values, tiny_gpt2, tmp_path):
    with pytest.raises(RequestError):
        prepare_jobs([make_config({"model": str(tiny_gpt2), **values})], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(RequestError) as error:
        prepare_jobs([make_config({})], tmp_path / "no-such-folder")
    assert "no-such-folder" in str(error.value) and "--db" in str(error.value)


def test_auto_max_length_fits_the_training_texts(run_variant):
    run = run_variant(max_length="auto")
    assert run.config["max_length"] % 8 == 0
    assert 0 <= run.environment["truncated"]["train"] <= 0.02


def test_automatic_split_sizes_are_recorded_as_numbers(run_variant):
    run = run_variant(method="majority", train_size="auto", validation_size="auto", test_size="auto")
    assert [run.config[f"{name}_size"] for name in SPLITS] == [90, 45, 45]


def test_settings_that_only_other_methods_of_a_grid_use_are_ignored(recorded_runs):
    values = recorded_runs.config.model_copy(update={"quantize": "4bit", "init": "gaussian", "epochs": 1})
    configs = [values.model_copy(update={"method": method}) for method in ("full", "ia3")]
    jobs = prepare_jobs(configs, recorded_runs.store.folder)
    assert [job.config.quantize for job in jobs] == [None, "4bit"]
    assert [job.config.init for job in jobs] == [None, None]
