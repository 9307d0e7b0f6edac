"""The files that a run left beside the database."""

import json
from contextlib import suppress
from pathlib import Path

from core.errors import RequestError
from core.store.records import Run
from dashboard.cache import store
from dashboard.data.runs import everything, row, run

_LONGEST_HEADER = 100_000_000
"""Bytes: what the format of safetensors allows."""


def folder_is_gone(run_id: int) -> bool:
    """Tell whether a run left files that are no longer beside the database."""
    folder = run(run_id).folder(store().folder)
    return run(run_id).adapter_path is not None and (folder is None or not folder.is_dir())


def folder_name(run_id: int) -> str:
    """Return the name of the folder that a run's files lie in; empty where it has none."""
    folder = run(run_id).folder(store().folder)
    return folder.name if folder else ""


def files(run_id: int) -> dict[str, Path]:
    """Return the files of a run by their path within its folder; none where it has no folder.

    Raises `RequestError` where one of them is a link: it may lead anywhere.
    """
    folder = run(run_id).folder(store().folder)
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")) if folder else ():
        inside = path.relative_to(folder).as_posix()  # type: ignore[arg-type]
        if path.is_symlink():
            raise RequestError(f"The files of run {run_id} are not given out: '{inside}' is a link.")
        if path.is_file():
            found[inside] = path
    return found


def model_card(run_id: int) -> str | None:
    """Return the model card among a run's `files`, in Markdown; None where there is none."""
    card = files(run_id).get("README.md")
    return card.read_text(encoding="utf-8", errors="replace") if card else None


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
    shapes = {name: entry["shape"] for name, entry in _header(weights).items() if "shape" in entry}
    of_heads = [shape for name, shape in shapes.items() if any(f".{head}." in name for head in heads)]
    return min((shape[-1] for shape in of_heads if len(shape) == 2), default=None)


def _header(weights: Path) -> dict[str, dict[str, list[int]]]:
    """Return what a safetensors file tells of its tensors, by name; nothing of one that is damaged."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            return dict(json.loads(file.read(length))) if length <= _LONGEST_HEADER else {}
        except (ValueError, TypeError):
            return {}
