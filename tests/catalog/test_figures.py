"""The registry of figures is complete, and everything it promises is computed, stored, checked and explained."""

import numpy as np
import pytest
from sqlalchemy import BigInteger, Float, text
from sqlalchemy.orm import Session

from core.catalog.figures import FIGURES, LISTED_METRICS, TRAINING_MACRO_F1, Figure, in_order, select_figures
from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import METRICS, evaluate
from core.evaluation.predictions import leaked_positions
from core.models.classifier import probabilities
from core.runs.baseline_link import link_to_baseline
from core.store import queries
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.integrity import check
from core.store.integrity.figures import changed_figures
from core.store.recorder import recording
from core.store.schema import Base, DatasetRow, MetricRow, RunRow

LABELS = ("anger", "calm", "fear", "hope", "joy", "pride")
TEMPERATURE = 1.5


def six_label_data() -> DataSet:
    """Return data with six labels, the first test examples of which the training split holds too."""
    sizes = {"train": 60, "validation": 60, "test": 120}
    texts = {name: [f"An example of {name}, number {place}." for place in range(size)] for name, size in sizes.items()}
    texts["test"][:5] = texts["train"][:5]
    splits = {
        name: Split(tuple(part), np.arange(len(part)) % len(LABELS), ({},) * len(part)) for name, part in texts.items()
    }
    return DataSet("moods", "file:moods.csv", None, "text", "label", LABELS, splits, {})


def record(store: Store, data: DataSet, method: str, strength: float) -> int:
    """Record a run with every metric that there is; its logits are drawn."""
    config = RunConfig(method=method, dataset=data.source)
    rng = np.random.default_rng(int(strength * 10))
    with recording(store, config, method, {}) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint))
        for split in ("validation", "test"):
            true = data.splits[split].labels
            logits = rng.normal(size=(len(true), len(LABELS))) + strength * np.eye(len(LABELS))[true]
            of_test = {"temperature": TEMPERATURE, "leaked": leaked_positions(data.checks, len(true))}
            predicted = probabilities(logits.astype(np.float32))
            evaluation = evaluate(true, predicted, data.labels, **(of_test if split == "test" else {}))
            run.save_predictions(data, split, dataset_id, predicted, evaluation)
        run.save_metrics("validation", {"temperature": Estimate(TEMPERATURE), "best_epoch": Estimate(1.0)})
        if config.kind != "baseline":
            run.save_metrics("train", {TRAINING_MACRO_F1: Estimate(0.9)})
            link_to_baseline(run, dataset_id, data.labels, config.seed)
    return run.id


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with a baseline and an adapter that have every metric that there is; the adapter's id."""
    store = open_store(str(tmp_path_factory.mktemp("figures") / "runs.db"), create=True)
    data = six_label_data()
    record(store, data, "tfidf", strength=1.0)
    return store, record(store, data, "lora", strength=2.0)


def test_every_stored_metric_is_registered_and_every_registered_one_is_stored(recorded):
    registered = {(split, figure.name) for figure in select_figures("metrics") for split in figure.splits}
    store, run_id = recorded
    frame = queries.metrics(store, [run_id])
    assert set(zip(frame["split"], frame["name"], strict=True)) == registered


def test_every_metric_that_can_be_computed_is_registered():
    assert set(METRICS) <= {figure.name for figure in select_figures("metrics")}


@pytest.mark.parametrize("table", ["runs", "rechecks", "class_metrics", "class_balance", "predictions"])
def test_every_measured_column_is_registered(table):
    names = {
        column.name
        for column in Base.metadata.tables[table].columns
        if isinstance(column.type, Float | BigInteger) and not column.name.endswith(("_low", "_high"))
    }
    assert names and names <= {figure.name for figure in select_figures(table)}


@pytest.mark.parametrize("table", ["runs", "rechecks", "class_metrics", "class_balance", "predictions"])
def test_every_column_of_a_registered_figure_exists(table):
    columns = set(Base.metadata.tables[table].columns.keys())
    assert {column for figure in select_figures(table) for column in figure.columns} <= columns


