"""The command line as a user meets it: real processes, the packaged model, bad requests."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--train-size", "48", "--validation-size", "16", "--test-size", "32", "--epochs", "1", "--max-length", "32"]


def runner(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The default command on few examples: its output and its database."""
    database = tmp_path_factory.mktemp("runs") / "runs.db"
    done = runner("--r", "4", *SMALL, "--db", str(database))
    assert done.returncode == 0, done.stderr
    return done, str(database)


def test_one_call_runs_the_baselines_and_the_adapter(recorded):
    done, _ = recorded
    for name in ("majority", "untrained", "tfidf", "frozen", "lora-r4"):
        assert re.search(rf"\d +{name} ", done.stdout)
    assert "F1 negative" in done.stdout
    assert "against its best baseline" in done.stdout
    assert "streamlit run dashboard/Home.py" in done.stdout


def test_the_adapter_lies_where_the_output_says(recorded):
    done, database = recorded
    folder = Path(re.search(r"^Adapter: (.+) \(", done.stdout, re.MULTILINE).group(1))
    assert folder.parent == Path(database).parent / "adapters"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(config["revision"]) == 40
    assert str(ROOT) not in (folder / "adapter_config.json").read_text() + (folder / "README.md").read_text()


def test_a_second_call_uses_the_baselines_again(recorded):
    _, database = recorded
    done = runner("--r", "2", *SMALL, "--db", database)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("used again") == 4
    assert "lora-r2" in done.stdout


