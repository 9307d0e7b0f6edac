"""PostgreSQL servers: connection, permissions and outages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.config import make_config
from core.errors import RequestError, StoreError
from core.runs.recovery import recover_all
from core.store import queries, run_edits
from core.store.engine import open_store
from core.store.fallback import list_fallbacks
from core.store.recorder import recording
from tests.postgres import PASSWORD
from tests.store.helpers import DATA, record_run, save_random_predictions

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter-2222"
UNREACHABLE = {
    "wrong password": ({}, "login_refused"),
    "wrong user": ({"username": "stranger"}, "login_refused"),
    "missing database": ({"database": "nosuch", "password": PASSWORD}, "no_such_database"),
    "missing socket": ({"query": {"host": "/nowhere"}}, "unreachable"),
    "wrong port": ({"query": {}, "host": "127.0.0.1", "port": 1}, "unreachable"),
    "wrong host": ({"query": {}, "host": "nowhere.invalid"}, "unreachable"),
    "unknown option": ({"query": {"host": "/nowhere", "nosuch": "1"}}, "unreachable"),
    "password in the query": ({"password": None, "query": {"host": "/", "password": SECRET}}, "unreachable"),
}


@pytest.mark.parametrize(("changes", "code"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_unreachable_server_is_reported_in_one_line_without_the_password(changes, code, postgres):
    with pytest.raises(StoreError) as error:
        open_store(postgres.url(**{"database": "postgres", "password": SECRET, **changes}), create=True)
    message = str(error.value)
    assert error.value.code == code
    assert SECRET not in message and PASSWORD not in message and "\n" not in message


def test_missing_password_is_reported(postgres, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(StoreError, match=r"~/\.pgpass or \$PGPASSWORD") as error:
        open_store(postgres.url("postgres"))
    assert error.value.code == "password_required"


def test_url_with_an_invalid_port_is_refused_without_the_password():
    with pytest.raises(RequestError) as error:
        open_store(f"postgresql+psycopg://me:{SECRET}@host:port/runs")
    assert error.value.code == "invalid_url"
    assert SECRET not in str(error.value)


def test_missing_driver_is_reported_with_the_command_that_installs_it():
    program = "import sys; sys.modules['psycopg'] = None; from cli.main import main; sys.exit(main())"
    url = f"postgresql+psycopg://me:{SECRET}@127.0.0.1/runs"
    done = subprocess.run(
        [sys.executable, "-c", program, "list", "--db", url], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "pip install -e '.[postgres]'" in done.stderr
    assert "Traceback" not in done.stderr and SECRET not in done.stderr


def test_tables_are_created_only_on_request_and_only_in_an_empty_database(postgres):
    with postgres.database() as name:
        url = postgres.url(name, password=PASSWORD)
        with pytest.raises(RequestError) as error:
            open_store(url)
        assert error.value.code == "empty_database"
        store = open_store(url, create=True)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        with pytest.raises(RequestError) as error:
            open_store(url, create=True)
        assert error.value.code == "foreign_database"
        store.engine.dispose()


def test_user_with_read_access_reads_and_is_refused_when_writing(postgres, own_postgres_store, data):
    run_id, _ = record_run(own_postgres_store, data)
    postgres.sql("CREATE USER viewer PASSWORD 'look-but-do-not-touch'")
    try:
        with own_postgres_store.engine.begin() as connection:
            connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO viewer")
        name = own_postgres_store.engine.url.database
        viewed = open_store(postgres.url(name, username="viewer", password="look-but-do-not-touch"))
        assert queries.runs(viewed)["id"].tolist() == [run_id]
        with pytest.raises(StoreError) as error:
            run_edits.edit_run(viewed, run_id, "mine", "", [])
        assert error.value.code == "permission_denied"
        viewed.engine.dispose()
    finally:
        with own_postgres_store.engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY viewer")
        postgres.sql("DROP USER viewer")


def test_stopped_server_is_reported_and_read_again_after_its_restart(postgres, postgres_store, data):
    run_id, expected = record_run(postgres_store, data)
    with postgres_store.read_session() as session:
        session.connection()  # in the middle of reading
        postgres.stop()
        try:
            for read in (
                lambda: session.connection().exec_driver_sql("SELECT 1"),
                lambda: queries.runs(postgres_store),
            ):
                with pytest.raises(StoreError) as error:
                    read()
                assert error.value.code == "unreachable"
        finally:
            postgres.start()
    assert np.array_equal(queries.probabilities(postgres_store, run_id), expected)


def test_restarted_server_is_read_without_an_error(postgres, postgres_store, data):
    run_id, _ = record_run(postgres_store, data)
    postgres.stop()
    postgres.start()
    assert queries.runs(postgres_store)["id"].tolist() == [run_id]


def test_run_of_a_stopped_server_is_merged_back(postgres, postgres_store, data, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with recording(postgres_store, make_config({**DATA, "method": "tfidf"}), "a run", {"packages": {}}) as run:
        run.save_dataset(data, "key")
        save_random_predictions(run, data, "validation")
        postgres.stop()
        try:
            probabilities = save_random_predictions(run, data)
        finally:
            postgres.start()
    assert len(list_fallbacks(postgres_store)) == 1
    run.store.engine.dispose()
    assert recover_all(postgres_store).run_ids == (run.id,)
    assert queries.run(postgres_store, run.id).state == "complete"
    assert np.array_equal(queries.probabilities(postgres_store, run.id), probabilities)
    assert len(queries.predictions(postgres_store, run.id, "validation")) == DATA["validation_size"]