def test_a_sound_database_with_every_metric_has_no_findings(recorded):
    store, _ = recorded
    assert check(store.address).findings == ()


def test_every_recomputed_figure_is_found_when_it_was_falsified(recorded):
    """Every value, and every bound that takes no resampling, on every split where it is stored."""
    store, run_id = recorded
    missed = [
        (table, split, name, column)
        for table, split, name, column in checked_values(recorded)
        if not finds_falsified(store, run_id, table, split, name, column)
    ]
    assert missed == []


def checked_values(recorded):
    for figure in FIGURES.values():
        if not figure.recomputed:
            continue
        for split in figure.splits:
            if figure.storage == "class_metrics":
                yield from (("class_metrics", split, LABELS[2], column) for column in own_columns(figure, figure.name))
            else:
                yield from (("metrics", split, figure.name, column) for column in own_columns(figure, "value"))


def own_columns(figure: Figure, value: str) -> list[str]:
    prefix = "" if value == "value" else f"{value}_"
    return [value, f"{prefix}low", f"{prefix}high"] if figure.interval == "Wilson" else [value]


def finds_falsified(store, run_id, table, split, name, column) -> bool:
    key = "name" if table == "metrics" else "label"
    place = f"WHERE run_id = {run_id} AND split = '{split}' AND {key} = '{name}'"
    with Session(store.engine.execution_options(writes=True)) as session:
        session.execute(text(f"UPDATE {table} SET {column} = {column} + 1 {place}"))
        run = session.get(RunRow, run_id)
        found = changed_figures(session, run, session.get(DatasetRow, run.dataset_id), split)
        session.rollback()
    own, _, bound = column.partition("_") if table == "class_metrics" else (column, "", column)
    expected = f"{own} of {name}" if table == "class_metrics" else name
    return found == [f"{expected} ({bound})" if bound in ("low", "high") else expected]


def test_a_run_that_lacks_newer_metrics_is_not_damaged_and_shows_a_dash(tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True)
    run_id = record(store, six_label_data(), "tfidf", strength=1.0)
    newer = ("roc_auc", "average_precision", "top_3_accuracy")
    with store.engine.begin() as connection:
        connection.execute(MetricRow.__table__.delete().where(MetricRow.name.in_(newer)))
    assert check(store.address).findings == ()
    row = next(queries.runs(store, [run_id]).itertuples())
    assert {FIGURES[name].format_row(row) for name in newer} == {"—"}


def test_the_list_of_runs_has_a_column_for_each_listed_figure(recorded):
    frame = queries.runs(recorded[0])
    listed = {column for figure in FIGURES.values() if figure.listed for column in figure.columns}
    assert listed <= set(frame.columns)
    assert set(LISTED_METRICS) <= listed


def test_a_figure_is_formatted_by_its_unit():
    row = {"macro_f1": 0.5, "macro_f1_low": 0.25, "macro_f1_high": 0.75, "train_seconds": 64.0}
    assert FIGURES["macro_f1"].format_row(row) == "50.0 (25.0–75.0)"
    assert FIGURES["train_seconds"].format_row(row) == "1 m 04 s"
    assert FIGURES["accuracy"].format_row(row) == "—"
    assert FIGURES["f1"].format(0.5, 0.2, 0.8, 40) == "50.0 (20.0–80.0)"
    assert FIGURES["macro_f1_over_baseline_p"].format(0.03) == ".030"


def test_every_figure_has_a_title_an_explanation_and_a_text_where_it_is_undefined():
    assert all(figure.title and figure.help.endswith(".") for figure in FIGURES.values())
    assert {figure.format(*(None for _ in figure.columns)) for figure in FIGURES.values()} == {"—"}


def test_titles_are_unique():
    titles = [figure.title for figure in FIGURES.values()]
    assert len(titles) == len(set(titles))


def test_names_are_ordered_as_in_tables_and_unknown_ones_come_last():
    assert in_order(["later", "accuracy", "macro_f1"]) == ["macro_f1", "accuracy", "later"]
