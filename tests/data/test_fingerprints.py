"""The fingerprints of the bundled data sets equal those in the shipped database."""

import sqlite3

import pytest

from core.config import make_config
from core.data import load_data


@pytest.mark.parametrize("name", ["movie-reviews", "movie-reviews-3"])
def test_bundled_data_has_the_recorded_fingerprints(name, shipped_record):
    with sqlite3.connect(shipped_record / "runs.db") as database:
        query = "SELECT fingerprint, evaluation_fingerprint FROM datasets WHERE name = ?"
        recorded = database.execute(query, [name]).fetchone()
    data = load_data(make_config({"dataset": name}))
    assert (data.fingerprint, data.evaluation_fingerprint) == recorded
