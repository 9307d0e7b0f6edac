"""What is a server's alone: how it is reached, that it may refuse, and that it may go away and come back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.config import make_config
from core.data import load_data
from core.errors import RequestError, StoreError
from core.runs.recovery import recover_all
from core.store import queries, run_edits
from core.store.engine import open_store
from core.store.fallback import list_fallbacks
from core.store.recorder import recording
from tests.postgres import PASSWORD
from tests.store.test_fallback import evaluated
from tests.store.test_store import DATA, record

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter-2222"
UNREACHABLE = {
    "wrong password": ({}, "its server rejects this user or password"),
    "wrong user": ({"username": "stranger"}, "its server rejects this user or password"),
    "no such database": ({"database": "nosuch", "password": PASSWORD}, '"nosuch" does not exist.*createdb'),
    "no such folder": ({"query": {"host": "/nowhere"}}, "does not respond.*Is it running"),
    "wrong port": ({"query": {}, "host": "127.0.0.1", "port": 1}, "does not respond.*Is it running"),
    "wrong host": ({"query": {}, "host": "nowhere.invalid"}, "does not respond.*Is it running"),
    "no such option": ({"query": {"host": "/nowhere", "nosuch": "1"}}, 'invalid connection option "nosuch"'),
    "password behind the host": ({"password": None, "query": {"host": "/", "password": SECRET}}, "does not respond"),
}


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


@pytest.mark.parametrize("case", UNREACHABLE)
def test_a_server_that_cannot_be_reached_is_told_in_a_sentence_without_the_password(case, postgres):
    changed, expected = UNREACHABLE[case]
    with pytest.raises(StoreError, match=expected) as error:
        open_store(postgres.url(**{"database": "postgres", "password": SECRET, **changed}), create=True)
    assert SECRET not in str(error.value) and PASSWORD not in str(error.value) and "\n" not in str(error.value)


def test_a_password_that_is_missing_is_asked_for(postgres, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(StoreError, match=r"requires a password. Put it in ~/\.pgpass or \$PGPASSWORD"):
        open_store(postgres.url("postgres"))


def test_a_url_with_a_senseless_port_is_told_without_the_password():
    with pytest.raises(RequestError, match="neither a path nor a database URL") as error:
        open_store(f"postgresql+psycopg://me:{SECRET}@host:port/runs")
    assert SECRET not in str(error.value)


def test_without_the_driver_one_is_told_how_to_install_it():
    program = "import sys; sys.modules['psycopg'] = None; import runner; sys.exit(runner.main())"
    url = f"postgresql+psycopg://me:{SECRET}@127.0.0.1/runs"
    done = subprocess.run(
        [sys.executable, "-c", program, "list", "--db", url], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "pip install -e '.[postgres]'" in done.stderr
    assert "Traceback" not in done.stderr and SECRET not in done.stderr


def test_a_database_without_our_tables_is_empty_and_one_with_others_is_left_alone(postgres):
    with postgres.database() as name:
        url = postgres.url(name, password=PASSWORD)
        with pytest.raises(RequestError, match="is empty. The first run fills it"):
            open_store(url)
        store = open_store(url, create=True)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        with pytest.raises(RequestError, match="a database of another program"):
            open_store(url, create=True)
        store.engine.dispose()


def test_a_viewer_of_the_server_reads_and_is_refused_in_words_when_writing(postgres, postgres_store, data):
    run_id, _ = record(postgres_store, data)
    postgres.sql("CREATE USER viewer PASSWORD 'look-but-do-not-touch'")
    try:
        with postgres_store.engine.begin() as connection:
            connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO viewer")
        name = postgres_store.engine.url.database
        theirs = open_store(postgres.url(name, username="viewer", password="look-but-do-not-touch"))
        assert queries.runs(theirs)["id"].tolist() == [run_id]
        with pytest.raises(StoreError, match="does not allow this user to do that"):
            run_edits.edit_run(theirs, run_id, "mine", "", [])
        theirs.engine.dispose()
    finally:
        with postgres_store.engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY viewer")
        postgres.sql("DROP USER viewer")


def test_a_server_that_went_away_is_told_and_read_again_once_it_is_back(postgres, postgres_store, data):
    run_id, expected = record(postgres_store, data)
    with postgres_store.read_session() as session:
        session.connection()  # in the middle of reading
        postgres.stop()
        try:
            with pytest.raises(StoreError, match="does not respond.*Is it running"):
                session.connection().exec_driver_sql("SELECT 1")
            with pytest.raises(StoreError, match="does not respond.*Is it running"):
                queries.runs(postgres_store)
        finally:
            postgres.start()
    assert np.array_equal(queries.probabilities(postgres_store, run_id), expected)


def test_a_server_that_was_started_anew_is_read_on_as_if_nothing_had_been(postgres, postgres_store, data):
    run_id, _ = record(postgres_store, data)
    postgres.stop()
    postgres.start()
    assert queries.runs(postgres_store)["id"].tolist() == [run_id]


def test_the_record_of_a_run_whose_server_went_away_comes_home(postgres, postgres_store, data, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with recording(postgres_store, make_config({**DATA, "method": "tfidf"}), "a run", {"packages": {}}) as run:
        evaluated(run, data, "validation")
        postgres.stop()
        try:
            shares = evaluated(run, data, "test")
        finally:
            postgres.start()
    assert len(list_fallbacks(postgres_store)) == 1
    run.store.engine.dispose()
    assert recover_all(postgres_store).run_ids == (run.id,)
    assert queries.run(postgres_store, run.id).state == "complete"
    assert np.array_equal(queries.probabilities(postgres_store, run.id), shares)
    assert len(queries.predictions(postgres_store, run.id, "validation")) == DATA["validation_size"]
