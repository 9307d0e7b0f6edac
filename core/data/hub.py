"""Read labeled text from the Hugging Face Hub."""

from importlib.util import find_spec
from typing import Any

import pandas as pd

from core.data.bundled import BUNDLED
from core.data.source_splits import SPLIT_COLUMN
from core.errors import RequestError, did_you_mean


def read_hub_dataset(name: str, config: str | None = None) -> tuple[pd.DataFrame, str | None]:
    """Return all rows of a Hub data set with the names of their splits, and its revision.

    ``config``: the name of its configuration. Class labels are returned as names, in the order of their codes; a hidden
    label (-1) is missing. Raises `RequestError` if the data set is unavailable, or if a configuration must be named.
    """
    import datasets  # slow to import, and not needed for bundled data

    if name.isidentifier() and find_spec(f"datasets.packaged_modules.{name}"):
        # The library would take it as the name of a format and read files of the current folder.
        raise RequestError(_unavailable(name, FileNotFoundError("Hub names have an owner, as in owner/name")))
    try:
        loaded = datasets.load_dataset(name, config)
    except Exception as error:  # the loader raises many types of errors
        configs = _configs(name)
        if configs and config not in configs and (config is not None or len(configs) > 1):
            raise RequestError(_which_config(name, config, configs)) from None
        raise RequestError(_unavailable(name, error)) from error
    frames = [_frame(split, data) for split, data in loaded.items()]
    revision = next((_revision(data) for data in loaded.values()), None)
    return pd.concat(frames, ignore_index=True), revision


def _configs(name: str) -> list[str]:
    import datasets

    try:
        return list(datasets.get_dataset_config_names(name))
    except Exception:  # unavailable: the first error states why
        return []


def _frame(split: str, data: Any) -> pd.DataFrame:
    frame: pd.DataFrame = data.to_pandas()
    for column, feature in data.features.items():
        if hasattr(feature, "int2str"):
            codes = frame[column].fillna(-1).astype(int)
            frame[column] = pd.Categorical.from_codes(codes.clip(lower=-1), feature.names, ordered=True)
    return frame.assign(**{SPLIT_COLUMN: split})


def _revision(data: Any) -> str | None:
    """Return the commit in the download addresses, if the builder recorded them."""
    for address in data.info.download_checksums or {}:
        if "@" in address:
            return str(address).split("@", 1)[1].split("/", 1)[0]
    return None


def _which_config(name: str, config: str | None, configs: list[str]) -> str:
    listed = f"{', '.join(configs[:30])}{' …' if len(configs) > 30 else ''}"
    if config is None:
        return f"'{name}' has several configurations: {listed}. Name one with --dataset-config."
    return f"--dataset-config '{config}' is not in '{name}'. It has: {listed}.{did_you_mean(config, configs)}"


def _unavailable(name: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"'{name}' is not a bundled data set, not a file, and not available from the Hugging Face Hub "
        f"({type(error).__name__}: {reason}).{did_you_mean(name, BUNDLED)} "
        f"Available offline: {', '.join(BUNDLED)}, or any CSV, TSV, JSONL, JSON or Parquet file."
    )