def test_list_show_compare_and_predict_read_it_back(recorded, capsys):
    _, database = recorded
    assert main(["list", "--db", database, "--json"]) == 0
    runs = {run["name"]: run for run in json.loads(capsys.readouterr().out)}
    adapter, baseline = str(runs["lora-r4"]["id"]), str(runs["tfidf"]["id"])
    assert runs["lora-r4"]["state"] == "complete"

    assert main(["show", adapter, "--db", database, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["r"] == 4
    assert {row["label"] for row in shown["class_metrics"]} == {"negative", "positive"}

    assert main(["compare", baseline, adapter, "--db", database, "--json"]) == 0
    (compared,) = json.loads(capsys.readouterr().out)
    assert (compared["run"], compared["against"], compared["n"]) == (int(adapter), int(baseline), 32)
    assert compared["verdict"] in ("helped", "hurt", "no evidence either way")

    assert main(["recheck", adapter, "--db", database, "--json"]) == 0
    rechecked = json.loads(capsys.readouterr().out)
    assert (rechecked["drifted"], rechecked["examples"]) == (False, 32)

    assert main(["list", "--groups", "--db", database, "--json"]) == 0
    assert [int(adapter)] in [group["runs"] for group in json.loads(capsys.readouterr().out)]

    assert main(["predict", adapter, "a fine film", "a dull one", "--db", database, "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["text"] for answer in answers] == ["a fine film", "a dull one"]
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)


def test_the_same_commands_print_for_people(recorded, capsys):
    _, database = recorded
    for command in (
        ["list"],
        ["list", "--groups"],
        ["show", "5"],
        ["compare", "3", "5", "4"],
        ["recheck", "5"],
        ["predict", "5", "a fine film"],
    ):
        assert main([*command, "--db", database]) == 0
    printed = capsys.readouterr().out
    assert "macro F1" in printed
    assert "Run 5 (lora-r4) against run 3 (tfidf)" in printed
    assert "What differs: method lora ↔ tfidf" in printed
    assert "Adjusted for 2 runs (Holm)" in printed
    assert "Nothing drifted: 0 of 32 labels changed" in printed


def test_delete_asks_and_then_deletes(recorded, capsys):
    _, database = recorded
    refused = runner("delete", "1", "--db", database)
    assert refused.returncode == 2
    assert "Say --yes" in refused.stderr
    assert main(["delete", "1", "--yes", "--db", database]) == 0
    capsys.readouterr()
    assert main(["show", "1", "--db", database]) == 2
    assert "There is no run 1" in capsys.readouterr().err


def test_a_config_file_is_read_and_flags_override_it(tmp_path, capsys):
    config = tmp_path / "run.yaml"
    config.write_text("method: [majority, tfidf]\ntrain_size: 50\ntest-size: 40\nvalidation_size: 20\n")
    database = str(tmp_path / "runs.db")
    assert main(["--config", str(config), "--train-size", "60", "--db", database]) == 0
    capsys.readouterr()
    main(["list", "--json", "--db", database])
    runs = json.loads(capsys.readouterr().out)
    assert [run["method"] for run in runs] == ["majority", "tfidf"]
    main(["show", "1", "--json", "--db", database])
    settings = json.loads(capsys.readouterr().out)["config"]
    assert (settings["train_size"], settings["test_size"]) == (60, 40)


def test_a_file_of_ones_own_goes_the_whole_way(tmp_path, tiny_gpt2):
    rows = {"review": [f"good film {n}" for n in range(60)] + [f"bad film {n}" for n in range(60)]}
    pd.DataFrame({**rows, "stars": [5] * 60 + [1] * 60}).to_csv(tmp_path / "mine.csv", index=False)
    done = runner(
        "--dataset", str(tmp_path / "mine.csv"), "--model", str(tiny_gpt2), *SMALL, "--db", str(tmp_path / "runs.db")
    )
    assert done.returncode == 0, done.stderr
    assert "F1 1" in done.stdout
    assert "F1 5" in done.stdout


def test_a_failed_run_ends_with_code_1_and_says_why(tmp_path, capsys, tiny_bert):
    request = ["--model", str(tiny_bert), "--lr", "1e30", "--no-baselines", *SMALL]
    assert main([*request, "--db", str(tmp_path / "runs.db")]) == 1
    printed = capsys.readouterr()
    assert "failed in the phase" in printed.out and "the training diverged" in printed.out
    assert "Traceback" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--method", "loar"], "Did you mean 'lora'", id="method-misspelled"),
        pytest.param(["--epoch", "3"], "there is no --epoch here. Did you mean '--epochs'", id="flag-misspelled"),
        pytest.param(["lst"], "there is no command 'lst'. Did you mean 'list'", id="command-misspelled"),
        pytest.param(["--r", "-1"], "--r '-1' should be greater", id="rank-negative"),
        pytest.param(["--lr", "fast"], "--lr 'fast' should be a valid number", id="rate-word"),
        pytest.param(["--train-size", "1000000"], "usable rows", id="train-size-too-large"),
        pytest.param(["--dataset", "nowhere.csv"], "does not exist nowhere.csv", id="file-unknown"),
        pytest.param(["--dataset", "some/set"], "Available offline", id="dataset-offline"),
        pytest.param(["--model", "some/model"], "neither a folder nor", id="model-unknown"),
        pytest.param(
            ["--target-modules", "nonsense"], "--target-modules 'nonsense' is not in", id="target-modules-unknown"
        ),
        pytest.param(
            ["--method", "loha", "--peft", "rank_dropuot=0.3"],
            "has no such field. Did you mean 'rank_dropout'",
            id="peft-field-misspelled",
        ),
        pytest.param(["--method", "poly"], "--method 'poly'", id="method-unusable"),
        pytest.param(["--method", "ia3", "--r", "4"], "--method ia3", id="rank-without-use"),
        pytest.param(
            ["--method", "c3a", "--peft", "block_size=7"],
            "--method c3a can't train minilm like this. peft says",
            id="peft-rejects",
        ),
        pytest.param(["--quantize", "2bit"], "--quantize '2bit' should be '8bit' or '4bit'", id="quantize-unknown"),
        pytest.param(
            ["--method", "delora", "--quantize", "4bit"],
            "--method delora can't train minilm in 4bit like this",
            id="quantize-unusable",
        ),
        pytest.param(["--layers", "last:9"], "--layers last:9: the model has 6 layers", id="layers-too-many"),
        pytest.param(["--init", "pissa", "--quantize", "4bit"], "--init pissa", id="init-with-quantize"),
        pytest.param(["--config", "nowhere.yaml"], "--config nowhere.yaml can't be read", id="config-unknown"),
        pytest.param(["--db", "/nowhere/runs.db"], "can't be written to", id="database-not-writable"),
        pytest.param(["list", "--db", "/nowhere/runs.db"], "There is no database", id="list-without-database"),
        pytest.param(["show", "x"], "'x' is no run's number", id="run-word"),
    ],
)
def test_a_wrong_request_is_told_plainly_with_code_2_and_writes_nothing(arguments, expected, tmp_path, capsys):
    if "--db" not in arguments:
        arguments = [*arguments, "--db", str(tmp_path / "runs.db")]
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code
    printed = capsys.readouterr()
    assert code == 2
    assert expected in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [1", "\x00"], ids=["list", "open-list", "null-byte"])
def test_a_config_file_that_is_none_is_told(content, tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(content)
    assert main(["--config", str(tmp_path / "run.yaml"), "--db", str(tmp_path / "runs.db")]) == 2
    assert "--config" in capsys.readouterr().err


def test_an_error_nobody_expected_is_one_line_unless_debugging(monkeypatch, capsys):
    import runner as module

    def broken(arguments):
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(module.COMMANDS, "list", broken)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "runner.py: unexpected ZeroDivisionError: by zero (--debug shows where)\n"
    assert main(["list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_help_names_every_setting_and_command_without_the_heavy_libraries():
    code = """
import runner, sys
try:
    runner.main(["--help"])
except SystemExit:
    print(sorted({name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    for word in ("--train-size", "--target-modules", "predict", "delete", "(default: 2000)"):
        assert word in done.stdout
    modules = done.stdout.splitlines()[-1]
    assert not {"'torch'", "'transformers'", "'pandas'", "'sqlalchemy'"} & set(re.findall(r"'\w+'", modules))


def test_every_setting_has_its_flag_documented():
    from core.config import RunConfig, flag

    text = " ".join(runner("--help").stdout.split())
    for name, field in RunConfig.model_fields.items():
        assert flag(name) in text
        assert field.description.split()[0] in text


def test_an_upgraded_database_is_up_to_date(store, capsys):
    assert main(["db", "upgrade", "--db", store.address]) == 0
    assert "is up to date" in capsys.readouterr().out


def test_a_narrow_terminal_loses_whole_columns_and_says_which():
    import pty

    ours, theirs = pty.openpty()
    window = {**os.environ, "COLUMNS": "90", "TERM": "xterm"}
    command = [sys.executable, "runner.py", "methods"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, cwd=ROOT, env=window) as running:
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # how a terminal says that the other side has gone
            while part := os.read(ours, 65536):
                printed += part
        assert running.wait() == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed.decode()).replace("\r", "").splitlines()
    table = lines[next(n for n, line in enumerate(lines) if "PEFT method" in line) :][:10]
    assert all(len(line) <= 90 for line in table)
    assert "encoder" in table[0] and "gpt2" in table[0] and not any("…" in line for line in table)
    assert "No room for: what it is." in " ".join(lines)


def test_a_command_behind_its_flags_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--db", "runs.db", "list"])
    assert "a command comes first: python runner.py list" in capsys.readouterr().err
