"""Database addresses that cannot be used."""

import os
import sqlite3

import pytest

from tests.command_line import SIZES, assert_refused, folder_contents, run_cli

RUN = ["--method", "majority", *SIZES]
PASSWORD = "hunter2xyz"
FILES = ["folder", "text.db", "short.db", "cut.db", "foreign.db", "pipe.db", "circle.db"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with files that are not databases of runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNS_DB", raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("not a database, but a text that is long enough to have a header\n" * 20)
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
    "address",
    [
        *FILES,
        *("dangling.db", "nowhere/runs.db", "text.db/runs.db", "~no-such-user/runs.db", "/dev/zero", "/proc/runs.db"),
        pytest.param("x" * 300, id="a long name"),
        *("://", "sqlite:", "sqlite:///:memory:", "sqlite://host/runs.db", "sqlite:///folder"),
        *("sqlite:///text.db?mode=ro", "sqlite+nonsense:///runs.db", "nonsense://host/runs", "postgres:runs"),
        *("http://example.org/runs.db", "file:runs.db?mode=rwc"),
        f"mysql://me:{PASSWORD}@localhost:1/runs",
        f"postgresql://me:{PASSWORD}@127.0.0.1:1/runs",
        f"postgresql://me:{PASSWORD}@127.0.0.1:notaport/runs",
        f"postgresql://127.0.0.1:1/runs?password={PASSWORD}&connect_timeout=1",
    ],
)
def test_an_address_without_a_database_of_runs_is_refused(address, folder):
    assert PASSWORD not in assert_refused(["list", "--db", address], folder)


@pytest.mark.parametrize(
    "command", [["delete", "1", "--yes"], ["db", "upgrade"], RUN], ids=["delete", "upgrade", "run"]
)
@pytest.mark.parametrize(
    "address", ["text.db", "foreign.db", "nowhere/runs.db", "sqlite:", "postgresql://127.0.0.1:1/x"]
)
def test_commands_that_write_refuse_such_an_address_too(command, address, folder):
    assert_refused([*command, "--db", address], folder)


@pytest.mark.parametrize(
    ("action", "address"), [*(("check", name) for name in (*FILES, "nowhere.db")), ("recover", "text.db")]
)
def test_checking_a_file_that_is_not_a_database_changes_nothing(action, address, folder):
    before = folder_contents(folder)
    code, out, err = run_cli(["db", action, "--db", address])
    assert code in (1, 2) and "Traceback" not in err and "unexpected" not in err, err
    assert (out if code == 1 else err).strip()
    assert folder_contents(folder) == before


def test_listing_an_empty_file_is_refused(folder):
    assert "empty.db" in assert_refused(["list", "--db", "empty.db"], folder)


@pytest.mark.parametrize("name", ["with spaces and ünïcode", "50%25 off", "a?b#c&d=e", "'; DROP TABLE runs; --"])
def test_special_characters_of_urls_are_allowed_in_a_path(name, folder):
    assert f"{folder / name}.db" in assert_refused(["list", f"--db={name}.db"], folder)


def test_an_address_in_the_environment_is_checked_as_well(folder, monkeypatch):
    monkeypatch.setenv("RUNS_DB", f"nonsense://me:{PASSWORD}@host/runs")
    assert PASSWORD not in assert_refused(["list"], folder)
