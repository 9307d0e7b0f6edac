"""The folders of fallback databases, and the metadata file that says which database each belongs to."""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import RequestError
from core.store.engine import Store
from core.system.files import write_atomically

MIN_FREE_BYTES = 64 * 2**20
"""A folder on a disk with less free space is used only if no other has more."""
_METADATA_FILE = "aside.json"
_FOLDER_BESIDE_DATABASE = "aside"


@dataclass(frozen=True)
class Fallback:
    """A fallback database: its folder, the name of the database that it belongs to, and why it was created.

    ``imported_as``: the id that an import gave its run in that database; the import may be incomplete.
    """

    folder: Path
    database: str
    reason: str
    imported_as: int | None = None


def list_fallbacks(store: Store) -> list[Fallback]:
    """Return all fallback databases that belong to this database."""
    name = database_name(store)
    fallbacks = (read_metadata(folder) for parent in candidate_folders(store) for folder in _subfolders(parent))
    return [fallback for fallback in fallbacks if fallback is not None and fallback.database == name]


def discard_fallback(folder: Path) -> None:
    """Delete a fallback database that was imported. Raises `RequestError` if it cannot be deleted."""
    try:
        (folder / _METADATA_FILE).unlink()  # first: a folder without metadata is ignored
        shutil.rmtree(folder)
        with suppress(OSError):  # not empty: other fallback databases are in it
            folder.parent.rmdir()
    except FileNotFoundError:  # another process deleted it
        return
    except OSError as error:
        raise RequestError(
            f"{folder} was imported but cannot be deleted ({error}). Delete it manually.", code="discard_failed"
        ) from None


def database_name(store: Store) -> str:
    """Return a name of a database that does not depend on the user or the current folder."""
    url = store.engine.url
    if url.get_backend_name() == "sqlite":
        return store.address
    host, port = (url.host or url.query.get("host") or "localhost"), (url.port or url.query.get("port") or "")
    return f"{url.get_backend_name()}://{host}:{port}/{url.database}"


def candidate_folders(store: Store) -> list[Path]:
    """Return the parent folders for fallback databases in order of preference, those with free space first.

    They are a folder beside the database (SQLite only), one in the user's state folder, and one in the system's
    temporary folder.
    """
    user = getattr(os, "getuid", lambda: "user")()
    folders = [Path(tempfile.gettempdir()) / f"adapter-bench-{user}"]
    with suppress(RuntimeError):  # no home folder
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        folders.insert(0, state / "adapter-bench")
    if store.engine.dialect.name == "sqlite":
        folders.insert(0, store.folder / _FOLDER_BESIDE_DATABASE)
    return sorted(folders, key=lambda folder: _free_bytes(folder) < MIN_FREE_BYTES)


def _free_bytes(folder: Path) -> int:
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(existing).free if os.access(existing, os.W_OK) else 0
    except OSError:  # no permission
        return 0


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # missing, or no permission
        return []


def read_metadata(folder: Path) -> Fallback | None:
    """Return the fallback database in a folder; None without a valid metadata file of this user."""
    path = folder / _METADATA_FILE
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None  # another user's files, in a shared temporary folder, are untrusted
        content = json.loads(path.read_text(encoding="utf-8"))
        return Fallback(folder, str(content["database"]), str(content["reason"]), content.get("taken"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_metadata(fallback: Fallback) -> None:
    """Write a fallback database's metadata file. Raises `OSError`."""
    content = {"database": fallback.database, "reason": fallback.reason, "taken": fallback.imported_as}
    write_atomically(fallback.folder / _METADATA_FILE, json.dumps(content))
