import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import NAMES, load_command
from cli.main import EXIT_BAD_REQUEST, EXIT_INTERRUPTED, EXIT_OK, EXIT_RUN_FAILED, main, parse
from core.errors import RequestError, RunError
from tests.command_line import run_cli

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_of_the_package_is_a_registered_command():
    modules = {path.stem for path in (ROOT / "cli" / "commands").glob("[!_]*.py")}
    assert modules == set(NAMES)


def test_without_a_command_run_is_executed():
    assert parse(["--r", "8"]).execute is load_command("run").execute
    assert parse([]).execute is parse(["run"]).execute


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError("no"), EXIT_BAD_REQUEST),
        (RunError("no"), EXIT_RUN_FAILED),
        (ZeroDivisionError("no"), EXIT_RUN_FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_becomes_one_message_and_an_exit_code(error, code, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("core.store.engine.open_store", fail)
    result = run_cli(["list"])
    assert (result.code, result.err.count("\n")) == (code, 1)
    assert type(error).__name__ in result.err or isinstance(error, RequestError | RunError)
    debugged = run_cli(["list", "--debug"])
    assert (debugged.code, "Traceback" in debugged.err) == (code, True)


def test_ctrl_c_ends_a_command_with_its_own_exit_code(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("core.store.engine.open_store", interrupt)
    assert run_cli(["list"]).code == EXIT_INTERRUPTED


def test_a_closed_pipe_ends_a_command_quietly(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "runner.py", "methods"]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        os.close(writer)
        assert process.wait() == EXIT_OK
        assert "Traceback" not in process.stderr.read()


def test_main_reads_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["runner.py", "lst"])
    assert main() == EXIT_BAD_REQUEST
    assert re.search(r"'list'", capsys.readouterr().err)
