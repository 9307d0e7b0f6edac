"""The commands on the recorded runs of the default command."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import SMALL, assert_refused, run_cli

ROOT = Path(__file__).resolve().parents[2]
BASELINES = ("majority", "untrained", "tfidf", "frozen")
ADAPTER, TFIDF = "5", "3"


@pytest.fixture
def database(default_run):
    return str(default_run[1])


def read_json(*argv: str):
    code, out, err = run_cli([*argv, "--json"])
    assert code == 0, err
    return json.loads(out)


def test_the_default_command_runs_the_baselines_and_an_adapter(default_run):
    result, database = default_run
    for name in (*BASELINES, "lora-r4"):
        assert re.search(rf"\d +{name} ", result.out)
    assert "F1 negative" in result.out and "best baseline, " in result.out
    assert f"--db {database}" in result.out and "streamlit run" in result.out


def test_the_printed_adapter_folder_holds_a_portable_adapter(default_run):
    result, database = default_run
    folder = Path(re.search(r"^Adapter: (.+) \(", result.out, re.MULTILINE).group(1))
    assert folder.parent == database.parent / "adapters"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(config["revision"]) == 40
    assert str(ROOT) not in (folder / "adapter_config.json").read_text() + (folder / "README.md").read_text()


@pytest.mark.slow
def test_recorded_baselines_are_reused(default_run, tmp_path):
    shutil.copytree(default_run[1].parent, tmp_path / "copy")
    database = str(tmp_path / "copy" / "runs.db")
    code, out, err = run_cli(["--r", "2", *SMALL, "--db", database])
    assert code == 0, err
    assert err.count("--again") == len(BASELINES)
    assert "lora-r2" in out


def test_list_and_show_as_json(database):
    runs = {run["name"]: run for run in read_json("list", "--db", database)}
    assert set(runs) == {*BASELINES, "lora-r4"}
    assert (runs["lora-r4"]["id"], runs["lora-r4"]["state"]) == (int(ADAPTER), "complete")
    run = read_json("show", ADAPTER, "--db", database)
    assert run["config"]["r"] == 4
    assert {row["label"] for row in run["class_metrics"]} == {"negative", "positive"}
    assert [int(ADAPTER)] in [group["runs"] for group in read_json("list", "--groups", "--db", database)]


def test_compare_as_json(database):
    (comparison,) = read_json("compare", TFIDF, ADAPTER, "--db", database)
    assert (comparison["run"], comparison["against"], comparison["n"]) == (int(ADAPTER), int(TFIDF), 32)
    assert comparison["verdict"] in ("helped", "hurt", "no evidence either way")


def test_recheck_as_json(database):
    result = read_json("recheck", ADAPTER, "--db", database)
    assert (result["drifted"], result["examples"]) == (False, 32)


def test_predict_as_json(database):
    predictions = read_json("predict", ADAPTER, "a fine film", "a dull one", "--db", database)
    assert [prediction["text"] for prediction in predictions] == ["a fine film", "a dull one"]
    assert sum(predictions[0]["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["list"], ["macro F1", "vs best baseline", "lora-r4"]),
        (["list", "--groups"], ["seeds", "lora-r4"]),
        (["show", ADAPTER], ["Run 5: lora-r4", "trainable parameters", "negative"]),
        (["compare", TFIDF, ADAPTER, "4"], ["Run 5 (lora-r4)", "run 3 (tfidf)", "method lora ↔ tfidf", "Holm"]),
        (["recheck", ADAPTER], ["0 of 32"]),
        (["predict", ADAPTER, "a fine film"], ["a fine film", "negative %"]),
    ],
    ids=lambda value: " ".join(value) if value[0].islower() else "",
)
def test_tables_show_what_a_person_looks_for(argv, shown, database):
    code, out, err = run_cli([*argv, "--db", database])
    assert code == 0, err
    assert not [text for text in shown if text not in out]


def test_delete_needs_a_confirmation(default_run, tmp_path):
    shutil.copytree(default_run[1].parent, tmp_path / "copy")
    database = str(tmp_path / "copy" / "runs.db")
    assert "--yes" in assert_refused(["delete", "1", "--db", database], tmp_path)
    assert run_cli(["delete", "1", "--yes", "--db", database]).code == 0
    assert "run 1" in assert_refused(["show", "1", "--db", database], tmp_path)


def test_list_without_runs_shows_how_to_start(store):
    code, out, _ = run_cli(["list", "--db", store.address])
    assert code == 0 and "python runner.py --r 8" in out


def test_upgrading_a_current_database_changes_nothing(store):
    assert run_cli(["db", "upgrade", "--db", store.address]).code == 0
    assert [path.name for path in store.folder.iterdir() if "before" in path.name] == []


@pytest.mark.slow
def test_a_data_file_and_a_local_model_are_run(tmp_path, tiny_gpt2):
    rows = {"review": [f"good film {n}" for n in range(60)] + [f"bad film {n}" for n in range(60)]}
    pd.DataFrame({**rows, "stars": [5] * 60 + [1] * 60}).to_csv(tmp_path / "mine.csv", index=False)
    argv = ["--dataset", str(tmp_path / "mine.csv"), "--model", str(tiny_gpt2), *SMALL]
    code, out, err = run_cli([*argv, "--db", str(tmp_path / "runs.db")])
    assert code == 0, err
    assert "F1 1" in out and "F1 5" in out


def test_a_failed_run_ends_with_exit_code_1_and_its_reason(tmp_path, tiny_bert):
    argv = ["--model", str(tiny_bert), "--lr", "1e30", "--no-baselines", *SMALL]
    code, out, err = run_cli([*argv, "--db", str(tmp_path / "runs.db")])
    assert code == 1
    assert "failed in the" in out and "--lr" in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--train-size", "1000000"], "train"),
        (["--dataset", "some/set"], "some/set"),
        (["--target-modules", "nonsense"], "--target-modules"),
        (["--layers", "last:9"], "--layers"),
        (["--method", "poly"], "--method 'poly'"),
        (["--method", "loha", "--peft", "rank_dropuot=0.3"], "'rank_dropout'"),
        (["--method", "c3a", "--peft", "block_size=7"], "c3a"),
        (["--method", "delora", "--quantize", "4bit"], "delora"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_do_not_fit_the_data_or_the_model_are_refused(argv, named, tmp_path):
    assert named in assert_refused([*argv, "--db", str(tmp_path / "runs.db")], tmp_path)
