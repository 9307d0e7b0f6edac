"""Recorded runs of the default command on a few examples."""

from pathlib import Path

import pytest

from tests.command_line import SMALL, Result, run_cli


@pytest.fixture(scope="package")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Run the default command; return its result and its database with runs 1 to 5, the last of them LoRA."""
    database = tmp_path_factory.mktemp("runs") / "runs.db"
    result = run_cli(["--r", "4", *SMALL, "--db", str(database)])
    assert result.code == 0, result.err
    return result, database
