"""The command ``search``, and dry runs."""

import pytest

from tests.command_line import assert_refused, folder_contents, run_cli
from tests.small_runs import write_films

SIZES = ("--train-size", "48", "--validation-size", "18", "--test-size", "36", "--epochs", "1", "--max-length", "24")


@pytest.fixture
def flags(tmp_path, tiny_bert):
    """Return the flags of a tiny run in a folder of its own."""
    return ["--dataset", write_films(tmp_path), "--model", str(tiny_bert), *SIZES, "--db", str(tmp_path / "runs.db")]


def test_search_reports_its_trials_and_the_check_of_its_winner(flags, tmp_path):
    command = ["search", *flags, "--trials", "3", "--r", "2", "4", "--finalists", "1", "--check-seeds", "2"]
    result = run_cli(command)
    assert result.code == 0, result.err
    assert "Search films-lora-" in result.out and "3 complete" in result.out
    assert "Selection optimism" in result.out and "runs.db.searches.journal" in result.out
    again = run_cli(command)
    assert again.out == result.out and "recorded as run" not in again.err
    listed = run_cli(["list", "--db", str(tmp_path / "runs.db")]).out
    assert "validated" not in listed and "validated" in run_cli(["list", "--trials", *flags[-2:]]).out


@pytest.mark.parametrize(
    "command",
    [
        ["--r", "2", "4"],
        ["--method", "lora", "ia3", "--baselines", "all"],
        ["search", "--trials", "2"],
        ["search", "--method", "lora", "ia3"],
    ],
    ids=" ".join,
)
def test_dry_run_writes_nothing(command, flags, tmp_path):
    before = folder_contents(tmp_path)
    is_search = command[0] == "search"
    result = run_cli([*command[:is_search], *flags, *command[is_search:], "--dry-run"])
    assert result.code == 0, result.err
    for fragment in ("48 train", "good", "Columns: text", "trainable parameters", "nothing was written"):
        assert fragment in result.out
    assert folder_contents(tmp_path) == before


@pytest.mark.parametrize(
    "request_",
    [
        ["--trials", "0"],
        ["--trials", "many"],
        ["--time-budget", "soon"],
        ["--pruner", "random"],
        ["--seed", "1", "2"],
        ["--dataset", "a.csv", "b.csv"],
        ["--r", "4", "--space", "space.yaml"],
        ["--r", "2", "8", "--space", "space.yaml"],
        ["--space", "missing.yaml"],
        ["--check-seeds", "1"],
        ["--method", "tfidf"],
    ],
    ids=" ".join,
)
def test_invalid_search_is_refused(request_, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text("r: [2, 4]")
    assert_refused(["search", *request_, "--db", str(tmp_path / "runs.db")], tmp_path)
