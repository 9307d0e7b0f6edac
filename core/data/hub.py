"""Labeled text from the Hugging Face Hub."""

from importlib.util import find_spec
from typing import Any

import pandas as pd

from core.data.bundled import BUNDLED
from core.data.class_labels import name_class_labels
from core.data.source_splits import SPLIT_COLUMN
from core.errors import RequestError, did_you_mean

_MAX_LISTED_CONFIGURATIONS = 30


def read_hub_dataset(name: str, config: str | None = None) -> tuple[pd.DataFrame, str | None]:
    """Return all rows of a Hub data set with a column of their splits, and the data set's revision.

    ``config``: one of its configurations. Class labels are returned by name, ordered by their codes; a
    hidden label (-1) is missing. Raises `RequestError` if the data set is not available, or if it has
    several configurations and none or an unknown one is named.
    """
    import datasets  # slow to import, and bundled data does not need it

    if name.isidentifier() and find_spec(f"datasets.packaged_modules.{name}"):
        # datasets interprets such a name as a file format and reads the working directory.
        raise _unavailable_error(name, FileNotFoundError("a data set's name has an owner: owner/name"))
    try:
        splits = datasets.load_dataset(name, config)
    except Exception as error:  # the loader raises many types
        configs = _list_configurations(name)
        if configs and config not in configs and (config is not None or len(configs) > 1):
            raise _configuration_error(name, config, configs) from None
        raise _unavailable_error(name, error) from error
    frames = [_to_frame(split, data) for split, data in splits.items()]
    revision = next((_revision(data) for data in splits.values()), None)
    return pd.concat(frames, ignore_index=True), revision


def _list_configurations(name: str) -> list[str]:
    import datasets

    try:
        return list(datasets.get_dataset_config_names(name))
    except Exception:  # the data set is unavailable; the caller reports the first error
        return []


def _to_frame(split: str, data: Any) -> pd.DataFrame:
    return name_class_labels(data.to_pandas(), data.features).assign(**{SPLIT_COLUMN: split})


def _revision(data: Any) -> str | None:
    """Return the commit in the download URLs, if the builder recorded them."""
    for url in data.info.download_checksums or {}:
        if "@" in url:
            return str(url).split("@", 1)[1].split("/", 1)[0]
    return None


def _configuration_error(name: str, config: str | None, configs: list[str]) -> RequestError:
    listed = ", ".join(configs[:_MAX_LISTED_CONFIGURATIONS])
    listed += " …" if len(configs) > _MAX_LISTED_CONFIGURATIONS else ""
    if config is None:
        return RequestError(
            f"'{name}' has several configurations: {listed}. Select one with --dataset-config.",
            code="ambiguous_configuration",
        )
    return RequestError(
        f"--dataset-config '{config}' is not in '{name}'. Configurations: {listed}.{did_you_mean(config, configs)}",
        code="unknown_configuration",
    )


def _unavailable_error(name: str, error: Exception) -> RequestError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return RequestError(
        f"'{name}' is neither a bundled data set nor a file, and loading it from the Hugging Face Hub failed "
        f"({type(error).__name__}: {reason}).{did_you_mean(name, BUNDLED)} "
        f"Available offline: {', '.join(BUNDLED)}, or a data file or folder.",
        code="dataset_unavailable",
    )
