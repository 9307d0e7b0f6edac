"""The loss of a classification, whole or in pieces."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy


class ClassificationLoss:
    """Cross entropy that is normalised once for the whole step.

    A step's examples may be computed in pieces: each piece is divided by the number of examples in
    all of them, so that four pieces give the step that one gives. ``weights``: [k], one a class.
    """

    def __init__(self, weights: Tensor | None) -> None:
        self.weights = weights

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Return the loss of a piece of a step; of an evaluated batch (no number given) the plain mean."""
        logits = outputs["logits"].float()
        plain = cross_entropy(logits, labels)
        if num_items_in_batch is None:
            return plain
        weights = None if self.weights is None else self.weights.to(logits.device)
        loss = cross_entropy(logits, labels, weight=weights, reduction="sum")
        own = outputs.get("loss")  # the plain loss with a term of the method's own, where it has one
        return (loss if own is None else loss + (own - plain) * len(labels)) / num_items_in_batch
