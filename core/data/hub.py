"""Labelled text from the Hugging Face Hub."""

from typing import Any

import pandas as pd

from core.data.bundled import BUNDLED
from core.errors import RequestError, did_you_mean

SPLIT_NAMES = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}


def read_hub(name: str) -> tuple[pd.DataFrame, str | None]:
    """Return all labelled rows of a Hub data set, with their split, and its revision.

    Class labels come back as their names. Splits of other names (``unsupervised``) are left out,
    unless there is no other. Raises `RequestError` where it can't be had, with what works offline.
    """
    import datasets  # slow to import, and not needed for bundled data

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the loader raises a different type for each of a dozen causes
        raise RequestError(_unavailable(name, error)) from error
    known = {split: data for split, data in loaded.items() if split in SPLIT_NAMES} or dict(loaded)
    frames = [_frame(split, data) for split, data in known.items()]
    revision = next((_revision(data) for data in known.values()), None)
    return pd.concat(frames, ignore_index=True), revision


def _frame(split: str, data: Any) -> pd.DataFrame:
    frame: pd.DataFrame = data.to_pandas()
    for column, feature in data.features.items():
        if hasattr(feature, "int2str"):
            frame[column] = [feature.int2str(int(code)) if code >= 0 else None for code in frame[column]]
    return frame.assign(__split__=SPLIT_NAMES.get(split))


def _revision(data: Any) -> str | None:
    """Return the commit in the download addresses, where the builder kept them."""
    for address in data.info.download_checksums or {}:
        if "@" in address:
            return str(address).split("@", 1)[1].split("/", 1)[0]
    return None


def _unavailable(name: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"'{name}' is neither a bundled data set nor a file, and the Hugging Face Hub did not give it "
        f"({type(error).__name__}: {reason}).{did_you_mean(name, BUNDLED)} "
        f"Without a network these work: {', '.join(BUNDLED)}, or any CSV, TSV, JSONL or Parquet file."
    )
