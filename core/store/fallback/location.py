"""Where fallback databases are, and which database and run each belongs to."""

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
"""A place with less free space is used only where no other has more."""
_LABEL_FILE = "aside.json"
_FOLDER_BESIDE_DATABASE = "aside"


@dataclass(frozen=True)
class Fallback:
    """A fallback database: its folder, the name of the database that it belongs to, and why it was made.

    ``imported_as``: the id that its run received in that database by an import, which may not have been completed.
    """

    folder: Path
    database: str
    reason: str
    imported_as: int | None = None


def list_fallbacks(store: Store) -> list[Fallback]:
    """Return all fallback databases that belong to this database."""
    name = database_name(store)
    found = (read_label(folder) for place in candidate_places(store) for folder in _subfolders(place))
    return [fallback for fallback in found if fallback is not None and fallback.database == name]


def discard_fallback(folder: Path) -> None:
    """Delete a fallback database that was imported. Raises `RequestError` where it cannot be deleted."""
    try:
        (folder / _LABEL_FILE).unlink()  # first: a folder without a label is ignored from then on
        shutil.rmtree(folder)
        with suppress(OSError):  # not empty: it holds others
            folder.parent.rmdir()
    except FileNotFoundError:  # another process deleted it
        return
    except OSError as error:
        raise RequestError(
            f"{folder} was imported but cannot be deleted ({error}). Delete it manually.", code="discard_failed"
        ) from None


def database_name(store: Store) -> str:
    """Return a name that identifies a database independently of the user and the folder that it is opened from."""
    url = store.engine.url
    if url.get_backend_name() == "sqlite":
        return store.address
    host, port = (url.host or url.query.get("host") or "localhost"), (url.port or url.query.get("port") or "")
    return f"{url.get_backend_name()}://{host}:{port}/{url.database}"


def candidate_places(store: Store) -> list[Path]:
    """Return the folders for fallback databases in order of preference: those with free space first.

    Beside the database (SQLite only), then the user's state folder, then the system's temporary folder.
    """
    user = getattr(os, "getuid", lambda: "user")()
    places = [Path(tempfile.gettempdir()) / f"adapter-bench-{user}"]
    with suppress(RuntimeError):  # no home folder
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        places.insert(0, state / "adapter-bench")
    if store.engine.dialect.name == "sqlite":
        places.insert(0, store.folder / _FOLDER_BESIDE_DATABASE)
    return sorted(places, key=lambda place: _free_bytes(place) < MIN_FREE_BYTES)


def _free_bytes(folder: Path) -> int:
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(existing).free if os.access(existing, os.W_OK) else 0
    except OSError:  # no permission
        return 0


def _subfolders(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError:  # missing, or no permission
        return []


def read_label(folder: Path) -> Fallback | None:
    """Return what a folder's label says; None where it has no valid label of this user."""
    label = folder / _LABEL_FILE
    try:
        if hasattr(os, "getuid") and label.stat().st_uid != os.getuid():
            return None  # in a shared temporary folder, another user's records are untrusted
        content = json.loads(label.read_text(encoding="utf-8"))
        return Fallback(folder, str(content["database"]), str(content["reason"]), content.get("taken"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_label(fallback: Fallback) -> None:
    """Write the label that identifies a fallback database. Raises `OSError`."""
    content = {"database": fallback.database, "reason": fallback.reason, "taken": fallback.imported_as}
    write_atomically(fallback.folder / _LABEL_FILE, json.dumps(content))
