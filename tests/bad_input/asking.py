"""A request that can't be granted, and all that has to hold of the answer."""

import contextlib
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from cli.main import main

SIZES = ("--train-size", "6", "--validation-size", "4", "--test-size", "4")


_HASHED = 1 << 26  # bytes


def contents(folder: Path) -> dict[str, str]:
    """Return every path in a folder, with a hash of the files; what SQLite keeps beside an open database aside."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith(("-wal", "-shm")):
            name = str(path.relative_to(folder))
            found[name] = _told(path)
    return found


def _told(path: Path) -> str:
    if not path.is_file():
        return "no file"
    size = path.stat().st_size
    return hashlib.sha256(path.read_bytes()).hexdigest() if size < _HASHED else f"{size} bytes"


def ask(argv: Sequence[str]) -> tuple[int, str, str]:
    """Call the program in this process; return its exit code, its output and its messages."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return code, out.getvalue(), err.getvalue()


def complaint(code: int, err: str) -> str:
    """Return what is wrong with the answer to a wrong request; nothing where it is as promised."""
    promises = {
        f"exit code {code}, not 2": code == 2,
        "a traceback": "Traceback" not in err,
        "an error that nobody foresaw": "unexpected " not in err,
        "no message": "runner.py: " in err,
        "several messages": err.count("runner.py: ") <= 1,
        "a message nobody reads to its end": len(err) < 6_000,
        "a message without an end": err.rstrip()[-1:].isprintable(),
    }
    return "; ".join(broken for broken, kept in promises.items() if not kept)


def refused(argv: Sequence[str], folder: Path) -> str:
    """Ask for something wrong; return the message. Nothing in the folder may have changed."""
    before = contents(folder)
    code, _, err = ask(argv)
    assert not complaint(code, err), f"{complaint(code, err)}:\n{err}"
    assert contents(folder) == before
    return err[err.index("runner.py: ") :]
