"""The files that a run saved beside the database."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import RequestError
from core.store.records import Run, is_resumable
from core.text.sanitize import escape_invisible
from dashboard.data.cache import store
from dashboard.data.runs import all_runs, exact_run, run_row

_MAX_HEADER_BYTES = 10_000_000
"""A tenth of the limit of safetensors; the headers of adapters are far smaller."""


def is_folder_missing(run_id: int) -> bool:
    """Return whether a run saved files that are no longer beside the database."""
    record = exact_run(run_id)
    folder = record.adapter_folder(store().folder)
    return record.adapter_path is not None and (folder is None or not folder.is_dir())


def folder_name(run_id: int) -> str:
    """Return the name of the folder of a run's files; empty without one."""
    folder = exact_run(run_id).adapter_folder(store().folder)
    return folder.name if folder else ""


def files(run_id: int) -> dict[str, Path]:
    """Return the files of a run by their path within its folder; empty without a folder.

    Raises `RequestError` for a symbolic link, which may point anywhere.
    """
    folder = exact_run(run_id).adapter_folder(store().folder)
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")) if folder else ():
        inside = path.relative_to(folder).as_posix()  # type: ignore[arg-type]
        if path.is_symlink():
            raise RequestError(f"The files of run {run_id} cannot be downloaded: '{inside}' is a symbolic link.")
        if path.is_file():
            paths[inside] = path
    return paths


def model_card(run_id: int) -> str | None:
    """Return the beginning of a run's model card in Markdown; None without one."""
    from core.report.model_card import read_model_card

    card = read_model_card(exact_run(run_id), store().folder)
    return card and escape_invisible(card)


def hidden_size(run_id: int) -> int | None:
    """Return the hidden size of a run's model, read from a saved head of a run on that model; None without one.

    The last dimension of a classification head is the hidden size of the model.
    """
    frame, model = all_runs(), run_row(run_id).model
    alike = frame.loc[(frame["model"] == model) & frame["adapter_path"].notna() & (frame["kind"] == "adapter"), "id"]
    sizes = (_head_width(exact_run(other)) for other in (run_id, *alike.tail(3)))
    return next((size for size in sizes if size), None)


def _head_width(run: Run) -> int | None:
    heads, weights = run.environment.get("new_modules", []), None
    with suppress(RequestError):
        weights = files(run.id).get("adapter_model.safetensors")
    if weights is None:
        return None
    shapes = [
        entry.get("shape") for name, entry in _safetensors_header(weights) if any(f".{head}." in name for head in heads)
    ]
    matrices = [shape for shape in shapes if isinstance(shape, list) and len(shape) == 2]
    return min((shape[-1] for shape in matrices if isinstance(shape[-1], int)), default=None)


def _safetensors_header(weights: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return name and description of each tensor in a safetensors file; empty for a damaged file."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= _MAX_HEADER_BYTES else {}
        except (ValueError, RecursionError):
            return []
    entries = header.items() if isinstance(header, dict) else ()
    return [(name, entry) for name, entry in entries if isinstance(entry, dict)]


def can_resume(run_id: int) -> bool:
    """Return whether a run that ended early has the files to resume it."""
    record = exact_run(run_id)
    folder = record.work_folder(store().folder)
    return is_resumable(record.state, record.error_type) and folder is not None and folder.is_dir()
