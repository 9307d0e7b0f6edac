"""Cross-entropy with class weights and gradient accumulation."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy


class ClassificationLoss:
    """Cross-entropy of a micro-batch, divided by the number of examples in the optimizer step.

    The gradients of a step's micro-batches therefore add up to the gradient of the full batch. ``weights``: the
    class weights, [k].
    """

    def __init__(self, weights: Tensor | None) -> None:
        self.weights = weights

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Return the loss of a micro-batch.

        ``num_items_in_batch``: the number of examples in the optimizer step; None during evaluation, when the loss is
        the unweighted mean.
        """
        logits = outputs["logits"].float()
        mean = cross_entropy(logits, labels)
        if num_items_in_batch is None:
            return mean
        weights = None if self.weights is None else self.weights.to(logits.device)
        total = cross_entropy(logits, labels, weight=weights, reduction="sum")
        model_loss = outputs.get("loss")  # set if the method adds a term: the unweighted mean plus that term
        return (total if model_loss is None else total + (model_loss - mean) * len(labels)) / num_items_in_batch
