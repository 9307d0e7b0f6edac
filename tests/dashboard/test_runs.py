"""The rows of the Runs page: their order, differences to baselines, and grouped seeds."""

import pandas as pd
import pytest

from core.store import run_edits
from core.text.formatting import DASH
from dashboard import data
from dashboard.app_pages.runs import marks, view_data
from dashboard.app_pages.runs.groups import SEEDS, group_runs
from dashboard.app_pages.runs.tables import COLUMNS
from dashboard.components import default_runs
from dashboard.components.configurations import best_fine_tuned, rank_configurations
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import content, names, repeat_run, store_of, table
from tests.seeded import ODD_NAME


def test_best_run_is_shown_with_its_seeds_its_baseline_and_the_next_configuration(seeded, open_runs):
    text = page_text(open_runs())
    assert "Best configuration: lora-r8 (3 seeds), macro F1" in text
    assert "Fine-tuning helped" in text
    assert f"Tied with #{seeded.odd} {ODD_NAME}." in text
    assert "One seed" not in text


def ranked(*scores):
    """Return complete runs; ``scores``: configuration, seed and macro F1 of each."""
    columns = ["group_key", "seed", "macro_f1"]
    return pd.DataFrame(scores, columns=columns).assign(id=range(1, len(scores) + 1), kind="adapter", name="lora")


def test_configurations_are_ranked_by_their_mean_not_by_their_best_seed():
    runs = ranked(("lucky", 1, 0.83), ("lucky", 2, 0.79), ("lucky", 3, 0.80), ("steady", 1, 0.82), ("steady", 2, 0.812))
    ranking = rank_configurations(runs)
    assert ranking["group_key"].tolist() == ["steady", "lucky"]
    assert ranking["mean"].round(3).tolist() == [0.816, 0.807]
    assert ranking["id"].tolist()[1] == 3  # the run closest to the mean
    assert ranking["seeds"].tolist() == [2, 3]


def test_repeated_seed_counts_once_in_the_mean():
    row = next(rank_configurations(ranked(("a", 1, 0.5), ("a", 1, 0.7), ("a", 2, 0.8))).itertuples())
    assert (row.mean, row.seeds, row.runs) == (pytest.approx(0.75), 2, 3)


def test_single_seed_leads_only_if_it_is_significantly_better(seeded_copy, open_runs):
    repeat_run(store_of(seeded_copy), seeded_copy.odd, 0.99)  # a high score without better predictions
    text = page_text(open_runs())
    assert "Best configuration: lora-r8 (3 seeds)" in text and "Tied with" in text


def test_better_single_seed_leads_and_baselines_do_not_take_its_place(seeded, monkeypatch):
    frame = ranked(("single", 1, 0.9), ("several", 1, 0.8), ("several", 2, 0.8), ("random", 1, 0.5), ("random", 2, 0.5))
    frame.loc[3:, "kind"] = "baseline"
    ranking = rank_configurations(frame.assign(id=[seeded.lora, seeded.tfidf, seeded.tfidf, 90, 91]))
    assert best_fine_tuned(ranking).group_key == "single"  # as lora is better than tfidf
    swapped = rank_configurations(frame.assign(id=[seeded.tfidf, seeded.lora, seeded.lora, 90, 91]))
    assert best_fine_tuned(swapped).group_key == "several"
    only_baselines_repeat = rank_configurations(frame.drop([1, 2]).assign(id=[seeded.tfidf, 90, 91]))
    assert best_fine_tuned(only_baselines_repeat).group_key == "single"


def test_pages_compare_with_the_first_of_repeated_baselines(seeded_copy):
    again = repeat_run(store_of(seeded_copy), seeded_copy.tfidf, 0.6)
    with store_of(seeded_copy).engine.begin() as connection:
        connection.exec_driver_sql(f"update runs set baseline_id = {again} where id = {seeded_copy.lora}")
    assert default_runs.reference_baseline(seeded_copy.lora) == seeded_copy.tfidf
    assert default_runs.reference_baseline(seeded_copy.seeds[1]) == seeded_copy.tfidf


def test_runs_that_the_mean_excludes_are_stated(seeded_copy, open_runs):
    run_edits.trash_runs(store_of(seeded_copy), [seeded_copy.seeds[1]])
    text = page_text(open_runs())
    assert "Best configuration: lora-r8 (2 seeds)" in text
    assert "Excluded runs of this configuration: 1 in the trash." in text


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
    rows = table(open_runs(group="seeds", columns=["macro F1", "verdict", "seed SD", "range", "seed"])).set_index(
        "name"
    )
    lora, odd = rows[rows["seed"] == "3 seeds"].loc["lora-r8"], rows.loc[ODD_NAME]
    assert "(" in lora["macro F1"] and "(" in odd["macro F1"]  # one kind of uncertainty in a column
    assert (lora["verdict"], odd["seed"], odd["SD"]) == ("3 of 3 helped", "42", DASH)
    assert "–" in lora["range"] and float(lora["SD"]) > 0


