"""LoRA layers with fewer passes over memory, for training."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.pytorch_utils import Conv1D


@contextmanager
def fused_lora(model: nn.Module) -> Iterator[int]:
    """Compute the plain LoRA layers of a model with `_FusedLinear` within the context; yield their number.

    peft casts the inputs of a layer to float32, and scales and adds the update in passes of their own; on a CPU, these
    take as long as the products. Layers with dropout, a variant such as DoRA, quantized weights or several active
    adapters keep peft's own forward pass.
    """
    layers = [module for module in model.modules() if _is_plain(module)]
    for layer in layers:
        layer.forward = partial(_forward, layer)
    try:
        yield len(layers)
    finally:
        for layer in layers:
            del layer.forward  # the class's own is visible again


def _is_plain(module: Any) -> bool:
    if type(module) is not Linear or len(module.active_adapters) != 1:
        return False
    name, base = module.active_adapters[0], module.get_base_layer()
    return (
        isinstance(base, (nn.Linear, Conv1D))
        and base.weight.is_floating_point()
        and not any(parameter.requires_grad for parameter in base.parameters())
        and name in module.lora_A
        and name not in module.lora_variant
        and isinstance(module.lora_dropout[name], nn.Identity)
        and module.lora_B[name].bias is None
        and not module.merged
        and not module.disable_adapters
    )


def _forward(layer: Any, x: Tensor) -> Tensor:
    base, name = layer.get_base_layer(), layer.active_adapters[0]
    weight = base.weight.T if isinstance(base, Conv1D) else base.weight
    a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
    output: Tensor = _FusedLinear.apply(x, weight, base.bias, a, b, layer.scaling[name])
    return output


class _FusedLinear(torch.autograd.Function):
    """x Wᵀ + bias + s (x Aᵀ) Bᵀ, with gradients for x, A and B, computed in the dtype of W."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scaling: float
    ) -> Tensor:
        """Return the output [..., out] of inputs [..., in]; ``a``: [r, in], ``b``: [out, r], ``weight``: [out, in]."""
        rows = x.reshape(-1, x.shape[-1])
        a, b = a.to(weight.dtype), (b * scaling).to(weight.dtype)
        reduced = rows @ a.T
        output = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
        output.addmm_(reduced, b.T)
        context.save_for_backward(rows, reduced, weight, a, b)
        context.scaling = scaling
        return output.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`; those of A and B are float32, as their weights."""
        rows, reduced, weight, a, b = context.saved_tensors
        gradient = gradients[0].reshape(-1, weight.shape[0])
        reduced_gradient = gradient @ b
        x_gradient = None
        if context.needs_input_grad[0]:
            x_gradient = (gradient @ weight).addmm_(reduced_gradient, a)
            x_gradient = x_gradient.view(*gradients[0].shape[:-1], weight.shape[1])
        a_gradient = (reduced_gradient.T @ rows).float()
        b_gradient = (reduced.T @ gradient).T.float().mul_(context.scaling)  # this order is faster on a CPU
        return x_gradient, None, None, a_gradient, b_gradient, None
