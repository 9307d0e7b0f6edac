"""The command line on a server's database."""

import json

import pytest

from cli.main import main
from tests.postgres import PASSWORD
from tests.small_runs import write_films

SIZES = ["--train-size", "48", "--validation-size", "18", "--test-size", "36", "--epochs", "1", "--max-length", "24"]


@pytest.fixture
def url(postgres, monkeypatch, tmp_path):
    """The URL of an empty database; its adapters are saved in the current folder."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    with postgres.database() as name:
        yield postgres.url(name)


@pytest.mark.slow
def test_runs_are_recorded_shown_compared_used_and_deleted(url, tmp_path, tiny_bert, capsys):
    def run_command(*arguments):
        assert main([*arguments, "--db", url]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    run_command("--dataset", write_films(tmp_path), "--model", str(tiny_bert), "--lr", "0.01", *SIZES)
    runs = {run["name"]: run for run in json.loads(run_command("list", "--json"))}
    assert {run["state"] for run in runs.values()} == {"complete"}
    assert runs.keys() == {"majority", "untrained", "tfidf", "frozen", "lora-r8"}
    tuned, baseline = str(runs["lora-r8"]["id"]), str(runs["majority"]["id"])
    assert sorted(path.name.partition("-")[2] for path in (tmp_path / "adapters").iterdir()) == sorted(runs)
    assert "lora-r8" in run_command("list", "--groups")
    assert json.loads(run_command("show", tuned, "--json"))["status"] == "complete"
    (compared,) = json.loads(run_command("compare", baseline, tuned, "--json"))
    assert (compared["against"], compared["n"]) == (int(baseline), 36)
    (answer,) = json.loads(run_command("predict", tuned, "a good lovely film", "--json"))
    assert answer["label"] in ("bad", "fine, so-so", "good")
    assert "is up to date" in run_command("db", "upgrade")
    run_command("delete", tuned, "--yes")
    assert len(json.loads(run_command("list", "--json"))) == 4
    assert not list((tmp_path / "adapters").glob("*-lora-r8"))


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "1"], ["--no-baselines"], ["db", "upgrade"]],
    ids=["list", "show", "run", "upgrade"],
)
def test_a_server_that_refuses_is_told_in_one_sentence_without_the_password(arguments, postgres, capsys, tmp_path):
    address = postgres.url("nosuch", username="stranger", password="hunter-2222")
    assert main([*arguments, "--db", address]) == 2
    message = capsys.readouterr().err
    assert "rejects this user or password" in message.splitlines()[-1]
    assert "hunter-2222" not in message and "Traceback" not in message
