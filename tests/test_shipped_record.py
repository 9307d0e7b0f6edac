"""The runs that the repository ships, read from a copy."""

import json
import re
import shutil
import sqlite3
import subprocess

import numpy as np
import pytest

from core.serving.inference import load_run
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, open_store, resolve_url
from tests.scoring import assert_metrics_follow_from_predictions
from tests.shipped_record import export_shipped_record

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def shipped(shipped_record):
    return open_store(str(shipped_record / "runs.db"))


def test_record_contains_baselines_ranks_and_seeds_on_both_data_sets(shipped):
    runs = queries.runs(shipped)
    assert set(runs["state"]) == {"complete"}
    assert set(runs["dataset"]) == {"movie-reviews", "movie-reviews-3"}
    for _, group in runs.groupby("dataset"):
        assert set(group["method"]) >= {"majority", "untrained", "tfidf", "frozen", "lora"}
        assert group[group["kind"] == "adapter"].groupby("group_key")["seed"].nunique().max() == 3
    assert {"lora-r4", "lora-r8"} <= set(runs["name"])


def test_record_contains_eight_more_methods_and_qlora(shipped):
    runs = queries.runs(shipped).query("dataset == 'movie-reviews' and kind == 'adapter'")
    assert set(runs["method"]) - {"lora"} == {
        "adalora", "fourierft", "ia3", "ln_tuning", "loha", "oft", "prompt_tuning", "vera"
    }  # fmt: skip
    assert {"lora-r8-4bit", "lora-r8-dora", "lora-r8-pissa"} <= set(runs["name"])
    ids = [int(runs.loc[runs["name"] == name, "id"].iloc[0]) for name in ("lora-r8", "lora-r8-4bit")]
    exact, quantized = (queries.run(shipped, run_id).base_memory_bytes for run_id in ids)
    assert quantized < 0.6 * exact


def test_every_adapter_was_compared_with_a_baseline_and_reloaded(shipped):
    for run_id in queries.runs(shipped).query("dataset == 'movie-reviews' and kind == 'adapter'")["id"]:
        run = queries.run(shipped, int(run_id))
        assert run.baseline_id is not None and run.reload_max_difference <= 1e-4


def test_every_metric_follows_from_the_predictions(shipped):
    with sqlite3.connect(shipped.address) as connection:
        for run_id in queries.runs(shipped)["id"]:
            assert_metrics_follow_from_predictions(connection, int(run_id))


def test_lora_and_frozen_reach_the_expected_scores(shipped):
    runs = queries.runs(shipped).query("dataset == 'movie-reviews'").set_index("name")
    assert runs.loc["lora-r8", ["accuracy", "macro_f1"]].min().min() >= 0.8
    assert runs.loc["frozen", "accuracy"] >= 0.74


def test_every_adapter_exists_and_names_its_base_model_on_the_hub(shipped):
    for run_id in queries.runs(shipped).query("kind == 'adapter'")["id"]:
        folder = queries.run(shipped, int(run_id)).adapter_folder(shipped.folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == MODEL
        assert re.fullmatch(r"[0-9a-f]{40}", config["revision"])
        assert not (folder / "tokenizer.json").exists()
        assert f"AutoTokenizer.from_pretrained('{MODEL}'" in (folder / "README.md").read_text()


def test_record_contains_no_host_and_no_folder(shipped):
    runs = [queries.run(shipped, int(run_id)) for run_id in queries.runs(shipped)["id"]]
    assert {(run.host, run.pid) for run in runs} == {(None, None)}
    content = json.dumps([[run.config, run.environment, run.adapter_path] for run in runs])
    files = [path for path in (shipped.folder / "adapters").rglob("*") if path.suffix in (".json", ".md")]
    for text in [content, *(path.read_text() for path in files if path.name != "vocabulary.json")]:
        assert not re.search(r"(?<![\w.])/(?:home|root|Users|usr|opt|tmp|var|mnt)/", text)


@pytest.mark.parametrize("dataset", ["movie-reviews", "movie-reviews-3"])
def test_the_best_adapter_reproduces_its_stored_probabilities(shipped, dataset):
    adapters = queries.runs(shipped).query("dataset == @dataset and kind == 'adapter'")
    best = int(adapters.nlargest(1, "macro_f1")["id"].item())
    texts = list(queries.predictions(shipped, best)["text"][:64])
    predicted = load_run(shipped, best).predict(texts)
    assert np.abs(predicted - queries.probabilities(shipped, best)[:64]).max() < 1e-3


@pytest.fixture
def project(tmp_path):
    """A project folder with a database and an adapter."""
    (tmp_path / "project" / "adapters" / "1-lora").mkdir(parents=True)
    (tmp_path / "project" / "runs.db").write_text("shipped")
    (tmp_path / "project" / "adapters" / "1-lora" / "weights").write_text("shipped")
    return tmp_path / "project"


def files(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_export_excludes_changes_after_the_last_commit(project, tmp_path):
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "Add the record"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    (project / "runs.db").write_text("changed")
    (project / "adapters" / "2-lora").mkdir()
    (project / "adapters" / "2-lora" / "weights").write_text("added")
    export_shipped_record(tmp_path / "export", project)
    assert files(tmp_path / "export") == {"runs.db": "shipped", "adapters/1-lora/weights": "shipped"}


def test_the_export_copies_the_folder_of_a_project_without_git(project, tmp_path):
    (tmp_path / "export").mkdir()
    export_shipped_record(tmp_path / "export", project)
    assert files(tmp_path / "export") == files(project)


def test_the_default_database_of_the_tests_is_not_the_shipped_one():
    assert resolve_url().database != str(DEFAULT_DATABASE)
