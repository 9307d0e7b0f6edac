"""The classification loss of a step, computed at once or in micro-batches."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy


class ClassificationLoss:
    """Cross entropy, normalized by the number of examples of the full optimizer step.

    The micro-batches of a step add up to the same gradient as the step computed at once.
    ``weights``: one weight per class, [k].
    """

    def __init__(self, weights: Tensor | None) -> None:
        self.weights = weights

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Return the loss of a micro-batch; of an evaluation batch (no number of items) the unweighted mean."""
        logits = outputs["logits"].float()
        plain = cross_entropy(logits, labels)
        if num_items_in_batch is None:
            return plain
        weights = None if self.weights is None else self.weights.to(logits.device)
        loss = cross_entropy(logits, labels, weight=weights, reduction="sum")
        model_loss = outputs.get("loss")  # the plain loss plus the method's term, for a method that adds one
        return (loss if model_loss is None else loss + (model_loss - plain) * len(labels)) / num_items_in_batch
