"""Where a model's weights lie: in whole safetensors of its own, and nowhere else."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.utils import ADAPTER_CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, cached_file

from core.errors import RequestError

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def refuse_other_weights(name: str, path: str, revision: str | None) -> None:
    """Raise `RequestError` where the weights of a model would come from anything but whole safetensors of its own.

    ``path``: a folder, or the Hub's name. transformers puts an adapter that lies beside a model on
    it, and reads whatever files an index of parts names: pickles, and those of other folders.
    """
    if _found(path, ADAPTER_CONFIG_NAME, revision):
        raise RequestError(
            f"{name} holds an adapter ({ADAPTER_CONFIG_NAME}), and what it is fine-tuned on would not be what it says. "
            "Name its base model; or merge the two first, and name the merged one."
        )
    if index := _found(path, SAFE_WEIGHTS_INDEX_NAME, revision):
        _refuse_foreign_parts(name, Path(index), here=Path(path).is_dir())
    if Path(path).is_dir():
        _refuse_damaged(name, Path(path))


def only_pickled(name: str) -> str:
    """Return what is said of a model without safetensors."""
    return (
        f"{name} has no safetensors weights. Pickled weights can run code and are not loaded; "
        "convert them with transformers' save_pretrained."
    )


def _found(path: str, file: str, revision: str | None) -> Any:
    """Return where a model's file lies here, None where it has none."""
    return cached_file(
        path,
        file,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )


def _refuse_foreign_parts(name: str, index: Path, *, here: bool) -> None:
    """Refuse an index of parts that can't be read, or names no safetensors beside it; ``here``: they lie here."""
    try:
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(f"{index} is damaged ({type(error).__name__}). Get the model anew.") from None
    for part in sorted(map(str, parts)):
        if Path(part).name != part or not part.endswith(".safetensors"):
            raise RequestError(
                f"{index.name} of {name} names {part!r:.200}: the weights are not read from there, but from "
                "*.safetensors files beside it alone. Get the model anew."
            )
        if here and not (index.parent / part).is_file():
            raise RequestError(f"{index.parent / part} is missing, and {index.name} names it. Get the model anew.")


def _refuse_damaged(name: str, folder: Path) -> None:
    """Refuse a folder without whole safetensors; of a Hub model it shows when its weights are asked for."""
    weights = sorted(folder.glob("*.safetensors"))
    for path in weights:
        try:
            with safe_open(path, "numpy"):  # reads its head, which says how long it is
                pass
        except (OSError, SafetensorError) as error:
            raise RequestError(f"{path} is damaged ({' '.join(str(error).split())}). Get the model anew.") from None
    if not weights:
        if any(path for pattern in _PICKLED for path in folder.glob(pattern)):
            raise RequestError(only_pickled(name))
        raise RequestError(f"The folder {folder} holds no weights: a *.safetensors file was expected.")
