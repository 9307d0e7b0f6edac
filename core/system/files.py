"""User paths, checksums, and durable atomic writes."""

import errno
import os
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from core.errors import RequestError

WEIGHT_PATTERN = "*.safetensors"
"""Pattern of weight files, whose sizes are recorded in the run's row."""
CHECKSUM_PATTERNS = (WEIGHT_PATTERN, "*.json")
"""Patterns of the files in the checksum of the run's row; early runs have a checksum of the weights only."""


def parse_user_path(what: str, name: str) -> Path:
    """Return the path of a name that a user entered; ``~`` is the home folder.

    ``what``: the flag or a description, for the message. Raises `RequestError` for invalid or inaccessible paths.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
        path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no permission, unknown home, circular links
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RequestError(f"{what} {name[:200]!r} is not a valid path: {reason}. Enter another path.") from None
    return path


def write_atomically(target: Path, text: str) -> None:
    """Write a file atomically, replacing an existing one. Raises `OSError`."""
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    _flush(temporary)
    os.replace(temporary, target)


def publish_atomically(source: Path, target: Path) -> None:
    """Flush a file or a folder to disk, then rename it to its final name.

    Raises `OSError` if the target exists: ``os.rename`` would replace a file or an empty folder.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    for path in [*source.rglob("*"), source]:
        _flush(path)
    os.rename(source, target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders, and its file system keeps their entries consistent
    # Windows flushes only files opened for writing; other systems also flush read-only files and folders.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def compute_checksum(folder: Path, *patterns: str, excluded: Collection[Path] = ()) -> str:
    """Return the SHA-256 of the folder's files that match the patterns, in order of pattern and name."""
    checksum = sha256()
    paths = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    for path in (path for path in paths if path not in excluded):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                checksum.update(block)
    return checksum.hexdigest()


def matches_checksum(folder: Path, digest: str | None) -> bool:
    """Return whether a run's files match the checksum in its row; True without a checksum.

    Raises `OSError` if they cannot be read.
    """
    return digest is None or digest in (
        compute_checksum(folder, *CHECKSUM_PATTERNS),
        compute_checksum(folder, WEIGHT_PATTERN),
    )
