"""Ways to initialize LoRA."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Init:
    """A LoRA initialization.

    ``mutates``: it changes the base model's weights, so that the adapter is converted on saving. ``quantized``:
    ``any``: works with and without quantization; ``never``: without only; ``4bit``: with 4 bits only.
    """

    note: str
    mutates: bool = False
    quantized: Literal["any", "never", "4bit"] = "never"


INITS: dict[str, Init] = {
    "gaussian": Init("A drawn from a normal distribution", quantized="any"),
    "orthogonal": Init("A and B orthogonal to each other"),
    "pissa": Init("the principal singular vectors of the weights (Meng et al. 2024)", mutates=True),
    "pissa_niter_16": Init("PiSSA with a fast randomized decomposition", mutates=True),
    "olora": Init("an orthonormal basis of the weights (Büyükakyüz 2024)", mutates=True),
    "corda": Init("the directions of the weights that matter for the training texts (Yang et al. 2024)", mutates=True),
    "lora_ga": Init("the gradient of the first training examples (Wang et al. 2024)", mutates=True),
    "eva": Init("the principal components of the layers' inputs (Paischer et al. 2024)"),
    "loftq": Init("the error of quantizing the weights to 4 bits; GPU only (Li et al. 2023)", quantized="4bit"),
}
