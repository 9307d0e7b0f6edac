"""The Runs page: rows and their order, filters, grouped seeds, actions on selected runs, runs in progress."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from core.system.files import WEIGHT_PATTERN, compute_checksum
from dashboard import data
from dashboard.app_pages.runs import view_data
from dashboard.app_pages.runs.tables import COLUMNS
from tests.dashboard.reading import page_text
from tests.seeded import ENVIRONMENT, ODD_NAME, SIZES, record_failure


@pytest.fixture
def own(record, tmp_path, monkeypatch):
    """A copy of the seeded database that a test may change."""
    folder = tmp_path / "own"
    shutil.copytree(record.database.parent, folder)
    monkeypatch.setenv("RUNS_DB", str(folder / "runs.db"))
    return replace(record, database=folder / "runs.db")


@pytest.fixture
def open_runs(open_page):
    return lambda **parameters: open_page("runs", **parameters)


def table(app):
    return app.dataframe[0].value


def names(app):
    return list(table(app)["name"])


def ids(app):
    return list(table(app)["#"])


def store_of(own):
    return open_store(str(own.database))


def trashed(own):
    frame = queries.runs(store_of(own), trash=True)
    return frame.loc[frame["deleted_at"].notna(), "id"].tolist()


# --- Rows -------------------------------------------------------------------------------------------


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


def repeat(own, run_id, macro_f1):
    """Record a run again with another score; return the new run id."""
    with store_of(own).engine.begin() as connection:

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


def test_newest_run_of_a_repeated_seed_counts(own, open_runs):
    again = repeat(own, own.seeds[1], 0.5)
    row = table(open_runs(seeds="true")).set_index("name").loc["lora-r8 ×4"]
    assert row["seed"] == "3 seeds" and row["range"].startswith("50.0–")
    assert [*own.seeds, again] in grouped_rows(own.tfidf)["ids"].tolist()


def test_one_repeated_seed_has_no_deviation(own):
    again = repeat(own, own.odd, 0.5)
    row = grouped_rows(own.tfidf).set_index("id").loc[again]
    assert (row["seeds"], row["macro_f1"], row["ids"]) == (1, 0.5, [own.odd, again])
    assert pd.isna(row["macro_f1_deviation"])
    assert not view_data.configurations_to_compare(data.run_rows([own.odd, again]))


def test_recorded_difference_outlives_its_baseline(own):
    def row(baseline):
        return view_data.add_baseline_differences(data.runs(1), baseline).set_index("id").loc[own.lora]

    before = row(own.tfidf)[["gap", "verdict"]].tolist()
    run_edits.delete_run(store_of(own), own.tfidf)
    after = row(own.majority)
    assert pd.isna(after["baseline_id"])
    assert after[["gap", "verdict"]].tolist() == before


# --- Filters, order and pages -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"kind": "baseline"}, ["tfidf", "majority"], id="kind"),
        pytest.param({"kind": "baseline", "search": "TFI"}, ["tfidf"], id="kind-and-search"),
        pytest.param({"search": "#4"}, [ODD_NAME], id="run-id"),
        pytest.param({"status": "failed"}, ["lora-r8"], id="status"),
    ],
)
def test_filters_are_url_parameters(parameters, expected, seeded, open_runs):
    assert seeded.odd == 4
    assert names(open_runs(**parameters)) == expected


def test_several_filters_must_all_match(seeded, open_runs):
    app = open_runs()
    app.multiselect(key="method").select("LoRA").run()
    app.text_input(key="search").set_value("r8").run()
    assert set(names(app)) == {"lora-r8"}


def test_invalid_url_parameters_are_ignored(seeded, open_runs):
    parameters = {"status": "<b>", "from": "yesterday", "sort": "nothing", "page": "99", "chosen": "99,x", "show": "?"}
    assert len(table(open_runs(**parameters, order="up", columns="x"))) == 7


def test_date_filters_include_both_days(seeded, open_runs):
    today, day = datetime.now(UTC).date(), timedelta(days=1)
    assert len(ids(open_runs(**{"from": today - day, "to": today + day}))) == 7
    assert not open_runs(**{"from": today + 2 * day}).dataframe


@pytest.mark.parametrize("grouped", ["true", "false"], ids=["grouped", "single"])
def test_filters_without_a_match_can_be_cleared(grouped, seeded, open_runs):
    app = open_runs(seeds=grouped, search="nothing of that name", kind="baseline")
    assert not app.dataframe
    app.button(key="clear filters of empty table").click().run()
    assert app.text_input(key="search").value == ""
    assert app.multiselect(key="kind").value == []
    assert "tfidf" in names(app)


def test_any_column_sorts_in_both_directions(seeded, open_runs):
    assert ids(open_runs(sort="#", order="ascending"))[:2] == ["1", "2"]
    app = open_runs(sort="name", order="ascending")
    assert names(app) == sorted(names(app), key=str.casefold)
    app.selectbox(key="choose sort").set_value("training").run()
    assert app.query_params["sort"] == "training"
    assert table(app)["training time"].iloc[-1] == "—"  # undefined values are last in both directions


def test_columns_are_a_url_parameter(seeded, open_runs):
    app = open_runs(columns="accuracy")
    assert list(table(app)) == ["#", "name", "accuracy"]
    app.multiselect(key="choose columns").set_value(["accuracy", "trained weights"]).run()
    assert list(table(app)) == ["#", "name", "accuracy", "trainable parameters"]
    assert app.query_params["columns"] == ["accuracy", "trained weights"]
    app.multiselect(key="choose columns").set_value([]).run()
    assert list(table(app)) == ["#", "name"]


@pytest.fixture(scope="module")
def many_failures(tmp_path_factory):
    """A database with 150 failed runs."""
    database = tmp_path_factory.mktemp("many") / "runs.db"
    store, dataset = open_store(str(database), create=True), load_data(RunConfig(**SIZES))
    for _ in range(150):
        record_failure(store, dataset)
    return database


@pytest.fixture
def many(many_failures, monkeypatch):
    monkeypatch.setenv("RUNS_DB", str(many_failures))


def test_of_many_failed_runs_the_newest_get_a_box(many, open_runs):
    app = open_runs()
    assert page_text(app).count("ValueError: the loss is *not* a number") == 3
    assert "1–50 of 150 runs" in page_text(app)
    assert len(table(app)) == 50
    app.button(key="without scores").click().run()
    assert app.multiselect(key="status").value == ["failed"]


def test_table_page_is_a_url_parameter_that_a_filter_resets(many, open_runs):
    app = open_runs(sort="#", order="ascending", page=3)
    assert ids(app)[0] == "101"
    app.text_input(key="search").set_value("lora").run()
    assert ids(app)[0] == "1"


def test_best_baseline_is_pinned_on_every_other_page(seeded):
    runs = view_data.add_baseline_differences(data.all_runs(), seeded.tfidf)
    best = runs[runs["id"] == seeded.tfidf]
    others = view_data.sort_runs(pd.concat([runs[runs["id"] != seeded.tfidf]] * 20), "id", descending=False)
    rows = pd.concat([others, best], ignore_index=True)
    first = view_data.select_page(rows, 1)
    assert first["id"].iloc[0] == seeded.tfidf and list(first["pinned"])[:2] == [True, False]
    last = view_data.select_page(rows, len(rows) // view_data.PAGE_SIZE + 1)
    assert list(last["id"]).count(seeded.tfidf) == 1 and not last["pinned"].any()


def test_chart_of_many_runs_keeps_the_best_the_front_and_the_baselines(seeded):
    complete = data.complete_runs(1)
    many = pd.concat([complete] * 100, ignore_index=True).assign(id=range(100 * len(complete)))
    many = many.sort_values("macro_f1", ascending=False, kind="stable").reset_index(drop=True)
    drawn = view_data.select_for_chart(many, "train_seconds")
    assert len(drawn) <= view_data.MAX_POINTS
    assert {"majority", "tfidf"} <= set(drawn["method"])
    assert drawn["macro_f1"].iloc[0] == many["macro_f1"].max()


# --- Selected runs ----------------------------------------------------------------------------------


def test_selection_is_a_url_parameter_and_can_be_cleared(seeded, open_runs):
    app = open_runs(chosen=f"{seeded.lora},{seeded.tfidf}")
    assert "2 selected: #2 tfidf, #3 lora-r8" in page_text(app)
    app.button(key="clear selection").click().run()
    assert "selected:" not in page_text(app)
    assert "chosen" not in app.query_params


def test_deleting_moves_runs_to_the_trash_and_undo_restores_them(own, open_runs):
    app = open_runs(chosen=f"{own.odd},{own.failed}")
    app.button(key="delete").click().run()
    assert not app.exception
    assert sorted(trashed(own)) == sorted([own.odd, own.failed])
    assert ODD_NAME not in names(app)
    app.button(key="undo").click().run()
    assert ODD_NAME in names(app)
    assert trashed(own) == []


def test_trash_restores_and_deletes_permanently_after_a_confirmation(own, open_runs):
    run_edits.trash_runs(store_of(own), [own.odd, own.tfidf])
    app = open_runs(show="trash", chosen=own.odd)
    assert set(names(app)) == {ODD_NAME, "tfidf"}
    app.button(key="restore").click().run()
    assert trashed(own) == [own.tfidf]
    app = open_runs(show="trash", chosen=own.tfidf)
    app.button(key="delete permanently").click().run()
    assert "This deletes #2 tfidf" in page_text(app) and "4 other runs were compared" in page_text(app)
    assert trashed(own) == [own.tfidf]
    app.button(key="confirm deletion").click().run()
    assert not app.exception
    assert own.tfidf not in list(queries.runs(store_of(own), trash=True)["id"])
    assert not open_runs(show="trash").dataframe


def test_run_restored_meanwhile_is_not_deleted(own, open_runs):
    run_edits.trash_runs(store_of(own), [own.odd, own.tfidf])
    app = open_runs(show="trash", chosen=f"{own.odd},{own.tfidf}")
    app.button(key="delete permanently").click().run()
    run_edits.restore_runs(store_of(own), [own.odd])
    app.button(key="confirm deletion").click().run()
    assert not app.exception
    assert f"\\#{own.odd}" in app.toast[0].value and f"\\#{own.tfidf}" not in app.toast[0].value
    left = list(queries.runs(store_of(own), trash=True)["id"])
    assert own.odd in left and own.tfidf not in left


def test_deletion_names_the_folder_that_is_kept(own, open_runs):
    store = store_of(own)
    folder = store.folder / str(queries.run(store, own.tfidf).adapter_path)
    RunWriter.reopen(store, own.tfidf).update(adapter_sha256=compute_checksum(folder, WEIGHT_PATTERN))
    (folder / "tfidf.safetensors").write_bytes(b"trained on")
    run_edits.trash_runs(store, [own.tfidf])
    app = open_runs(show="trash", chosen=own.tfidf)
    app.button(key="delete permanently").click().run()
    app.button(key="confirm deletion").click().run()
    assert folder.name in app.toast[0].value.replace("\\", "")
    assert (folder / "tfidf.safetensors").read_bytes() == b"trained on"


def test_archive_takes_runs_and_returns_them(own, open_runs):
    app = open_runs(chosen=own.odd)
    app.button(key="archive").click().run()
    assert queries.run(store_of(own), own.odd).archived and ODD_NAME not in names(app)
    app = open_runs(show="archived", chosen=own.odd)
    assert names(app) == [ODD_NAME]
    app.button(key="unarchive").click().run()
    assert not app.dataframe
    assert not queries.run(store_of(own), own.odd).archived


def test_page_without_active_runs_offers_undo_and_restore(own, open_runs):
    runs = queries.runs(store_of(own))
    test_set = [int(run_id) for run_id in runs.loc[runs["dataset_id"] == runs["dataset_id"].iloc[0], "id"]]
    app = open_runs(chosen=",".join(map(str, test_set)))
    app.button(key="archive").click().run()
    assert not app.dataframe
    app.button(key="undo").click().run()
    assert app.dataframe
    run_edits.trash_runs(store_of(own), [int(run_id) for run_id in runs["id"]])
    app = open_runs()
    assert not app.dataframe
    app.button(key="restore all").click().run()
    assert trashed(own) == [] and app.dataframe


def test_name_notes_and_tags_are_saved_and_searched(own, open_runs):
    app = open_runs(chosen=own.odd)
    app.text_input(key=f"name of {own.odd}").set_value("rank 4 <b>")
    app.text_area(key=f"notes of {own.odd}").set_value("for the *paper*")
    app.multiselect(key=f"tags of {own.odd}").set_value(["paper", "two words"])
    app.button(key="save").click().run()
    assert not app.exception
    run = queries.run(store_of(own), own.odd)
    assert (run.name, run.notes, run.tags) == ("rank 4 <b>", "for the *paper*", ["paper", "two words"])
    assert names(open_runs(tag="paper")) == ["rank 4 <b>"]
    assert names(open_runs(search="two words for")) == ["rank 4 <b>"]


@pytest.mark.parametrize(("name", "tag"), [("  ", "paper"), ("fine", "x" * 51)], ids=["blank-name", "long-tag"])
def test_refused_edit_changes_nothing(name, tag, own, open_runs):
    app = open_runs(chosen=own.odd)
    app.text_input(key=f"name of {own.odd}").set_value(name)
    app.multiselect(key=f"tags of {own.odd}").set_value([tag])
    app.button(key="save").click().run()
    assert app.toast[0].icon == ":material/error:"
    run = queries.run(store_of(own), own.odd)
    assert (run.name, run.tags) == (ODD_NAME, [])


# --- Runs in progress -------------------------------------------------------------------------------


@contextmanager
def running_run(store, **config):
    with recording(store, RunConfig(**SIZES, **config), "lora running", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        run.enter_phase("training")
        run.update_progress(20, 60, 10.0, 58.2)
        run.log_line("epoch 1 begins")
        yield run


def test_running_run_shows_its_progress_and_its_log_on_demand(own, open_runs):
    with running_run(store_of(own)) as run:
        app = open_runs()
        (bar,) = app.get("progress")
        assert bar.proto.value == 33
        text = bar.proto.text.replace("\\", "")
        assert text == f"#{run.id} lora running: training, step 20 of 60 · 58 examples/s · 20 s left"
        assert "epoch 1 begins" not in page_text(app)
        app.session_state[f"log {run.id}"] = True
        assert "epoch 1 begins" in page_text(app.run())
        assert table(app).set_index("name").loc["lora running", "status"] == "running"
    assert not app.run().get("progress")


def test_run_without_steps_shows_its_phase(own, open_runs):
    with running_run(store_of(own)), recording(store_of(own), RunConfig(**SIZES), "started", ENVIRONMENT) as run:
        newest, _ = open_runs().get("progress")
        assert newest.proto.value == 0
        assert newest.proto.text.replace("\\", "") == f"#{run.id} started: start"


def test_running_run_is_not_deleted(own, open_runs):
    with running_run(store_of(own)) as run:
        app = open_runs(chosen=run.id)
        app.button(key="delete").click().run()
        assert app.toast[0].icon == ":material/error:"
        assert queries.run(store_of(own), run.id).deleted_at is None


def test_crashed_run_shows_the_last_line_of_its_log(own, open_runs):
    with running_run(store_of(own)) as run:
        run.update(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5), host="elsewhere")
        app = open_runs()
        assert not app.get("progress")
        assert f"#{run.id} lora running." in page_text(app)
        assert "epoch 1 begins" in page_text(app)
