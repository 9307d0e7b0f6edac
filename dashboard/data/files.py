"""The files that a run left beside the database."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import RequestError
from core.store.records import Run, is_resumable
from dashboard.data.cache import store
from dashboard.data.runs import everything, row, run

_LONGEST_HEADER = 10_000_000
"""Bytes; the format of safetensors allows ten times as many, which no adapter needs."""
LONGEST_CARD = 200_000
"""Characters of a model card that are shown."""


def folder_is_gone(run_id: int) -> bool:
    """Tell whether a run left files that are no longer beside the database."""
    folder = run(run_id).adapter_folder(store().folder)
    return run(run_id).adapter_path is not None and (folder is None or not folder.is_dir())


def folder_name(run_id: int) -> str:
    """Return the name of the folder that a run's files lie in; empty where it has none."""
    folder = run(run_id).adapter_folder(store().folder)
    return folder.name if folder else ""


def files(run_id: int) -> dict[str, Path]:
    """Return the files of a run by their path within its folder; none where it has no folder.

    Raises `RequestError` where one of them is a link: it may lead anywhere.
    """
    folder = run(run_id).adapter_folder(store().folder)
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")) if folder else ():
        inside = path.relative_to(folder).as_posix()  # type: ignore[arg-type]
        if path.is_symlink():
            raise RequestError(f"The files of run {run_id} are not given out: '{inside}' is a link.")
        if path.is_file():
            found[inside] = path
    return found


def model_card(run_id: int) -> str | None:
    """Return the beginning of the model card among a run's `files`, in Markdown; None where there is none."""
    card = files(run_id).get("README.md")
    if card is None:
        return None
    with card.open(encoding="utf-8", errors="replace") as file:
        return file.read(LONGEST_CARD)


def model_width(run_id: int) -> int | None:
    """Return the hidden size of a run's model, read beside an adapter on that model; None where that is not to be had.

    A head is saved with its adapter; its last dimension is what the model hands on.
    """
    frame, model = everything(), row(run_id).model
    alike = frame.loc[(frame["model"] == model) & frame["adapter_path"].notna() & (frame["kind"] == "adapter"), "id"]
    known = (_width_of_head(run(number)) for number in (run_id, *alike.tail(3)))
    return next((width for width in known if width), None)


def _width_of_head(one: Run) -> int | None:
    heads, weights = one.environment.get("new_modules", []), None
    with suppress(RequestError):
        weights = files(one.id).get("adapter_model.safetensors")
    if weights is None:
        return None
    shapes = [entry.get("shape") for name, entry in _header(weights) if any(f".{head}." in name for head in heads)]
    matrices = [shape for shape in shapes if isinstance(shape, list) and len(shape) == 2]
    return min((shape[-1] for shape in matrices if isinstance(shape[-1], int)), default=None)


def _header(weights: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return what a safetensors file tells of its tensors, each with its name; nothing of one that is damaged."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            told = json.loads(file.read(length)) if length <= _LONGEST_HEADER else {}
        except (ValueError, RecursionError):
            return []
    return [(name, entry) for name, entry in told.items() if isinstance(entry, dict)] if isinstance(told, dict) else []


def can_resume(run_id: int) -> bool:
    """Return whether a run that ended early left the files to resume it."""
    record = run(run_id)
    folder = record.work_folder(store().folder)
    return is_resumable(record.state, record.error_type) and folder is not None and folder.is_dir()
