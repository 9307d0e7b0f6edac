"""Load a table of labeled text by its name: a bundled data set, a file, or a data set of the Hub."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.config import RunConfig, flag
from core.data import bundled
from core.data.file_tables import ReadOptions
from core.data.hub import read_hub_dataset
from core.data.readers import SUPPORTED_SUFFIXES, file_suffix, is_supported, read_table
from core.errors import RequestError, did_you_mean
from core.system.files import parse_user_path


@dataclass(frozen=True)
class Table:
    """The rows of a data set, as read.

    ``requested_name``: the name in the config, for messages. ``source``: the kind of source and the name.
    ``revision``: the SHA-256 of a file, the commit of a Hub data set if known, None for a bundled data set.
    ``notes``: sentences for the user about how it was read.
    """

    requested_name: str
    name: str
    source: str
    revision: str | None
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def load_table(config: RunConfig, field: str) -> Table:
    """Load the data set that a field of the config names.

    Raises `RequestError` if it cannot be found or read.
    """
    name: str = getattr(config, field)
    if name in bundled.BUNDLED:
        return Table(name, name, f"bundled:{name}", None, bundled.load_bundled(name))
    path = parse_user_path(flag(field), name)
    if path.is_dir():
        raise RequestError(
            f"{flag(field)} {name} is a folder. Name one of its files ({SUPPORTED_SUFFIXES}).", code="is_folder"
        )
    if is_supported(path) or path.exists():
        if not path.exists():
            hint = did_you_mean(path.name, list_folder(path.parent))
            raise RequestError(f"File not found: {name}.{hint}", code="no_file")
        frame, revision, notes = read_table(path, ReadOptions(config.encoding, config.no_header))
        return Table(name, path.name[: -len(file_suffix(path))], f"file:{name}", revision, frame, notes)
    frame, hub_revision = read_hub_dataset(name, config.dataset_config)
    full_name = f"{name}:{config.dataset_config}" if config.dataset_config else name
    return Table(name, full_name, f"hub:{full_name}", hub_revision, frame)


def list_folder(folder: Path) -> list[str]:
    """Return the names of the files and folders in a folder; none if it does not exist."""
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def is_same_dataset(name: str, other: str) -> bool:
    """Return whether two names refer to the same data set: equal names, or paths of the same file."""
    files = [Path(path).expanduser() for path in (name, other)]
    return name == other or (all(file.is_file() for file in files) and files[0].samefile(files[1]))
