"""In which order a training meets its examples: drawn anew for each epoch, from the seed and the epoch alone."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

IndexSampler = Callable[[Generator], list[int]]
"""Draws the places of one epoch's examples."""


class Order(Sampler[int]):
    """The examples' places, in the order of the epoch that is set.

    It depends on nothing else: a training that is taken up again in the middle of an epoch meets the
    examples that it would have met.
    """

    def __init__(self, draw: IndexSampler, length: int, seed: int) -> None:
        self.epoch = 0
        self._draw, self._length, self._seed = draw, length, seed

    def __iter__(self) -> Iterator[int]:
        return iter(self._draw(Generator().manual_seed(self._seed << 20 | self.epoch)))

    def __len__(self) -> int:
        return self._length


def grouped_by_length(lengths: Sequence[int], batch_size: int) -> IndexSampler:
    """Return what draws every example once, those of like length in one batch: it saves padding."""
    return lambda generator: get_length_grouped_indices(list(lengths), batch_size, generator=generator)


def balanced(codes: NDArray[np.int64], classes: int) -> IndexSampler:
    """Return what draws as many examples as there are, each class equally often, with replacement."""
    weights = balanced_weights(codes, classes)[torch.from_numpy(codes)]
    return lambda generator: torch.multinomial(weights, len(codes), replacement=True, generator=generator).tolist()


def balanced_weights(codes: NDArray[np.int64], classes: int) -> Tensor:
    """Return each class's weight n / (k · count), [k]: on average 1 over the n training examples."""
    counts = np.bincount(codes, minlength=classes)
    return torch.tensor(len(codes) / (classes * counts), dtype=torch.float32)
