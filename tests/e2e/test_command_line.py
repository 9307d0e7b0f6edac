"""``runner.py`` as a separate process."""

import json

import pytest

from tests.command_line import SIZES
from tests.e2e.processes import start
from tests.small_runs import write_films


@pytest.mark.slow
def test_a_run_is_recorded_by_one_process_and_used_by_another_through_pipes(tmp_path):
    database = ["--db", str(tmp_path / "runs.db")]
    sizes = [word if word.startswith("--") else "12" for word in SIZES]
    with start("--dataset", write_films(tmp_path), "--method", "majority", *sizes, *database) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "macro F1" in out and "recorded as run 1" in err
    with start("predict", "1", "--json", *database, stdin=-1) as process:
        out, err = process.communicate("good film\nbad film\n", timeout=120)
    assert process.returncode == 0, err
    assert [prediction["text"] for prediction in json.loads(out)] == ["good film", "bad film"]
