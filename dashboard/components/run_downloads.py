"""Downloads of a run: its files, predictions, settings and log."""

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
from dashboard.components.table_downloads import spreadsheet_csv

MAX_ZIP_BYTES = 200_000_000
"""The server keeps the zip file in memory while it sends it."""
_ALL_LINES = 1_000_000


def files_zip(run_id: int) -> bytes:
    """Return a run's files as a zip file with one folder, named as on disk.

    Raises `RequestError` for a symbolic link and if the files are too large.
    """
    files, folder = data.files(run_id), data.folder_name(run_id)
    if sum(path.stat().st_size for path in files.values()) > MAX_ZIP_BYTES:
        raise RequestError(f"The files of run {run_id} are larger than {format_bytes(MAX_ZIP_BYTES)}.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # weights hardly compress
        for inside, path in files.items():
            archive.write(path, f"{folder}/{inside}")
    return buffer.getvalue()


def predictions(run_id: int) -> pd.DataFrame:
    """Return a run's predictions on the test split with the probability of each label and the source's columns.

    A column of the source with a reserved name gets ``(source)`` appended.
    """
    rows, probabilities = data.predictions_with_outcomes(run_id), data.probabilities(run_id)
    frame = rows[["position", "text", "label", "predicted", "confidence"]].rename(columns={"label": "true label"})
    names = [f"probability of {label}" for label in data.labels(run_id)]
    extra = pd.DataFrame(rows["extra"].tolist(), index=rows.index)
    reserved = {*frame.columns, *names, "truncated"}
    extra.columns = [f"{name} (source)" if name in reserved else name for name in map(str, extra.columns)]
    shares = pd.DataFrame(probabilities.astype(object), columns=names)
    return pd.concat([frame, shares, extra, rows[["truncated"]]], axis=1)


def predictions_csv(run_id: int) -> str:
    """Return the predictions as CSV for spreadsheets."""
    return spreadsheet_csv(predictions(run_id))


def config_yaml(run_id: int) -> str:
    """Return a run's settings as a file for ``python runner.py --config``.

    A list becomes a text with commas: a YAML list would mean several runs.
    """
    settings = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in data.config_of(run_id).items()
        if value is not None
    }
    return str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def log_text(run_id: int) -> str:
    """Return the complete log of a run."""
    return format_log(data.log_lines(run_id, _ALL_LINES))


def format_log(log: pd.DataFrame) -> str:
    """Return lines of a log with their times (UTC)."""
    return "".join(f"{at:%Y-%m-%d %H:%M:%S}  {text}\n" for at, text in zip(log["at"], log["text"], strict=True))


def draw_downloads(run_id: int) -> None:
    """Draw the downloads of a run; each file is created on demand."""
    _files_button(run_id)
    if data.run(run_id).state == "complete":
        _button("Predictions (CSV)", predictions_csv, run_id, "predictions.csv", "text/csv")
    help_ = "Train with these settings again: `python runner.py --config FILE`"
    _button("Settings (YAML)", config_yaml, run_id, "config.yaml", "application/yaml", help=help_)
    _button("Log (text)", log_text, run_id, "log.txt", "text/plain")


def _files_button(run_id: int) -> None:
    """Draw the download of a run's files, or why there is none."""
    run = data.run(run_id)
    try:
        size = sum(path.stat().st_size for path in data.files(run_id).values())
    except RequestError as error:
        st.caption(escape_markdown(error))
        return
    if size > MAX_ZIP_BYTES:
        message = f"The files ({format_bytes(size)}) are too large for a zip file. Folder: {run.adapter_path}"
        st.caption(escape_markdown(message))
    elif size:
        title = "Adapter" if run.kind == "adapter" else "Model files"
        _button(f"{title} (zip, {format_bytes(size)})", files_zip, run_id, "files.zip", "application/zip")


def _button(
    label: str, make: Callable[[int], str | bytes], run_id: int, name: str, mime: str, help: str | None = None
) -> None:
    st.download_button(
        label,
        partial(make, run_id),
        f"run-{run_id}-{name}",
        mime,
        key=name,
        help=help,
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )
