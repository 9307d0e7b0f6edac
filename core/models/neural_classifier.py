"""A transformers model and its tokenizer as a classifier, and batched inference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BatchEncoding
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.data.splits import Split
from core.errors import RequestError
from core.models.backbone import silence_libraries

INFERENCE_BATCH_SIZE = 32


class NeuralClassifier:
    """A model with a classification head; ``new_modules``: the modules that the base model's checkpoint lacks."""

    def __init__(self, model: nn.Module, tokenizer: PreTrainedTokenizerBase, new_modules: Sequence[str] = ()) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.new_modules = tuple(new_modules)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], in the order of the texts."""
        self.model.eval()
        return run_texts(self.model, self.tokenizer, texts, lambda batch: self.model(**batch).logits)

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return is_truncated(self.tokenizer, texts)

    def save(self, folder: Path) -> None:
        """Write the newly initialized modules only: the others are the base model's."""
        head = {key: value.contiguous() for key, value in self.model.state_dict().items() if self._is_new(key)}
        save_file(head, folder / "head.safetensors")

    def load_head(self, folder: Path) -> None:
        """Load what `save` wrote. Raises `RequestError` if it is not exactly the head of this model."""
        head = load_file(folder / "head.safetensors")
        if head.keys() != {key for key in self.model.state_dict() if self._is_new(key)}:
            raise RequestError(
                f"{folder / 'head.safetensors'} is not the head of this model. Restore the file, or run it again."
            )
        self.model.load_state_dict(head, strict=False)

    def _is_new(self, key: str) -> bool:
        return key.startswith(tuple(f"{name}." for name in self.new_modules))


def run_texts(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    forward: Callable[[BatchEncoding], Tensor],
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Run texts through a model in batches of similar length; return its outputs [n, d] in the order of the texts.

    ``on_progress``: is called after each batch with the number of texts that are done.
    """
    tokens = tokenize(tokenizer, texts)
    lengths = np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)
    device = next(model.parameters()).device
    rows: NDArray[np.float32] | None = None
    done = 0
    for indices in _batches(lengths, pads_right=tokenizer.padding_side == "right"):
        batch = tokenizer.pad({key: [tokens[key][i] for i in indices] for key in tokens}, return_tensors="pt")
        with torch.inference_mode():
            result = forward(batch.to(device)).float().cpu().numpy()
        if rows is None:
            rows = np.empty((len(lengths), result.shape[1]), dtype=np.float32)
        rows[indices] = result
        done += len(indices)
        if on_progress:
            on_progress(done)
    return rows if rows is not None else np.empty((0, 0), dtype=np.float32)


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, list[list[int]]]:
    """Tokenize texts, truncated to the maximum length; a text without tokens becomes one pad token.

    An end token within a text becomes the unknown token: heads of encoder-decoders read the last end token.
    """
    encoding = tokenizer(list(texts), truncation=True, max_length=tokenizer.model_max_length)
    placeholder = {"input_ids": [tokenizer.pad_token_id], "attention_mask": [1]}
    rows = {key: [row or placeholder.get(key, [0]) for row in column] for key, column in encoding.items()}
    end, unknown = tokenizer.eos_token_id, tokenizer.unk_token_id
    if unknown not in (None, end):
        rows["input_ids"] = [
            [unknown if token == end else token for token in ids[:-1]] + ids[-1:] if ids[-1] == end else ids
            for ids in rows["input_ids"]
        ]
    return rows


def _batches(lengths: NDArray[np.int64], *, pads_right: bool) -> Iterator[NDArray[np.intp]]:
    """Yield batches of text indices, shortest texts first.

    Left padding shifts the positions of a text: with it, a batch contains texts of equal length, so that results do not
    depend on the other texts.
    """
    order = np.argsort(lengths, kind="stable")
    groups = [order] if pads_right else np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    for group in groups:
        for start in range(0, len(group), INFERENCE_BATCH_SIZE):
            yield group[start : start + INFERENCE_BATCH_SIZE]


def is_truncated(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which texts are longer than the maximum length: [n]."""
    with silence_libraries():  # the tokenizer warns about every long text
        token_ids = tokenizer(list(texts))["input_ids"] if len(texts) else []
    return np.array([len(ids) > tokenizer.model_max_length for ids in token_ids], dtype=np.bool_)


def truncation_rates(tokenizer: PreTrainedTokenizerBase, splits: Mapping[str, Split]) -> dict[str, float]:
    """Return the share of truncated texts of each split."""
    return {name: float(is_truncated(tokenizer, part.texts).mean()) for name, part in splits.items()}