def test_selected_configuration_gets_its_verdict_over_seeds(seeded, open_runs):
    text = page_text(open_runs(group="seeds", chosen=",".join(map(str, seeded.seeds))))
    assert f"lora-r8 vs #{seeded.tfidf} tfidf: Over 3 seeds" in text


def grouped_rows(baseline):
    runs = view_data.add_versions(data.runs(1), {})
    return group_runs(view_data.add_baseline_differences(runs, baseline), [SEEDS])


def test_newest_run_of_a_repeated_seed_counts(seeded_copy, open_runs):
    again = repeat_run(store_of(seeded_copy), seeded_copy.seeds[1], 0.5)
    row = table(open_runs(group="seeds", columns=["range", "seed"])).set_index("seed").loc["3 seeds, 4 runs"]
    assert row["name"] == "lora-r8" and row["range"].startswith("50.0–")
    assert [*seeded_copy.seeds, again] in grouped_rows(seeded_copy.tfidf)["ids"].tolist()


def test_one_repeated_seed_has_no_deviation(seeded_copy):
    again = repeat_run(store_of(seeded_copy), seeded_copy.odd, 0.5)
    row = grouped_rows(seeded_copy.tfidf).set_index("id").loc[again]
    assert (row["seeds"], row["macro_f1"], row["ids"]) == (1, 0.5, [seeded_copy.odd, again])
    assert pd.isna(row["macro_f1_deviation"])
    assert not view_data.configurations_to_compare(data.run_rows([seeded_copy.odd, again]))


@pytest.mark.parametrize("columns", [["r"], ["r", "lr"]], ids=["one", "two"])
def test_rows_are_grouped_by_settings(columns, seeded, open_runs):
    app = open_runs(group=columns)
    rows = table(app).set_index("name")
    lora = next(row for name, row in rows.iterrows() if name.startswith("r 8"))
    assert (lora["r"], lora["seed"], lora["verdict"]) == ("8", "3 seeds", "3 of 3 helped")
    assert any(name.startswith("r 4") for name in rows.index) and "TF-IDF" in rows.index
    assert app.multiselect(key="choose group").value == columns
    assert "3 groups" not in page_text(app) and " groups" in page_text(app)


def test_group_of_several_configurations_has_a_mean_without_interval(seeded, open_runs):
    app = open_runs(group="method", columns=["macro F1", "seed SD", "seed", "r"])
    row = table(app).set_index("name").loc["LoRA"]
    assert (row["seed"], row["r"]) == ("4 runs", "several")
    assert "(" not in row["macro F1"] and float(row["SD"]) > 0
    assert next(row for row in content(app)["rows"] if len(row["ids"]) == 4)["href"] == ""


def test_settings_replace_seeds_in_the_grouping(seeded, open_page):
    app = open_page("runs")
    app.multiselect(key="choose group").select("r").run()
    assert app.query_params["group"] == "r"
    app.multiselect(key="choose group").select("seeds").run()
    assert "group" not in app.query_params
    assert "group" in open_page("runs", seeds="false").query_params  # a link of an earlier version


def test_runs_outside_of_the_means_are_counted(seeded_copy, open_page):
    run_edits.archive_runs(store_of(seeded_copy), [seeded_copy.odd])
    run_edits.trash_runs(store_of(seeded_copy), [seeded_copy.seeds[1]])
    assert "Not in means: 1 archived, 1 in the trash, 1 failed" in page_text(open_page("runs"))


def test_names_link_to_runs_and_show_tags(seeded_copy, open_runs):
    run_edits.edit_run(store_of(seeded_copy), seeded_copy.odd, "odd", "", ["paper"])
    row = next(row for row in content(open_runs())["rows"] if row["id"] == seeded_copy.odd)
    assert (row["href"], row["tags"]) == (f"run?dataset=1&run={seeded_copy.odd}", ["paper"])


def test_marks_share_an_axis_that_a_weak_run_does_not_compress():
    scores = pd.DataFrame([(0.8, 0.75, 0.85), (0.82, None, None), (0.3, 0.2, 0.4), (None, None, None)])
    first, second, weak, undefined = marks.score_marks(
        scores.set_axis(["macro_f1", "macro_f1_low", "macro_f1_high"], axis=1)
    )
    assert (first["low"], first["value"], first["high"]) == (pytest.approx(33.3), pytest.approx(66.7), 100)
    assert second["low"] is None and second["value"] == 80
    assert (weak["value"], weak["point"]) == (0, "left")
    assert undefined is None


def test_recorded_difference_outlives_its_baseline(seeded_copy):
    def row(baseline):
        return view_data.add_baseline_differences(data.runs(1), baseline).set_index("id").loc[seeded_copy.lora]

    before = row(seeded_copy.tfidf)[["gap", "verdict"]].tolist()
    run_edits.delete_run(store_of(seeded_copy), seeded_copy.tfidf)
    after = row(seeded_copy.majority)
    assert pd.isna(after["baseline_id"])
    assert after[["gap", "verdict"]].tolist() == before
