"""The page of all runs: which is shown in which order, what is done with ticked ones, and runs at work."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.config import RunConfig
from core.data import load_data
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from core.system.files import WEIGHT_PATTERN, compute_checksum
from dashboard import data
from dashboard.app_pages.runs import view_data as frames
from tests.dashboard.conftest import SHELL
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
def open_runs():
    """Open the page with an address: it is the start page, and reads its filters as it opens."""

    def opened(**address):
        app = AppTest.from_file(str(SHELL), default_timeout=120)
        for key, value in address.items():
            app.query_params[key] = str(value)
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


def names(app):
    return list(app.dataframe[0].value["name"])


def numbers(app):
    return list(app.dataframe[0].value["#"])


def store_of(own):
    return open_store(str(own.database))


# --- What is shown ----------------------------------------------------------------------------------


def test_the_best_run_is_told_with_its_seeds_and_what_it_beats(seeded, open_runs):
    words = page_text(open_runs())
    assert f"Best so far: #{seeded.lora} lora-r8, macro F1" in words
    assert "Over the 3 seeds of its configuration: macro F1 " in words
    assert f"It beats the baseline #{seeded.tfidf} tfidf" in words
    assert f"#{seeded.odd} {ODD_NAME}" in words  # the next configuration, not another seed of the best


def test_the_best_stand_first_and_baselines_at_their_place(seeded, open_runs):
    app = open_runs()
    assert names(app) == ["lora-r8", ODD_NAME, "lora-r8", "lora-r8", "tfidf", "majority", "lora-r8"]
    shown = app.dataframe[0].value.set_index("#")
    assert shown.loc[str(seeded.tfidf), "vs best baseline"] == "best baseline"
    assert shown.loc[str(seeded.majority), "vs best baseline"] == "baseline"
    assert shown.loc[str(seeded.lora), "vs best baseline"].startswith("+")
    assert shown.loc[str(seeded.lora), "verdict"] == "helped"


def test_every_column_has_its_help_line():
    from dashboard.app_pages.runs.tables import COLUMNS
    from dashboard.components.glossary import help_for

    assert [title for title, column in COLUMNS.items() if not (column.help or help_for(title))] == []


def test_runs_that_differ_in_the_seed_alone_are_one_line(seeded, open_runs):
    app = open_runs(seeds="true")
    shown = app.dataframe[0].value.set_index("name")
    assert shown.loc["lora-r8 ×3", "seed"] == "3 seeds"
    assert "±" in shown.loc["lora-r8 ×3", "macro F1"] and "±" in shown.loc["lora-r8 ×3", "vs best baseline"]
    assert shown.loc["lora-r8 ×3", "verdict"] == "3 of 3 helped"
    assert "–" in shown.loc["lora-r8 ×3", "range"]
    assert shown.loc[ODD_NAME, "seed"] == "42"


def test_a_ticked_configuration_gets_its_interval_over_seeds(seeded, open_runs):
    chosen = ",".join(map(str, seeded.seeds))
    words = page_text(open_runs(seeds="true", chosen=chosen))
    assert f"lora-r8 against #{seeded.tfidf} tfidf: Over 3 seeds this configuration helped" in words


# --- Filters, order and pages -----------------------------------------------------------------------


def repeat(own, run_id, macro_f1):
    """Record a run once more, as a newer one with another score; return its number."""
    with store_of(own).engine.begin() as connection:

        def copy(table, where, **changed):
            names = [row[1] for row in connection.exec_driver_sql(f"pragma table_info({table})")]
            values = [str(changed.get(name, name)) for name in names]
            connection.exec_driver_sql(f"insert into {table} select {', '.join(values)} from {table} where {where}")

        copy("runs", f"id = {run_id}", id="(select max(id) + 1 from runs)")
        new = connection.exec_driver_sql("select max(id) from runs").scalar()
        copy("predictions", f"run_id = {run_id}", run_id=new)
        copy("metrics", f"run_id = {run_id}", run_id=new)
        of_score = "run_id = ? and split = 'test' and name = 'macro_f1'"
        connection.exec_driver_sql(f"update metrics set value = ? where {of_score}", (macro_f1, new))
    return new


def test_of_a_seed_that_was_run_again_the_newest_run_counts(own, open_runs):
    again = repeat(own, own.seeds[1], 0.5)
    app = open_runs(seeds="true")
    row = app.dataframe[0].value.set_index("name").loc["lora-r8 ×4"]
    assert row["seed"] == "3 seeds" and row["range"].startswith("50.0–")
    assert "Over the 3 seeds of its configuration" in page_text(app)
    rows = frames.groups(frames.against_baselines(data.runs(1), own.tfidf))
    assert [*own.seeds, again] in rows["ids"].tolist()


def test_one_seed_that_was_run_twice_has_no_deviation(own):
    again = repeat(own, own.odd, 0.5)
    row = frames.groups(frames.against_baselines(data.runs(1), own.tfidf)).set_index("id").loc[again]
    assert (row["seeds"], row["macro_f1"], row["ids"]) == (1, 0.5, [own.odd, again])
    assert frames.pd.isna(row["macro_f1_deviation"])
    assert not frames.configurations(data.run_rows([own.odd, again]))


def test_the_recorded_difference_stays_when_the_baseline_is_deleted(own):
    before = frames.against_baselines(data.runs(1), own.tfidf).set_index("id").loc[own.lora, ["gap", "verdict"]]
    run_edits.delete_run(store_of(own), own.tfidf)
    row = frames.against_baselines(data.runs(1), own.majority).set_index("id").loc[own.lora]
    assert frames.pd.isna(row["baseline_id"])
    assert row[["gap", "verdict"]].tolist() == before.tolist()


def test_filters_come_from_the_address(seeded, open_runs):
    assert names(open_runs(kind="baseline")) == ["tfidf", "majority"]
    assert names(open_runs(kind="baseline", search="TFI")) == ["tfidf"]
    assert numbers(open_runs(search=f"#{seeded.odd}")) == [str(seeded.odd)]
    assert numbers(open_runs(status="failed")) == [str(seeded.failed)]


def test_filters_narrow_together(seeded, open_runs):
    app = open_runs()
    app.multiselect(key="method").select("LoRA").run()
    app.text_input(key="search").set_value("r8").run()
    assert set(names(app)) == {"lora-r8"}


def test_filters_that_make_no_sense_are_passed_over(seeded, open_runs):
    address = {"status": "<b>", "from": "yesterday", "sort": "nothing", "page": "99", "chosen": "99,x", "show": "?"}
    assert len(open_runs(**address).dataframe[0].value) == 7


def test_dates_are_days_from_and_to(seeded, open_runs):
    today, tomorrow = datetime.now(UTC).date(), datetime.now(UTC).date() + timedelta(days=1)
    assert len(numbers(open_runs(**{"from": today - timedelta(days=1), "to": tomorrow}))) == 7
    assert "No run passes these filters." in page_text(open_runs(**{"from": tomorrow + timedelta(days=1)}))


@pytest.mark.parametrize("grouped", ["true", "false"])
def test_where_no_run_passes_the_filters_one_click_clears_them(grouped, seeded, open_runs):
    app = open_runs(seeds=grouped, search="nothing of that name", kind="baseline")
    assert "No run passes these filters." in page_text(app)
    app.button(key="clear them").click().run()
    assert app.text_input(key="search").value == ""
    assert app.multiselect(key="kind").value == []
    assert "tfidf" in names(app)


def test_any_column_sorts_in_both_directions(seeded, open_runs):
    assert numbers(open_runs(sort="#", order="ascending"))[:2] == ["1", "2"]
    app = open_runs(sort="name", order="ascending")
    assert names(app) == sorted(names(app), key=str.casefold)
    app.selectbox(key="sort").set_value("training").run()
    assert app.dataframe[0].value["training"].iloc[-1] == "—"  # what is undefined stands last either way


def test_columns_are_chosen_in_the_address(seeded, open_runs):
    app = open_runs()
    app.multiselect(key="columns").set_value(["accuracy", "speed"]).run()
    assert list(app.dataframe[0].value) == ["#", "name", "accuracy", "speed"]
    assert list(open_runs(columns="accuracy").dataframe[0].value) == ["#", "name", "accuracy"]


@pytest.fixture
def many(empty):
    """A database with a baseline and 150 runs that failed."""
    store = open_store(str(empty), create=True)
    data = load_data(RunConfig(**SIZES))
    for _ in range(150):
        record_failure(store, data)
    return store


def test_of_many_failed_runs_the_newest_are_told_and_the_others_counted(many, open_runs):
    app = open_runs()
    words = page_text(app)
    assert words.count("This run failed in the phase «training».") == 3
    assert "ValueError: the loss is *not* a number" in words
    assert "1–50 of 150 runs" in words
    assert len(app.dataframe[0].value) == 50
    app.button(key="without scores").click().run()
    assert app.multiselect(key="status").value == ["failed"]


def test_a_page_is_in_the_address_and_a_filter_goes_back_to_the_first(many, open_runs):
    app = open_runs(sort="#", order="ascending", page=3)
    assert numbers(app)[0] == "101"
    app.text_input(key="search").set_value("lora").run()
    assert numbers(app)[0] == "1"


def test_the_best_baseline_stands_on_every_page(seeded):
    runs = frames.against_baselines(data.all_runs(), seeded.tfidf)
    runs = frames.ordered(frames.pd.concat([runs[runs["id"] != seeded.tfidf]] * 20), "id", descending=False)
    rows = frames.pd.concat([runs, frames.against_baselines(data.run_rows([seeded.tfidf]), seeded.tfidf)])
    first = frames.page(rows.reset_index(drop=True), 1)
    assert first["id"].iloc[0] == seeded.tfidf and list(first["pinned"])[:2] == [True, False]
    last = frames.page(rows.reset_index(drop=True), len(rows) // frames.PAGE + 1)
    assert list(last["id"]).count(seeded.tfidf) == 1 and not last["pinned"].any()


def test_the_chart_of_many_runs_keeps_the_best_the_front_and_the_baselines(seeded):
    complete = data.complete_runs(1)
    many = frames.pd.concat([complete] * 100, ignore_index=True).assign(id=range(100 * len(complete)))
    many = many.sort_values("macro_f1", ascending=False, kind="stable").reset_index(drop=True)
    some = frames.for_chart(many, "train_seconds")
    assert len(some) <= frames.MOST_POINTS
    assert {"majority", "tfidf"} <= set(some["method"])
    assert some["macro_f1"].iloc[0] == many["macro_f1"].max()


# --- Ticked runs ------------------------------------------------------------------------------------


def test_ticked_runs_come_from_the_address_and_can_be_let_go(seeded, open_runs):
    app = open_runs(chosen=f"{seeded.lora},{seeded.tfidf}")
    assert "2 chosen: #2 tfidf, #3 lora-r8." in page_text(app)
    app.button(key="untick").click().run()
    assert "chosen:" not in page_text(app)
    assert "chosen" not in app.query_params


def test_a_deleted_run_is_in_the_trash_and_comes_back_with_undo(own, open_runs):
    app = open_runs(chosen=f"{own.odd},{own.failed}")
    app.button(key="do Delete").click().run()
    assert not app.exception
    assert "2 runs are in the trash." in page_text(app)
    assert ODD_NAME not in names(app)
    app.button(key="undo").click().run()
    assert ODD_NAME in names(app)
    assert queries.run(store_of(own), own.odd).deleted_at is None


def test_the_trash_restores_and_deletes_for_good_after_a_question(own, open_runs):
    open_runs(chosen=f"{own.odd},{own.tfidf}").button(key="do Delete").click().run()
    app = open_runs(show="trash", chosen=own.odd)
    assert set(names(app)) == {ODD_NAME, "tfidf"}
    app.button(key="do Restore").click().run()
    assert names(open_runs(show="trash")) == ["tfidf"]
    app = open_runs(show="trash", chosen=own.tfidf)
    app.button(key="delete for good").click().run()
    assert "Lost for good: #2 tfidf, with all predictions" in page_text(
        app
    ) and "4 other runs were measured" in page_text(app)
    app.button(key="really delete").click().run()
    assert not app.exception
    assert own.tfidf not in list(queries.runs(store_of(own), trash=True)["id"])
    assert "The trash is empty." in page_text(open_runs(show="trash"))


def test_a_run_that_was_restored_meanwhile_is_not_deleted_for_good(own, open_runs):
    open_runs(chosen=f"{own.odd},{own.tfidf}").button(key="do Delete").click().run()
    app = open_runs(show="trash", chosen=f"{own.odd},{own.tfidf}")
    app.button(key="delete for good").click().run()
    run_edits.restore_runs(store_of(own), [own.odd])
    app.button(key="really delete").click().run()
    assert not app.exception
    assert f"\\#{own.odd}" in app.toast[0].value and f"\\#{own.tfidf}" not in app.toast[0].value
    left = list(queries.runs(store_of(own), trash=True)["id"])
    assert own.odd in left and own.tfidf not in left


def test_emptying_the_trash_tells_which_folder_was_left(own, open_runs):
    store = store_of(own)
    folder = store.folder / str(queries.run(store, own.tfidf).adapter_path)
    RunWriter.reopen(store, own.tfidf).update(adapter_sha256=compute_checksum(folder, WEIGHT_PATTERN))
    (folder / "tfidf.safetensors").write_bytes(b"trained on")
    run_edits.trash_runs(store, [own.tfidf])
    app = open_runs(show="trash", chosen=own.tfidf)
    app.button(key="delete for good").click().run()
    app.button(key="really delete").click().run()
    told = app.toast[0].value.replace("\\", "")
    assert told.startswith("1 run is deleted for good.")
    assert f"{folder.name} of run {own.tfidf} holds other files" in told
    assert (folder / "tfidf.safetensors").read_bytes() == b"trained on"


def test_the_archive_takes_runs_and_gives_them_back(own, open_runs):
    app = open_runs(chosen=own.odd)
    app.button(key="do Archive").click().run()
    assert "1 run is in the archive." in page_text(app) and ODD_NAME not in names(app)
    app = open_runs(show="archived", chosen=own.odd)
    assert names(app) == [ODD_NAME]
    app.button(key="do Take out of the archive").click().run()
    assert "The archive is empty." in page_text(app)
    assert ODD_NAME in names(open_runs())


def test_where_all_runs_are_archived_or_in_the_trash_the_page_says_where(own, open_runs):
    everything = queries.runs(store_of(own))
    here = [int(n) for n in everything.loc[everything["dataset_id"] == everything["dataset_id"].iloc[0], "id"]]
    app = open_runs(chosen=",".join(map(str, here)))
    app.button(key="do Archive").click().run()
    assert "All runs on this test set are in the archive or in the trash" in page_text(app)
    app.button(key="undo").click().run()
    app = open_runs(chosen=",".join(map(str, everything["id"])))
    app.button(key="do Delete").click().run()
    for number in set(everything["id"]) - set(here):
        app = open_runs(run=number, chosen=number)
        app.button(key="do Delete").click().run()
    assert "All runs are in the trash" in page_text(app)
    app.button(key="restore all").click().run()
    assert "Best so far" in page_text(app)


def test_a_run_gets_another_name_a_note_and_tags(own, open_runs):
    app = open_runs(chosen=own.odd)
    app.text_input(key=f"name of {own.odd}").set_value("rank 4 <b>")
    app.text_area(key=f"note of {own.odd}").set_value("for the *paper*")
    app.multiselect(key=f"tags of {own.odd}").set_value(["paper", "two words"])
    app.button(key="save").click().run()
    assert not app.exception
    run = queries.run(store_of(own), own.odd)
    assert (run.name, run.notes, run.tags) == ("rank 4 <b>", "for the *paper*", ["paper", "two words"])
    assert names(open_runs(tag="paper")) == ["rank 4 <b>"]
    assert names(open_runs(search="two words for")) == ["rank 4 <b>"]


@pytest.mark.parametrize(("name", "tag"), [("  ", "paper"), ("fine", "x" * 51)], ids=["blank-name", "long-tag"])
def test_what_is_refused_changes_nothing_and_says_why(name, tag, own, open_runs):
    app = open_runs(chosen=own.odd)
    app.text_input(key=f"name of {own.odd}").set_value(name)
    app.multiselect(key=f"tags of {own.odd}").set_value([tag])
    app.button(key="save").click().run()
    assert "characters" in app.toast[0].value
    run = queries.run(store_of(own), own.odd)
    assert (run.name, run.tags) == (ODD_NAME, [])


# --- Runs at work -----------------------------------------------------------------------------------


@contextmanager
def running_run(store, **config):
    with recording(store, RunConfig(**SIZES, **config), "lora at work", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        run.enter_phase("training")
        run.update_progress(20, 60, 10.0, 58.2)
        run.log_line("epoch 1 begins")
        yield run


def test_a_run_at_work_shows_how_far_it_is_and_its_log_when_opened(own, open_runs):
    with running_run(store_of(own)) as run:
        app = open_runs()
        assert "At work: 1" in page_text(app)
        (bar,) = app.get("progress")
        assert bar.proto.value == 33
        text = bar.proto.text.replace("\\", "")
        assert text == f"#{run.id} lora at work: training, step 20 of 60 · 58 examples/s · 20 s left"
        assert "epoch 1 begins" not in page_text(app)
        app.session_state[f"log {run.id}"] = True
        assert "epoch 1 begins" in page_text(app.run())
        own_row = app.dataframe[0].value.set_index("name").loc["lora at work"]
        assert own_row["status"] == "running"
    assert "At work" not in page_text(app.run())


def test_a_run_that_has_not_stepped_yet_tells_its_phase(own, open_runs):
    with running_run(store_of(own)), recording(store_of(own), RunConfig(**SIZES), "just begun", ENVIRONMENT) as run:
        newest, _ = open_runs().get("progress")
        assert newest.proto.value == 0
        assert newest.proto.text.replace("\\", "") == f"#{run.id} just begun: start"


def test_a_run_at_work_is_not_deleted(own, open_runs):
    with running_run(store_of(own)) as run:
        app = open_runs(chosen=run.id)
        app.button(key="do Delete").click().run()
        assert "still running" in app.toast[0].value
        assert queries.run(store_of(own), run.id).deleted_at is None


def test_a_run_that_fell_silent_tells_its_last_line(own, open_runs):
    with running_run(store_of(own)) as run:
        run.update(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5), host="elsewhere")
        words = page_text(open_runs())
        assert "At work" not in words
        assert f"#{run.id} lora at work. This run fell silent in the phase «training»" in words
        assert "The last line of its log: epoch 1 begins" in words
