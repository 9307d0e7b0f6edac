"""Load a table of labeled text by its name: a bundled data set, a file, or a data set of the Hub."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.config import RunConfig, flag
from core.data import bundled
from core.data.file_tables import ReadOptions
from core.data.folders import is_folder_or_archive, read_folder
from core.data.hub import read_hub_dataset
from core.data.readers import file_suffix, is_supported, read_table
from core.errors import RequestError, did_you_mean
from core.system.files import parse_user_path

_HUB_ADDRESS = re.compile(r"(?:https://huggingface\.co/|hf://)datasets/([\w.-]+(?:/[\w.-]+)?)/?")


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
    name = _local_or_hub_name(flag(field), getattr(config, field))
    if name in bundled.BUNDLED:
        return Table(name, name, f"bundled:{name}", None, bundled.load_bundled(name))
    path = parse_user_path(flag(field), name)
    if is_folder_or_archive(path) or is_supported(path) or path.exists():
        if not path.exists():
            hint = did_you_mean(path.name, list_folder(path.parent))
            raise RequestError(f"File not found: {name}.{hint}", code="no_file")
        read = read_folder if is_folder_or_archive(path) else read_table
        frame, revision, notes = read(path, ReadOptions(config.encoding, config.no_header))
        return Table(name, _table_name(path), f"file:{name}", revision, frame, notes)
    frame, hub_revision = read_hub_dataset(name, config.dataset_config)
    full_name = f"{name}:{config.dataset_config}" if config.dataset_config else name
    return Table(name, full_name, f"hub:{full_name}", hub_revision, frame)


def _table_name(path: Path) -> str:
    """Return the name of a file without its suffix, or of a folder."""
    return path.resolve().name if path.is_dir() else path.name[: -len(file_suffix(path)) or None]


def _local_or_hub_name(flag_name: str, name: str) -> str:
    """Return the name of a Hub data set that an address contains; other names unchanged.

    Raises `RequestError` for any other address.
    """
    match = _HUB_ADDRESS.fullmatch(name)
    if match is None and "://" in name:
        raise RequestError(
            f"{flag_name} {name:.200} is an address. Download the file and pass its path, or pass the name of a data "
            "set of the Hugging Face Hub, such as owner/name.",
            code="address",
        )
    return match[1] if match else name


def list_folder(folder: Path) -> list[str]:
    """Return the names of the files and folders in a folder; none if it does not exist."""
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def is_same_dataset(table: Table, other: Table) -> bool:
    """Return whether two tables are the same data set: equal names, or paths of the same file or folder."""
    if table.requested_name == other.requested_name:
        return True
    if not all(entry.source.startswith("file:") for entry in (table, other)):
        return False
    return Path(table.requested_name).expanduser().samefile(Path(other.requested_name).expanduser())
