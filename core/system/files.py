"""Paths that a person names, and files that are whole or not there at all, also after a power failure."""

import errno
import os
from hashlib import sha256
from pathlib import Path

from core.errors import RequestError

WEIGHT_PATTERN = "*.safetensors"
"""The files of an adapter whose sizes its run's row holds."""
CHECKSUM_PATTERNS = (WEIGHT_PATTERN, "*.json")
"""The files of an adapter whose hash its run's row holds; that of earlier runs is one of the weights alone."""


def parse_user_path(what: str, name: str) -> Path:
    """Return the path that a person named; ``~`` is the home. ``what``: the flag, or the word for it.

    Raises `RequestError` for a name that the system has no place for, or that it does not let us look at.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
        path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, not ours, a home of nobody, links in a circle
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RequestError(f"{what} {name[:200]!r} can't be a path here: {reason}. Name another one.") from None
    return path


def write_atomically(target: Path, text: str) -> None:
    """Write a file that is there whole, the earlier one until then. Raises `OSError`."""
    written = target.with_name(f".{target.name}-{os.getpid()}")
    written.write_text(text, encoding="utf-8")
    _settle(written)
    os.replace(written, target)


def publish_atomically(written: Path, target: Path) -> None:
    """Give a file or a folder that was written aside its name, once all that it holds is on the disk.

    Raises `OSError` where there is something of that name already: renaming alone puts a file in the
    place of another, and a folder in that of an empty one.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    for path in [*written.rglob("*"), written]:
        _settle(path)
    os.rename(written, target)
    _settle(target.parent)


def _settle(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders, and keeps their entries in order by itself
    # Windows flushes only what was opened for writing; elsewhere a read-only file is flushed as well, and a folder.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def compute_checksum(folder: Path, *patterns: str) -> str:
    """Return the SHA-256 of a folder's files of these patterns, one after another by name."""
    found = sha256()
    for path in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    return found.hexdigest()


def matches_checksum(folder: Path, digest: str | None) -> bool:
    """Tell whether a run's files are those that it saved, by the hash in its row; nothing speaks against those of none.

    Raises `OSError` where they can't be read.
    """
    return digest is None or digest in (
        compute_checksum(folder, *CHECKSUM_PATTERNS),
        compute_checksum(folder, WEIGHT_PATTERN),
    )
