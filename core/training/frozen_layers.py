"""Compute the frozen lower layers of a model once for each text instead of at every step."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import clear_frames
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from core.system.environment import release_memory
from core.training.oom import is_oom

MAX_MEMORY_BYTES = 2 * 2**30
"""Hidden states of more bytes are kept in a temporary file."""
MAX_DISK_SHARE = 0.8
"""Maximum share of the free disk space that the file may take."""
_BATCH_SIZE = 32
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""The largest accepted difference between cached and uncached values, relative to their norm."""

Collate = Callable[[list[dict[str, Any]]], Mapping[str, Tensor]]


@contextmanager
def cached_lower_layers(
    model: nn.Module, splits: Sequence[Dataset], collate: Collate, batch_size: int
) -> Iterator[int]:
    """Within the context, replace the frozen lower layers by their outputs for the texts of the splits.

    Yield the number of replaced layers. It is 0 if the first layer is trained, if the model has no single stack of
    layers, if cached and uncached values differ, as with dropout, or if the values exceed the memory or the disk.
    ``batch_size``: of training, which fits into memory. The values are computed in batches that depend on the texts
    only: a resumed training reads the same ones.
    """
    layers = _transformer_layers(model)
    depth = next((i for i, layer in enumerate(layers) if _is_trained(layer)), 0)
    if not depth:
        yield 0
        return
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        cache = _fill(_LayerCache(model, layers, depth, Path(folder)), splits, collate, batch_size)
        if cache is None:
            yield 0
            return
        with cache.applied():
            yield depth


def _fill(cache: "_LayerCache", splits: Sequence[Dataset], collate: Collate, batch_size: int) -> "_LayerCache | None":
    """Return the filled cache; None if training would differ with it, or if it does not fit into memory."""
    try:
        return cache if cache.fill(splits, collate, batch_size) else None
    except (RuntimeError, MemoryError) as error:
        if not is_oom(error):
            raise
        clear_frames(error.__traceback__)  # they reference the activations
    release_memory()
    return None


def _transformer_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers of the model's only stack; none if it has no or several stacks."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) > 1]
    nested = {id(child) for module in lists for child in module.modules() if child is not module}
    stacks = [stack for stack in lists if id(stack) not in nested and len({type(layer) for layer in stack}) == 1]
    return list(stacks[0]) if len(stacks) == 1 else []


