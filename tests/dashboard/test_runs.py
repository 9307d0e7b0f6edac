"""The rows of the Runs page: their order, differences to baselines, and grouped seeds."""

import pandas as pd

from core.store import run_edits
from dashboard import data
from dashboard.app_pages.runs import view_data
from dashboard.app_pages.runs.tables import COLUMNS
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import names, store_of, table
from tests.seeded import ODD_NAME


def test_best_run_is_shown_with_its_seeds_its_baseline_and_the_next_configuration(seeded, open_runs):
    text = page_text(open_runs())
    assert f"Best run: #{seeded.lora} lora-r8, macro F1" in text
    assert "3 seeds of this configuration" in text
    assert f"above the baseline #{seeded.tfidf} tfidf" in text
    assert f"next configuration, #{seeded.odd} {ODD_NAME}" in text


def test_runs_are_sorted_by_macro_f1_and_baselines_are_marked(seeded, open_runs):
    app = open_runs()
    assert names(app) == ["lora-r8", ODD_NAME, "lora-r8", "lora-r8", "tfidf", "majority", "lora-r8"]
    shown = table(app).set_index("#")
    assert shown.loc[str(seeded.tfidf), "vs best baseline"] == "best baseline"
    assert shown.loc[str(seeded.majority), "vs best baseline"] == "baseline"
    assert shown.loc[str(seeded.lora), "vs best baseline"].startswith("+")
    assert shown.loc[str(seeded.lora), "verdict"] == "helped"


def test_every_column_has_a_help_text_and_a_title_of_its_own():
    assert [key for key, column in COLUMNS.items() if not column.help] == []
    assert len({column.title for column in COLUMNS.values()}) == len(COLUMNS)


def test_grouped_seeds_are_one_row_per_configuration(seeded, open_runs):
    rows = table(open_runs(seeds="true")).set_index("name")
    assert rows.loc["lora-r8 ×3", "seed"] == "3 seeds"
    assert "±" in rows.loc["lora-r8 ×3", "macro F1"] and "±" in rows.loc["lora-r8 ×3", "vs best baseline"]
    assert rows.loc["lora-r8 ×3", "verdict"] == "3 of 3 helped"
    assert "–" in rows.loc["lora-r8 ×3", "range"]
    assert rows.loc[ODD_NAME, "seed"] == "42"


def test_selected_configuration_gets_its_verdict_over_seeds(seeded, open_runs):
    text = page_text(open_runs(seeds="true", chosen=",".join(map(str, seeded.seeds))))
    assert f"lora-r8 vs #{seeded.tfidf} tfidf: Over 3 seeds" in text


def repeat(seeded_copy, run_id, macro_f1):
    """Record a run again with another score; return the new run id."""
    with store_of(seeded_copy).engine.begin() as connection:

        def copy(table, where, **changed):
            names = [row[1] for row in connection.exec_driver_sql(f"pragma table_info({table})")]
            values = [str(changed.get(name, name)) for name in names]
            connection.exec_driver_sql(f"insert into {table} select {', '.join(values)} from {table} where {where}")

        copy("runs", f"id = {run_id}", id="(select max(id) + 1 from runs)")
        new = connection.exec_driver_sql("select max(id) from runs").scalar()
        copy("predictions", f"run_id = {run_id}", run_id=new)
        copy("metrics", f"run_id = {run_id}", run_id=new)
        score = "run_id = ? and split = 'test' and name = 'macro_f1'"
        connection.exec_driver_sql(f"update metrics set value = ? where {score}", (macro_f1, new))
    return new


def grouped_rows(baseline):
    return view_data.group_seeds(view_data.add_baseline_differences(data.runs(1), baseline))


def test_newest_run_of_a_repeated_seed_counts(seeded_copy, open_runs):
    again = repeat(seeded_copy, seeded_copy.seeds[1], 0.5)
    row = table(open_runs(seeds="true")).set_index("name").loc["lora-r8 ×4"]
    assert row["seed"] == "3 seeds" and row["range"].startswith("50.0–")
    assert [*seeded_copy.seeds, again] in grouped_rows(seeded_copy.tfidf)["ids"].tolist()


def test_one_repeated_seed_has_no_deviation(seeded_copy):
    again = repeat(seeded_copy, seeded_copy.odd, 0.5)
    row = grouped_rows(seeded_copy.tfidf).set_index("id").loc[again]
    assert (row["seeds"], row["macro_f1"], row["ids"]) == (1, 0.5, [seeded_copy.odd, again])
    assert pd.isna(row["macro_f1_deviation"])
    assert not view_data.configurations_to_compare(data.run_rows([seeded_copy.odd, again]))


def test_recorded_difference_outlives_its_baseline(seeded_copy):
    def row(baseline):
        return view_data.add_baseline_differences(data.runs(1), baseline).set_index("id").loc[seeded_copy.lora]

    before = row(seeded_copy.tfidf)[["gap", "verdict"]].tolist()
    run_edits.delete_run(store_of(seeded_copy), seeded_copy.tfidf)
    after = row(seeded_copy.majority)
    assert pd.isna(after["baseline_id"])
    assert after[["gap", "verdict"]].tolist() == before
