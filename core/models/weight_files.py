"""Require complete safetensors files beside a model's configuration."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.utils import ADAPTER_CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, cached_file

from core.errors import RequestError

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def require_safetensors(name: str, path: str, revision: str | None) -> None:
    """Raise `RequestError` unless a model's folder contains complete weights as safetensors.

    ``path``: a folder or a Hub name. transformers would apply an adapter found beside a model, and read any files that
    a shard index names, including pickles and files of other folders.
    """
    if _cached_path(path, ADAPTER_CONFIG_NAME, revision):
        raise RequestError(
            f"{name} contains an adapter ({ADAPTER_CONFIG_NAME}), which would be applied silently. "
            "Pass its base model, or merge the two and pass the merged model."
        )
    if index := _cached_path(path, SAFE_WEIGHTS_INDEX_NAME, revision):
        _refuse_invalid_shards(name, Path(index), is_local=Path(path).is_dir())
    if Path(path).is_dir():
        _refuse_damaged(name, Path(path))


def pickled_weights_message(name: str) -> str:
    """Return the message about a model without safetensors weights."""
    return (
        f"{name} has no safetensors weights. Pickled weights can run code and are not loaded; "
        "convert them with transformers' save_pretrained."
    )


def _cached_path(path: str, file: str, revision: str | None) -> Any:
    """Return the local path of a model's file; None if it has none."""
    return cached_file(
        path,
        file,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )


def _refuse_invalid_shards(name: str, index: Path, *, is_local: bool) -> None:
    """Raise `RequestError` if a shard index is damaged or names other files than safetensors files beside it."""
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(f"{index} is damaged ({type(error).__name__}). Download the model again.") from None
    for shard in sorted(map(str, shards)):
        if Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise RequestError(
                f"{index.name} of {name} names {shard!r:.200}, but weights are read only from *.safetensors "
                "files beside it. Download the model again."
            )
        if is_local and not (index.parent / shard).is_file():
            raise RequestError(
                f"{index.parent / shard} is missing, but {index.name} names it. Download the model again."
            )


def _refuse_damaged(name: str, folder: Path) -> None:
    """Raise `RequestError` if a folder lacks complete safetensors files; the Hub's are checked when they are loaded."""
    weights = sorted(folder.glob("*.safetensors"))
    for path in weights:
        try:
            with safe_open(path, "numpy"):  # reads the header, which states the length
                pass
        except (OSError, SafetensorError) as error:
            raise RequestError(
                f"{path} is damaged ({' '.join(str(error).split())}). Download the model again."
            ) from None
    if not weights:
        if any(path for pattern in _PICKLED for path in folder.glob(pattern)):
            raise RequestError(pickled_weights_message(name))
        raise RequestError(f"The folder {folder} contains no weights. Expected a *.safetensors file.")
