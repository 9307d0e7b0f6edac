"""The moving average of the weights, which is evaluated and kept instead of the last weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

DECAY = 0.96
"""Weight of the earlier average at each step: it covers about 25 steps.

Chosen on the validation examples of two data sets (reviews and tweets, one seed): at the best evaluation, macro F1 was
1 to 2 points higher than that of the last weights, and both curves were smoother; 0.9 was worse on one, 0.98 equal.
"""
_WARMUP = 5
"""At the first steps, the weight of the earlier average is only step / (step + 5): the initial weights fade early."""


class WeightAverage(TrainerCallback):
    """Exponential moving average of the trainable weights (Polyak and Juditsky 1992).

    With a constant learning rate, it takes the place of a decay whose end must be known in advance.
    """

    def __init__(self, model: nn.Module) -> None:
        self.trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.averages = {name: p.detach().clone() for name, p in self.trainable.items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Add the weights after this step to the average."""
        decay = min(DECAY, state.global_step / (state.global_step + _WARMUP))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averages.values()), list(self.trainable.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the place of the weights, temporarily."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def load(self, averages: dict[str, torch.Tensor]) -> None:
        """Continue from saved averages, by name."""
        self.averages = {name: averages[name].to(p.device) for name, p in self.trainable.items()}

    def _swap(self) -> None:
        for name, parameter in self.trainable.items():
            parameter.data, self.averages[name] = self.averages[name], parameter.data
