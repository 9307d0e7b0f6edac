"""Sample the training examples of an epoch; the order depends on the seed and the epoch only."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

IndexSampler = Callable[[Generator], list[int]]
"""Draws the indices of one epoch's examples."""


class EpochSampler(Sampler[int]):
    """Yield the indices of the training examples in the order of the current ``epoch``.

    The order depends on the seed and the epoch only, so that a run resumed within an epoch continues with the same
    examples.
    """

    def __init__(self, draw: IndexSampler, length: int, seed: int) -> None:
        self.epoch = 0
        self._draw, self._length, self._seed = draw, length, seed

    def __iter__(self) -> Iterator[int]:
        return iter(self._draw(Generator().manual_seed(self._seed << 20 | self.epoch)))

    def __len__(self) -> int:
        return self._length


def grouped_by_length(lengths: Sequence[int], batch_size: int) -> IndexSampler:
    """Return a sampler of every example once, which batches texts of similar length to reduce padding."""
    return lambda generator: get_length_grouped_indices(list(lengths), batch_size, generator=generator)


def class_balanced(codes: NDArray[np.int64], classes: int) -> IndexSampler:
    """Return a sampler of n examples with replacement, in which each class has the same probability."""
    weights = balanced_class_weights(codes, classes)[torch.from_numpy(codes)]
    return lambda generator: torch.multinomial(weights, len(codes), replacement=True, generator=generator).tolist()


def balanced_class_weights(codes: NDArray[np.int64], classes: int) -> Tensor:
    """Return the weight n / (k · count) of each class, [k]: 1 on average over the n training examples."""
    counts = np.bincount(codes, minlength=classes)
    return torch.tensor(len(codes) / (classes * counts), dtype=torch.float32)
