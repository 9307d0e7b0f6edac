"""Addresses of databases that are none, or not ours."""

import os
import sqlite3

import pytest

from tests.bad_input.asking import SIZES, ask, contents, refused

RUN = ["--method", "majority", *SIZES]


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Fill the folder that we are in with what may be taken for a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNS_DB", raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no database at all, but some text that is long enough to be looked at\n" * 20)
    (tmp_path / "short.db").write_bytes(b"SQLite format 3\0")
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\0" + b"\x10\0\1\1" + bytes(80))
    with sqlite3.connect(tmp_path / "foreign.db") as connection:
        connection.execute("CREATE TABLE songs (id INTEGER)")
    connection.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "circle.db").symlink_to(tmp_path / "circle.db")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nowhere" / "x.db")
    os.mkfifo(tmp_path / "pipe.db")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [["list"], ["show", "1"], ["delete", "1", "--yes"], ["db", "upgrade"], RUN],
    ids=["list", "show", "delete", "upgrade", "run"],
)
@pytest.mark.parametrize(
    "address",
    [
        "folder",
        "text.db",
        "short.db",
        "cut.db",
        "foreign.db",
        "circle.db",
        "dangling.db",
        "pipe.db",
        "nowhere/runs.db",
        "text.db/runs.db",
        "~nobody-of-this-name/runs.db",
        pytest.param("x" * 300, id="long-name"),
        pytest.param("x" * 5000, id="very-long-name"),
        "/dev/zero",
        "/dev/null",
        "/proc/runs.db",
        "://",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/runs.db",
        "sqlite:///nowhere/runs.db",
        "sqlite:///folder",
        "sqlite:///text.db?mode=ro",
        "sqlite+nonsense:///runs.db",
        "nonsense://host/runs",
        pytest.param("mysql://me:hunter2xyz@localhost:1/runs", id="mysql-url"),
        pytest.param("postgresql://me:hunter2xyz@127.0.0.1:1/runs", id="postgresql-url"),
        pytest.param("postgresql://me:hunter2xyz@127.0.0.1:notaport/runs", id="postgresql-bad-port"),
        pytest.param(
            "postgresql://127.0.0.1:1/runs?password=hunter2xyz&connect_timeout=1", id="postgresql-password-in-query"
        ),
        "http://example.org/runs.db",
        "file:runs.db?mode=rwc",
        "postgres:runs",
    ],
)
def test_what_is_no_database_of_runs_is_told(command, address, odd):
    said = refused([*command, "--db", address], odd)
    assert "hunter2xyz" not in said


@pytest.mark.parametrize("action", ["check", "recover"])
@pytest.mark.parametrize(
    "address",
    ["folder", "text.db", "short.db", "cut.db", "foreign.db", "pipe.db", "circle.db", "nowhere.db", "/dev/zero"],
)
def test_looking_after_what_is_no_database_changes_nothing(action, address, odd):
    before = contents(odd)
    code, out, err = ask(["db", action, "--db", address])
    assert code in (1, 2) and "Traceback" not in err and "unexpected" not in err, err
    assert (out if code == 1 else err).strip()
    assert contents(odd) == before


def test_an_empty_file_is_no_record_yet(odd):
    assert "empty.db is empty. The first run fills it" in refused(["list", "--db", "empty.db"], odd)


@pytest.mark.parametrize(
    "name",
    ["with spaces and ünïcode", "50%25 off", "a?b#c&d=e", "'; DROP TABLE runs; --", "-x"],
    ids=["non-ascii", "percent", "url-signs", "sql", "dash"],
)
def test_a_path_may_hold_what_a_url_may_not(name, odd):
    said = refused(["list", f"--db={name}.db"], odd)
    assert f"There is no database {odd / name}.db" in said


def test_the_environment_may_name_it_as_wrongly(odd, monkeypatch):
    monkeypatch.setenv("RUNS_DB", "nonsense://me:hunter2xyz@host/runs")
    assert "hunter2xyz" not in refused(["list"], odd)
