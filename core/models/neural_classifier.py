"""A transformers model and its tokenizer as a classifier, and the one loop that runs texts through it."""

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
from core.models.backbone import quiet

INFERENCE_BATCH = 32


class NeuralClassifier:
    """A model with a head. ``new_modules`` are the ones that the base's checkpoint does not have."""

    def __init__(self, model: nn.Module, tokenizer: PreTrainedTokenizerBase, new_modules: Sequence[str] = ()) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.new_modules = tuple(new_modules)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], in the order of the texts."""
        self.model.eval()
        return run_texts(self.model, self.tokenizer, texts, lambda batch: self.model(**batch).logits)

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell of each text whether only its beginning is read: [n]."""
        return too_long(self.tokenizer, texts)

    def save(self, folder: Path) -> None:
        """Write the newly initialised modules; all else is the base model's own."""
        own = {key: value.contiguous() for key, value in self.model.state_dict().items() if self._is_new(key)}
        save_file(own, folder / "head.safetensors")

    def load_head(self, folder: Path) -> None:
        """Read back what `save` wrote. Raises `RequestError` where it is not all that is new here."""
        head = load_file(folder / "head.safetensors")
        if head.keys() != {key for key in self.model.state_dict() if self._is_new(key)}:
            raise RequestError(f"{folder / 'head.safetensors'} is not the head of this model.")
        self.model.load_state_dict(head, strict=False)

    def _is_new(self, key: str) -> bool:
        return key.startswith(tuple(f"{name}." for name in self.new_modules))


def run_texts(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    forward: Callable[[BatchEncoding], Tensor],
) -> NDArray[np.float32]:
    """Run texts through a model in batches of like length; return [n, d] in the order of the texts.

    Sorting by length saves padding; every row is put back in its own text's place.
    """
    tokens = encoded(tokenizer, texts)
    lengths = np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)
    device = next(model.parameters()).device
    rows: NDArray[np.float32] | None = None
    for chosen in _batches(lengths, padded=tokenizer.padding_side == "right"):
        batch = tokenizer.pad({key: [tokens[key][i] for i in chosen] for key in tokens}, return_tensors="pt")
        with torch.inference_mode():
            result = forward(batch.to(device)).float().cpu().numpy()
        if rows is None:
            rows = np.empty((len(lengths), result.shape[1]), dtype=np.float32)
        rows[chosen] = result
    return rows if rows is not None else np.empty((0, 0), dtype=np.float32)


def encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, list[list[int]]]:
    """Tokenize texts, cut to what the model reads; an empty one is a pad token where nothing else stands for it.

    A sign of the end within a text is an unknown word: heads of encoder-decoders look for the last one.
    """
    found = tokenizer(list(texts), truncation=True, max_length=tokenizer.model_max_length)
    instead = {"input_ids": [tokenizer.pad_token_id], "attention_mask": [1]}
    rows = {key: [row or instead.get(key, [0]) for row in column] for key, column in found.items()}
    end, unknown = tokenizer.eos_token_id, tokenizer.unk_token_id
    if unknown not in (None, end):
        rows["input_ids"] = [
            [unknown if one == end else one for one in ids[:-1]] + ids[-1:] if ids[-1] == end else ids
            for ids in rows["input_ids"]
        ]
    return rows


def _batches(lengths: NDArray[np.int64], *, padded: bool) -> Iterator[NDArray[np.intp]]:
    """Give the texts' places, shortest texts first, a batch at a time.

    Padding in front of a text moves its words: where it would stand there, a batch holds texts of
    one length, so that an answer depends on its own text alone.
    """
    order = np.argsort(lengths, kind="stable")
    alike = [order] if padded else np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    for group in alike:
        for start in range(0, len(group), INFERENCE_BATCH):
            yield group[start : start + INFERENCE_BATCH]


def too_long(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell of each text whether it is longer than the model is given: [n]."""
    with quiet():  # the tokenizer warns of every long text
        encoded = tokenizer(list(texts))["input_ids"] if len(texts) else []
    return np.array([len(ids) > tokenizer.model_max_length for ids in encoded], dtype=np.bool_)


def truncated_shares(tokenizer: PreTrainedTokenizerBase, splits: Mapping[str, Split]) -> dict[str, float]:
    """Return for each split the share of its texts that are longer than the model is given."""
    return {name: float(too_long(tokenizer, part.texts).mean()) for name, part in splits.items()}


def mean_pooled(model: nn.Module, batch: BatchEncoding) -> Tensor:
    """Return the mean of the last hidden states over the real tokens: [b, d]."""
    hidden: Tensor = model(**batch).last_hidden_state
    mask: Tensor = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