def _is_trained(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


class _LayerCache:
    """The hidden states after the first ``depth`` layers, [tokens of all texts, d], and the rows of each text."""

    def __init__(self, model: nn.Module, layers: list[nn.Module], depth: int, folder: Path) -> None:
        self._model, self._lower, self._upper, self._folder = model, layers[:depth], layers[depth:], folder
        self._rows: dict[bytes, slice] = {}
        self._end = 0
        self._values = self._batch_values = torch.empty(0)
        self._output_length: int | None = None

    def fill(self, splits: Sequence[Dataset], collate: Collate, batch_size: int) -> bool:
        """Compute the hidden states; return whether training without the cache has the same."""
        inputs = [name for name in splits[0].column_names if name != "labels"]
        texts = [row for split in splits for row in split.select_columns(inputs).to_list()]
        texts.sort(key=lambda row: (len(row["input_ids"]), row["input_ids"]))
        groups = [texts[start : start + _BATCH_SIZE] for start in range(0, len(texts), _BATCH_SIZE)]
        sample_size = min(batch_size, _BATCH_SIZE)
        groups.append(texts[:: -(-len(texts) // sample_size)])  # texts of all lengths: padding must have no effect
        device = next(self._model.parameters()).device
        *batches, sample = (_to(collate(group), device) for group in groups)
        if "attention_mask" not in sample:
            return False
        with torch.random.fork_rng(), _in_mode(self._model, training=True):
            expected = self._uncached(sample)
        if expected is None:
            return False
        if not self._allocate(sum(int(batch["attention_mask"].sum()) for batch in batches), expected):
            return False
        with _in_mode(self._model, training=False), torch.no_grad():
            for batch in batches:
                self._store(batch)
            logits = self._model(**sample).logits
            with self.applied():
                cached_logits = self._model(**sample).logits
        mask = sample["attention_mask"].bool()
        return _are_close(self._read(sample)[mask], expected[mask]) and _are_close(cached_logits, logits)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Read the hidden states of each batch instead of computing them."""
        hook = self._model.register_forward_pre_hook(self._look_up, with_kwargs=True)
        first, *others = self._lower
        functions = {first: lambda _: self._batch_values, **dict.fromkeys(others, _identity)}
        try:
            with _replaced_forward(functions, self._wrap):
                yield
        finally:
            hook.remove()

    def _look_up(self, module: nn.Module, arguments: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        self._batch_values = self._read(inputs)

    def _uncached(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return the hidden states [b, t, d] of a batch; None if trained weights affect them."""
        outputs: list[Any] = []
        hook = self._lower[-1].register_forward_hook(lambda *arguments: outputs.append(arguments[-1]))
        try:
            self._model(**batch)
        finally:
            hook.remove()
        hidden: Tensor = outputs[-1][0] if isinstance(outputs[-1], tuple) else outputs[-1]
        self._output_length = len(outputs[-1]) if isinstance(outputs[-1], tuple) else None
        if hidden.requires_grad or hidden.ndim != 3 or hidden.shape[:2] != batch["input_ids"].shape:
            return None
        return hidden

    def _wrap(self, hidden: Tensor) -> Any:
        """Return the hidden states in the form of a layer's output."""
        return hidden if self._output_length is None else (hidden, *[None] * (self._output_length - 1))

    def _allocate(self, tokens: int, like: Tensor) -> bool:
        """Allocate the values in memory or, if they are large, in a file; return False if the disk lacks space."""
        size = tokens * like.shape[-1]
        size_bytes = size * like.element_size()
        if size_bytes <= MAX_MEMORY_BYTES:
            values = torch.empty(size, dtype=like.dtype)
        elif size_bytes > MAX_DISK_SHARE * shutil.disk_usage(self._folder).free:
            return False
        else:
            values = torch.from_file(str(self._folder / "hidden_states"), shared=True, size=size, dtype=like.dtype)
        self._values = values.view(tokens, like.shape[-1])
        return True

    def _store(self, batch: Mapping[str, Tensor]) -> None:
        captured: list[Tensor] = []

        def capture(hidden: Tensor) -> Tensor:
            captured.append(hidden)
            return hidden

        first, *others = self._upper
        with _replaced_forward({first: capture, **dict.fromkeys(others, _identity)}, self._wrap):
            self._model(**batch)
        for key, mask, hidden in zip(_keys(batch), batch["attention_mask"].bool(), captured[-1], strict=True):
            if key not in self._rows:
                rows = slice(self._end, self._end + int(mask.sum()))
                self._rows[key], self._end = rows, rows.stop
                self._values[rows] = hidden[mask].cpu()

    def _read(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the hidden states [b, t, d] of a batch, 0 at the padding."""
        masks = batch["attention_mask"].bool().cpu()
        values = self._values.new_zeros(*masks.shape, self._values.shape[1])
        for key, mask, row in zip(_keys(batch), masks, values, strict=True):
            row[mask] = self._values[self._rows[key]]
        return values.to(batch["input_ids"].device)


def _keys(batch: Mapping[str, Tensor]) -> list[bytes]:
    """Return the content of each text's unpadded inputs."""
    masks = batch["attention_mask"].bool().cpu()
    inputs = [batch[name].cpu() for name in ("input_ids", "token_type_ids") if name in batch]
    return [b"".join(rows[i][mask].numpy().tobytes() for rows in inputs) for i, mask in enumerate(masks)]


def _to(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in batch.items()}


def _are_close(actual: Tensor, expected: Tensor) -> bool:
    difference = (actual.float() - expected.float()).norm() / expected.float().norm().clamp(min=1e-12)
    return bool(difference <= _TOLERANCE.get(expected.dtype, 1e-4))


def _identity(hidden: Tensor) -> Tensor:
    return hidden


@contextmanager
def _in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    was_training = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(was_training)


@contextmanager
def _replaced_forward(
    functions: Mapping[nn.Module, Callable[[Tensor], Tensor]], wrap: Callable[[Tensor], Any]
) -> Iterator[None]:
    """Replace the forward pass of layers by functions of their hidden states."""

    def forward_of(function: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
        return lambda *args, **kwargs: wrap(function(args[0] if args else kwargs["hidden_states"]))

    for layer, function in functions.items():
        layer.forward = forward_of(function)
    try:
        yield
    finally:
        for layer in functions:
            del layer.forward
