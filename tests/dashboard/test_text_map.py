"""The map of the test texts on the Failures page."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

from core.store.engine import open_store
from dashboard import data
from dashboard.components.text_map import view_data
from tests.dashboard.hard_texts import HOSTILE, SIZE
from tests.dashboard.reading import button, page_text
from tests.seeded import record_adapters


def count_charts(app):
    return len(app.get("vega_lite_chart"))


def has_button(app):
    return any(button.label == "Compute map" for button in app.button)


@pytest.mark.slow
def test_map_is_computed_on_request_and_shared_by_the_runs_of_a_test_set(seeded, open_page):
    before = open_page("failures", run=seeded.lora, layout="map")
    charts = count_charts(before)
    app = button(before, "Compute map").click().run()
    assert not app.exception
    assert count_charts(app) == charts + 1
    assert "all-MiniLM-L6-v2" in page_text(app)
    for run in (seeded.lora, seeded.tfidf):
        assert not has_button(open_page("failures", run=run, layout="map"))
    points = view_data.map_points(seeded.lora, data.text_map(seeded.lora, "pca"))
    assert len(points) == 100
    wrong = ~data.predictions_with_outcomes(seeded.lora)["is_correct"]
    assert (points["outcome"] == view_data.WRONG).sum() == wrong.sum()


def test_list_is_shown_without_a_map_by_default(seeded, open_page):
    assert not has_button(open_page("failures", run=seeded.lora))


def test_test_set_without_neural_runs_is_placed_by_tfidf(tfidf, open_page):
    with sqlite3.connect(open_store().folder / "runs.db") as connection:
        connection.execute("DELETE FROM runs WHERE id != ?", (tfidf,))
    app = button(open_page("failures", run=tfidf, layout="map"), "Compute map").click().run()
    assert not app.exception
    assert "TF\\-IDF" in [caption.value for caption in app.caption]
    assert not has_button(app)


def test_map_of_hostile_texts_has_short_sanitized_tooltips(hard):
    run = hard[1]
    coordinates = np.zeros((SIZE, 2), dtype=np.float32)
    points = view_data.map_points(run, data.TextMap(np.arange(SIZE), coordinates, None))
    assert points["text"].str.len().max() < 2 * view_data.TOOLTIP_LENGTH
    assert not points["text"].str.contains("[\u202e\x00\n]").any()
    assert len(points) == SIZE > len(HOSTILE)


def test_unavailable_base_model_is_reported(empty, open_page):
    (run,) = record_adapters(open_store(str(empty), create=True), 2, 0.6)
    with sqlite3.connect(empty) as connection:
        connection.execute("UPDATE runs SET config = json_set(config, '$.model', '/no/such/model')")
    app = button(open_page("failures", run=run, layout="map"), "Compute map").click().run()
    assert not app.exception
    assert "no" in app.error[0].value
    assert has_button(app.run())


def test_one_example_has_no_map(empty, open_page):
    store = open_store(str(empty), create=True)
    (run,) = record_adapters(store, 2, 0.6)
    with sqlite3.connect(empty) as connection:
        connection.execute(
            "DELETE FROM predictions WHERE run_id = ? AND example_id NOT IN "
            "(SELECT max(example_id) FROM predictions WHERE example_id IN "
            "(SELECT id FROM examples WHERE split = 'test'))",
            (run,),
        )
    app = open_page("failures", run=run, layout="map")
    assert "at least two" in "\n".join(info.value for info in app.info)


def test_large_test_set_is_sampled(seeded, monkeypatch):
    monkeypatch.setattr("dashboard.data.text_maps.MAX_TEXTS", 30)
    progress = []
    text_map = data.compute_text_map(seeded.flawed, "pca", lambda done, total: progress.append((done, total)))
    assert len(text_map.positions) == len(text_map.coordinates) == 30
    assert progress[-1] == (30, 30)


def test_box_selects_the_points_inside():
    points = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 2.0], "position": [7, 8, 9]})
    assert view_data.points_in_box(points, {"x": [1.5, 0.5], "y": [0.5, 3.0]}) == {8}
