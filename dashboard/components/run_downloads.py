"""What can be taken away of a run: its files, its predictions, its settings and its log."""

import io
import zipfile
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st
import yaml

from core.errors import RequestError
from core.text.formatting import format_bytes
from dashboard import data
from dashboard.components.safe_text import escape_markdown
from dashboard.components.table_downloads import csv

LARGEST_ZIP = 200_000_000
"""Bytes of files that are still packed; the server holds the zip in its memory while it is sent."""
ALL_LINES = 1_000_000


def adapter_zip(run_id: int) -> bytes:
    """Return a run's files as a zip with one folder, named as that on disk.

    Raises `RequestError` where one of them is a link, and where they are too large.
    """
    files, folder = data.files(run_id), data.folder_name(run_id)
    if sum(path.stat().st_size for path in files.values()) > LARGEST_ZIP:
        raise RequestError(f"The files of run {run_id} are too large to be packed.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # weights hardly shrink
        for inside, path in files.items():
            archive.write(path, f"{folder}/{inside}")
    return packed.getvalue()


def predictions(run_id: int) -> pd.DataFrame:
    """Return a row a test example with what a run said of it, down to the probability of each label.

    A column of the source that is called like one of ours has «(source)» behind its name.
    """
    predictions_with_outcomes, shares = data.predictions_with_outcomes(run_id), data.probabilities(run_id)
    frame = pd.DataFrame(
        {
            "position": predictions_with_outcomes["position"],
            "text": predictions_with_outcomes["text"],
            "true label": predictions_with_outcomes["label"],
            "predicted": predictions_with_outcomes["predicted"],
            "confidence": predictions_with_outcomes["confidence"],
        }
    )
    names = [f"probability of {label}" for label in data.labels(run_id)]
    extra = pd.DataFrame(predictions_with_outcomes["extra"].tolist(), index=predictions_with_outcomes.index)
    taken = {*frame.columns, *names, "truncated"}
    extra.columns = [f"{name} (source)" if name in taken else name for name in map(str, extra.columns)]
    parts = [frame, pd.DataFrame(shares.astype(object), columns=names), extra, predictions_with_outcomes[["truncated"]]]
    return pd.concat(parts, axis=1)


def predictions_csv(run_id: int) -> str:
    """Return the predictions as CSV for spreadsheets, with the mark by which these know UTF-8."""
    return "\ufeff" + csv(predictions(run_id))


def config_yaml(run_id: int) -> str:
    """Return a run's settings as a file that ``python runner.py --config`` takes, and that makes the same settings.

    A list is written with commas: in such a file several values stand for several runs.
    """
    settings = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in data.config_of(run_id).items()
        if value is not None
    }
    return str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def log_text(run_id: int) -> str:
    """Return the whole log of a run as text, a line a line."""
    return as_text(data.log_lines(run_id, ALL_LINES))


def as_text(log: pd.DataFrame) -> str:
    """Return lines of a log with their times (UTC)."""
    return "".join(f"{at:%Y-%m-%d %H:%M:%S}  {text}\n" for at, text in zip(log["at"], log["text"], strict=True))


def downloads(run_id: int) -> None:
    """Draw what can be taken away of a run; each file is made when it is asked for."""
    run = data.run(run_id)
    with st.popover("Download", icon=":material/download:"):
        _files(run_id)
        if run.state == "complete":
            _button("Predictions (CSV)", predictions_csv, run_id, "predictions.csv", "text/csv")
        _button("Settings (YAML)", config_yaml, run_id, "config.yaml", "application/yaml")
        _button("Log (text)", log_text, run_id, "log.txt", "text/plain")
        st.caption("The settings are made to run again: python runner.py --config FILE")


def _files(run_id: int) -> None:
    """Draw the download of the files, or why there is none."""
    try:
        size = sum(path.stat().st_size for path in data.files(run_id).values())
    except RequestError as error:
        st.caption(escape_markdown(error))
        return
    if size > LARGEST_ZIP:
        where = f"{data.run(run_id).adapter_path}, beside the database"
        st.caption(
            escape_markdown(f"The files ({format_bytes(size)}) are too large to be packed. They lie in {where}.")
        )
    elif size:
        title = "Adapter" if data.run(run_id).kind == "adapter" else "Model files"
        _button(f"{title} (zip, {format_bytes(size)})", adapter_zip, run_id, "files.zip", "application/zip")


def _button(label: str, make: Callable[[int], str | bytes], run_id: int, name: str, mime: str) -> None:
    st.download_button(
        label, partial(make, run_id), f"run-{run_id}-{name}", mime, key=name, on_click="ignore", type="tertiary"
    )
