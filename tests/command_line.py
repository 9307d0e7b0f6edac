"""Call the command line in this process, and check how it refuses a request."""

import contextlib
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cli.main import main

SIZES = ("--train-size", "6", "--validation-size", "4", "--test-size", "4")
"""Splits that fit a data set of a few rows."""
SMALL = ("--train-size", "48", "--validation-size", "16", "--test-size", "32", "--epochs", "1", "--max-length", "32")
"""Settings of a training that takes a moment."""
_MAX_HASHED_BYTES = 1 << 26
_MAX_MESSAGE_LENGTH = 6_000


class Result(NamedTuple):
    """What a call printed, and its exit code."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run_cli(argv: Sequence[str], stdout: io.StringIO | None = None) -> Result:
    """Execute a command line."""
    out, err = stdout or io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
    return Result(code, out.getvalue(), err.getvalue())


def folder_contents(folder: Path) -> dict[str, str]:
    """Return every path in a folder with a hash of the file, without SQLite's files beside an open database."""
    paths = (path for path in sorted(folder.rglob("*")) if not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): _describe(path) for path in paths}


def _describe(path: Path) -> str:
    if not path.is_file():
        return "no file"
    size = path.stat().st_size
    return hashlib.sha256(path.read_bytes()).hexdigest() if size < _MAX_HASHED_BYTES else f"{size} bytes"


def refusal_faults(code: int, err: str) -> list[str]:
    """Return what is wrong with the refusal of a request: it has exit code 2 and is one message without traceback."""
    rules = {
        f"exit code {code}, not 2": code == 2,
        "a traceback": "Traceback" not in err,
        "an unexpected error": "unexpected " not in err,
        "not exactly one message": err.count("runner.py: ") == 1,
        "a message that is too long": len(err) < _MAX_MESSAGE_LENGTH,
    }
    return [fault for fault, holds in rules.items() if not holds]


def assert_refused(argv: Sequence[str], folder: Path) -> str:
    """Assert that a request is refused and changes nothing in the folder; return the message on one line."""
    before = folder_contents(folder)
    code, _, err = run_cli(argv)
    assert not refusal_faults(code, err), (refusal_faults(code, err), err)
    assert folder_contents(folder) == before
    return " ".join(err[err.index("runner.py: ") :].split())
