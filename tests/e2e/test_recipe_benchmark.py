"""The benchmark of the default recipe: its figures come from recorded runs, which are not repeated."""

import pandas as pd
import pytest

from benchmarks import recipe
from core.store import queries
from core.store.engine import open_store
from tests.small_runs import write_films

SIZES = [f"--{name}-size={size}" for name, size in (("train", 24), ("validation", 12), ("test", 24))]
FAST = ["epochs=1", "max_length=24", "batch_size=8"]


@pytest.fixture
def arguments(tiny_bert, tmp_path):
    database, table = tmp_path / "runs.db", tmp_path / "table.csv"
    options = [f"--db={database}", f"--csv={table}", f"--model={tiny_bert}", "--seeds", "1", "2", "--settings", *FAST]
    return [write_films(tmp_path), *SIZES, *options, "lr=0.01", "--reference", *FAST]


@pytest.mark.slow
def test_the_figures_are_those_of_the_recorded_runs_which_are_not_repeated(arguments, tmp_path):
    (result,) = recipe.main(arguments)

    store = open_store(str(tmp_path / "runs.db"))
    runs = queries.runs(store)
    lora = runs[runs["method"] == "lora"]
    measured = lora[[queries.run(store, run_id).config["lr"] == 0.01 for run_id in lora["id"]]]
    assert len(measured) == 2 and len(lora) == 4
    assert result.problems == () and len(result.verdicts) == 2
    assert result.macro_f1.mean == pytest.approx(measured["macro_f1"].mean())
    reference = lora.drop(measured.index)["macro_f1"].mean()
    assert result.difference.macro_f1.value == pytest.approx(result.macro_f1.mean - reference)
    assert result.gain.macro_f1.value == pytest.approx(result.macro_f1.mean - result.baseline_macro_f1)
    assert pd.read_csv(tmp_path / "table.csv").loc[0, "macro_f1"] == pytest.approx(result.macro_f1.mean)

    assert recipe.main(arguments) == recipe.main([*arguments, "--only-report"]) == [result]
    assert len(queries.runs(store)) == len(runs)


@pytest.mark.slow
def test_a_failed_run_and_an_unusable_data_set_are_reported(arguments, csv, capsys):
    too_small = csv({"text": ["a good film", "a bad film"], "label": ["good", "bad"]}, "small.csv")
    diverging = [argument.replace("lr=0.01", "lr=1e30") for argument in arguments]
    films, small = recipe.main([diverging[0], too_small, *diverging[1:]])
    assert films.verdicts == ("failed", "failed") and films.reference_macro_f1 is not None
    assert small.macro_f1 is None and len(small.problems) == 1
    assert "2 failed" in capsys.readouterr().out
