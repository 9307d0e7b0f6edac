"""Every command, link, path and query in the documents is valid."""

import re
import shlex
import shutil
import sqlite3
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main, parse
from scripts.make_record import MAX_BYTES, shipped_files

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
RUN_COMMAND = "python runner.py"
SMALL_RUN = {
    "--train-size": "60",
    "--validation-size": "20",
    "--test-size": "40",
    "--epochs": "1",
    "--max-length": "16",
}
SMALL_SEARCH = {"--trials": ["2"], "--finalists": ["1"], "--check-seeds": ["2"]}
NEEDS_HUB = ("imdb", "nyu-mll/glue", "distilbert-base-uncased", "gpt2")
"""Names on the Hugging Face Hub, which tests do not reach."""


def commands(*documents):
    """Return the commands of the Bash blocks, without comments and without ``.venv/bin/``."""
    blocks = [block for path in documents for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL)]
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]
    return [line.replace(".venv/bin/", "") for line in lines]


def runner_commands():
    """Return the arguments of each distinct `runner.py` command."""
    lines = dict.fromkeys(line for line in commands(*DOCUMENTS) if line.startswith(RUN_COMMAND))
    return [shlex.split(line)[2:] for line in lines]


def is_run(arguments):
    return not arguments or arguments[0].startswith("--")


def test_the_readme_is_short_and_its_test_command_is_run_by_the_checks():
    assert len(README.splitlines()) <= 250
    assert re.findall(r"```bash\n(.*pytest.*)\n```", README)[0] in (ROOT / ".ci" / "run").read_text()


def test_every_command_of_the_documents_is_accepted():
    assert len(runner_commands()) >= 30
    for arguments in runner_commands():
        parse(arguments)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_command_of_the_documents_runs(shipped_record, tmp_path, monkeypatch):
    """Run them in order on a copy of the shipped database, with short trainings; skip those that need the Hub."""
    shutil.copytree(shipped_record, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    _write_data(tmp_path)
    for arguments in runner_commands():
        if set(arguments) & set(NEEDS_HUB) or "--probe" in arguments or arguments[0] == "resume":
            continue  # the probe and interrupted runs have tests of their own
        for folder in ("exported", "merged"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
        assert main(_shorten_command(arguments)) == 0, arguments


def _shorten_command(arguments):
    """Return the arguments with short trainings: of a run, or of a search."""
    if is_run(arguments):
        return _shorten(arguments, {})
    return ["search", *_shorten(arguments[1:], SMALL_SEARCH)] if arguments[0] == "search" else arguments


def _shorten(arguments, limits):
    """Return flags with the sizes of `SMALL_RUN` and these limits, and at most two values of a flag.

    With flags of early stopping, the number of steps is limited instead of the epochs.
    """
    values = {}
    for word in arguments:
        if word.startswith("--"):
            values[flag := word] = []
        elif len(values[flag]) < 2 or flag in ("--peft", "--splits"):
            values[flag].append(word)
    if values.get("--epochs") == ["auto"] or {"--patience", "--time-budget"} & values.keys():
        values["--max-steps"] = ["4"]
    sizes = {flag: [size] for flag, size in SMALL_RUN.items() if flag != "--epochs" or "--max-steps" not in values}
    return [word for flag, words in (values | sizes | limits).items() for word in (flag, *words)]


def _write_data(folder):
    """Write the files that the documents name."""
    texts = [f"{word} film number {n}" for n in range(150) for word in ("good", "bad")]
    labels = ["positive", "negative"] * 150
    frame = pd.DataFrame({"body": texts, "topic": labels, "fold": (["a"] * 9 + ["holdout"] * 3) * 25})
    frame.to_csv(folder / "my.csv", index=False)
    frame.assign(body=[f"other {text}" for text in texts]).to_csv(folder / "test.csv", index=False)
    (folder / "run.yaml").write_text("dataset: my.csv\nr: [4, 8]\nseed: [1, 2]\n")
    shutil.copy(folder / "runs.db", folder / "OTHER.db")


def test_every_linked_file_exists():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} names {target}"


def test_every_dependency_is_justified():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in requirements} - {"adapter-bench"}
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Dependencies")[1]
    assert not [name for name in names if not re.search(rf"\b{name}\b", table)]


def test_every_path_in_the_table_of_changes_exists():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## To change X")[1].split("\n## ")[0]
    paths = re.findall(r"`((?:core|cli|dashboard|tests)/[^`]*)`", table)
    assert len(paths) >= 15
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_query_of_the_documents_returns_rows(shipped_record):
    (query,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
    with sqlite3.connect(f"file:{shipped_record / 'runs.db'}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute(query).fetchall()


def test_the_shipped_record_is_small(shipped_record):
    assert sum(path.stat().st_size for path in shipped_files(shipped_record)) <= MAX_BYTES
