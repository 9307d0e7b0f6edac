"""What can be run: one table, read by the config, the command line, the models and the screens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any, Literal, Protocol, runtime_checkable

Kind = Literal["baseline", "adapter", "full"]
Targets = Literal["attention", "feedforward", "norms"]
"""Which modules a method adapts unless it is told: query and value, these and the feed-forward layers, …"""


@dataclass(frozen=True)
class Facts:
    """What some defaults depend on: the rank, the training's steps, the adapted layers' sizes, the modules."""

    rank: int
    steps: int
    widths: Sequence[int]
    feedforward: Sequence[str]


@runtime_checkable
class Computed(Protocol):
    """A default that depends on the model or the training."""

    def value(self, facts: Facts) -> Any:
        """Return the default for these facts."""
        ...


@dataclass(frozen=True)
class Divisor:
    """The largest number up to ``most`` that divides the sizes of all adapted layers."""

    most: int

    def value(self, facts: Facts) -> int:
        """Return the divisor."""
        common = gcd(*facts.widths) if facts.widths else self.most
        return max(size for size in range(1, self.most + 1) if common % size == 0)


@dataclass(frozen=True)
class Entries:
    """So many entries of a weight matrix, or a quarter of the smallest one's where it has not so many."""

    most: int

    def value(self, facts: Facts) -> int:
        """Return the number of entries."""
        return min([self.most, *(width * width // 4 for width in facts.widths)])


@dataclass(frozen=True)
class Steps:
    """A share of the training's steps."""

    share: float

    def value(self, facts: Facts) -> int:
        """Return the number of steps, rounded down."""
        return int(facts.steps * self.share)


@dataclass(frozen=True)
class Rank:
    """A multiple of the rank."""

    times: float

    def value(self, facts: Facts) -> int:
        """Return the multiple, rounded up."""
        return -int(-facts.rank * self.times // 1)


@dataclass(frozen=True)
class Feedforward:
    """The feed-forward layers among the adapted modules."""

    def value(self, facts: Facts) -> list[str]:
        """Return their names."""
        return list(facts.feedforward)


@dataclass(frozen=True)
class Method:
    """One way to get a classifier.

    ``sections`` are the parts of a `RunConfig` that change what the method does, and ``takes`` says
    which settings of the adapter's section it uses, each with the name of the peft field that it
    sets; the others are not part of its record. ``defaults`` are peft fields whose default differs
    from peft's own. ``scale`` is the default of alpha, in ranks.

    ``learning_rate`` is the default where the method trains, for a model of hidden size 384 (chosen
    on validation examples of the bundled reviews);
    `rate_for_width` tells it for others. ``prompts``: it puts trained vectors in front of the
    text's own, so that on a decoder the padding has to stand on the left.
    ``own_loss``: it adds a term of its own to the loss. ``moves_budget``: it moves its size while it
    trains, and keeps a memory for that which no checkpoint holds: a run that is stopped begins anew.
    """

    name: str
    kind: Kind
    title: str
    note: str
    sections: frozenset[str]
    learning_rate: float | None = None
    rank: int | None = None
    targets: Targets | None = None
    takes: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 2.0
    prompts: bool = False
    own_loss: bool = False
    moves_budget: bool = False


_DATA = frozenset({"data"})
_MODEL = _DATA | {"model"}
_TRAINED = _MODEL | {"training", "seed"}


def _adapter(
    name: str,
    title: str,
    learning_rate: float,
    note: str,
    *,
    rank: int | None = None,
    targets: Targets | None = "attention",
    layers: bool = True,
    takes: Mapping[str, str] | None = None,
    **rest: Any,
) -> Method:
    """Describe a PEFT method, by peft's name for it; most take a rank, modules and layers."""
    usual = {
        "r": "r" if rank else None,
        "target_modules": "target_modules" if targets else None,
        "layers": "layers_to_transform" if layers else None,
        "peft": "",
        "quantize": "",
    }
    taken = {setting: peft_field for setting, peft_field in usual.items() if peft_field is not None} | dict(takes or {})
    return Method(
        name, "adapter", title, note, _TRAINED, learning_rate, rank=rank, targets=targets, takes=taken, **rest
    )


_BASELINES = (
    Method(
        "majority",
        "baseline",
        "majority class",
        "Always answers with the most frequent training label: the floor.",
        _DATA,
    ),
    Method(
        "untrained",
        "baseline",
        "untrained model",
        "The base model with a fresh, random head: where fine-tuning starts.",
        _MODEL | {"seed"},
    ),
    Method(
        "tfidf",
        "baseline",
        "TF-IDF",
        "Word and word-pair weights with logistic regression: no neural network at all.",
        _DATA,
    ),
    Method(
        "frozen",
        "baseline",
        "frozen encoder",
        "Mean-pooled features of the untouched base model with logistic regression.",
        _MODEL,
    ),
)

_FULL = Method(
    "full",
    "full",
    "full fine-tuning",
    "Trains all weights: what an adapter saves itself, and the ceiling that it is measured against.",
    _TRAINED,
    learning_rate=3e-4,
)

_ADAPTERS = (
    _adapter(
        "lora",
        "LoRA",
        3e-3,
        "Low-rank updates beside the attention weights (Hu et al. 2021).",
        rank=8,
        takes={
            "alpha": "lora_alpha",
            "dropout": "lora_dropout",
            "rslora": "use_rslora",
            "dora": "use_dora",
            "init": "init_lora_weights",
            "lora_plus": "",
        },
    ),
    _adapter(
        "adalora",
        "AdaLoRA",
        3e-2,
        "LoRA that moves its ranks, while it trains, to where they matter (Zhang et al. 2023).",
        rank=8,
        takes={"r": "target_r", "alpha": "lora_alpha", "dropout": "lora_dropout"},
        defaults={"init_r": Rank(1.5), "total_step": Steps(1), "tinit": Steps(0.1), "tfinal": Steps(0.3)},
        own_loss=True,
        moves_budget=True,
    ),
    _adapter(
        "adamss",
        "AdaMSS",
        1e-2,
        "Updates in several small subspaces of the weights, found by a decomposition and clustering.",
        rank=100,
        moves_budget=True,
    ),
    _adapter(
        "beft",
        "BEFT",
        3e-2,
        "Trains the biases of the adapted projections alone; the paper takes the value's (arXiv 2509.15974).",
        layers=False,
    ),
    _adapter(
        "boft",
        "BOFT",
        2e-2,
        "Rotates the weights by products of sparse butterfly matrices (Liu et al. 2023).",
        takes={"dropout": "boft_dropout"},
        defaults={"boft_block_size": Divisor(4)},
    ),
    _adapter(
        "c3a",
        "C3A",
        3e-1,
        "Circular convolutions beside the weights: high rank from few numbers (arXiv 2407.19342).",
        defaults={"block_size": Divisor(128)},
    ),
    _adapter(
        "deft",
        "DEFT",
        3e-3,
        "Takes a learnt low-rank part out of the weights and puts another in its place.",
        rank=8,
        takes={"dropout": "deft_dropout"},
    ),
    _adapter(
        "delora",
        "DeLoRA",
        1e-2,
        "LoRA that learns the update's strength apart from its direction (arXiv 2503.18225).",
        rank=8,
        takes={"dropout": "module_dropout"},
    ),
    _adapter(
        "fourierft",
        "FourierFT",
        5e-2,
        "A few trained frequencies of the update's spectrum (Gao et al. 2024).",
        defaults={"n_frequency": Entries(1000)},
    ),
    _adapter(
        "frod",
        "FRoD",
        1e-2,
        "Sparse trained values in a basis that the layers of one kind share.",
        takes={"dropout": "frod_dropout"},
        defaults={"progressbar": False},
    ),
    _adapter(
        "glora",
        "GLoRA",
        3e-3,
        "Low-rank scales and shifts of weights and biases (Chavan et al. 2023).",
        rank=8,
        layers=False,
    ),
    _adapter(
        "gralora",
        "GraLoRA",
        1e-2,
        "A LoRA for each block of a weight matrix (arXiv 2505.20355).",
        rank=8,
        takes={"alpha": "alpha", "dropout": "gralora_dropout"},
    ),
    _adapter(
        "hira",
        "HiRA",
        3e-2,
        "Multiplies the weights, entry by entry, with a low-rank update: the result has a high rank.",
        rank=8,
        takes={"dropout": "hira_dropout"},
    ),
    _adapter(
        "hra",
        "HRA",
        2e-2,
        "Reflects the weights by a chain of Householder reflections (arXiv 2405.17484).",
        rank=8,
    ),
    _adapter(
        "ia3",
        "(IA)³",
        3e-2,
        "Scales keys, values and feed-forward activations; among the smallest adapters (Liu et al. 2022).",
        targets="feedforward",
        layers=False,
        defaults={"feedforward_modules": Feedforward()},
    ),
    _adapter(
        "lily",
        "Lily",
        1e-2,
        "Low-rank updates whose parts the layers share (arXiv 2407.09946).",
        rank=8,
    ),
    _adapter(
        "ln_tuning",
        "layer norms",
        3e-3,
        "Trains the layer norms alone (Zhao et al. 2023).",
        targets="norms",
        layers=False,
    ),
    _adapter(
        "loha",
        "LoHa",
        1e-2,
        "The entry-by-entry product of two low-rank updates (Hyeon-Woo et al. 2021).",
        rank=8,
        takes={"alpha": "alpha", "dropout": "module_dropout"},
    ),
    _adapter(
        "lokr",
        "LoKr",
        1e-2,
        "A Kronecker product of small matrices (Edalati et al. 2022).",
        rank=8,
        takes={"alpha": "alpha", "dropout": "module_dropout"},
    ),
    _adapter(
        "miss",
        "MiSS",
        3e-3,
        "One small matrix, shared by the shards of a weight matrix (arXiv 2409.15371).",
        rank=8,
        takes={"dropout": "miss_dropout"},
    ),
    _adapter(
        "oft",
        "OFT",
        3e-3,
        "Rotates the weights block by block (Qiu et al. 2023).",
        takes={"dropout": "module_dropout"},
        defaults={"r": 0, "oft_block_size": Divisor(32)},
    ),
    _adapter(
        "osf",
        "OSF",
        3e-4,
        "Trains the weights' weaker directions and keeps the strongest as they are; its files are large.",
        layers=False,
    ),
    _adapter(
        "p_tuning",
        "P-tuning",
        1e-2,
        "Trained vectors in front of the text, made by a small network (Liu et al. 2021).",
        targets=None,
        layers=False,
        defaults={"num_virtual_tokens": 20, "encoder_hidden_size": 128},
        prompts=True,
    ),
    _adapter(
        "peanut",
        "PEANuT",
        1e-2,
        "Low-rank updates with a nonlinearity, computed from the weights (arXiv 2410.01870).",
        rank=8,
    ),
    _adapter(
        "prefix_tuning",
        "prefix tuning",
        1e-2,
        "Trained keys and values in front of every layer's own (Li and Liang 2021).",
        targets=None,
        layers=False,
        defaults={"num_virtual_tokens": 20},
        prompts=True,
    ),
    _adapter(
        "prompt_tuning",
        "prompt tuning",
        3e-2,
        "Trained vectors in front of the text (Lester et al. 2021).",
        targets=None,
        layers=False,
        defaults={"num_virtual_tokens": 20},
        prompts=True,
    ),
    _adapter(
        "psoft",
        "PSOFT",
        1e-2,
        "Rotates the weights within their principal directions.",
        rank=32,
        takes={"alpha": "psoft_alpha", "dropout": "psoft_dropout"},
    ),
    _adapter(
        "pvera",
        "PVeRA",
        2e-2,
        "VeRA whose updates are drawn from a learnt distribution (arXiv 2512.07703).",
        rank=256,
        takes={"dropout": "pvera_dropout"},
    ),
    _adapter(
        "randlora",
        "RandLoRA",
        3e-3,
        "Full-rank updates from scaled random low-rank ones (arXiv 2502.00987).",
        rank=32,
        takes={"alpha": "randlora_alpha", "dropout": "randlora_dropout"},
        scale=20.0,
    ),
    _adapter(
        "road",
        "RoAd",
        3e-2,
        "Rotates and scales pairs of activations (arXiv 2409.00119).",
        layers=False,
        defaults={"group_size": Divisor(64)},
    ),
    _adapter(
        "shadow",
        "Shadow",
        3e-3,
        "A small network beside a decoder, which corrects what its layers are given.",
        rank=8,
        targets=None,
    ),
    _adapter(
        "shira",
        "SHiRA",
        2e-2,
        "Trains a sparse random choice of the weights (Bhardwaj et al. 2024).",
        rank=8,
        layers=False,
        defaults={"random_seed": 0},
    ),
    _adapter(
        "supertuning",
        "Super-Tuning",
        5e-3,
        "Trains the largest entries of the weights (arXiv 2607.09287).",
        layers=False,
    ),
    _adapter(
        "tinylora",
        "TinyLoRA",
        1e-2,
        "A handful of numbers a layer, spread by fixed random projections (arXiv 2602.04118).",
        rank=2,
        takes={"dropout": "tinylora_dropout"},
    ),
    _adapter(
        "unilora",
        "Uni-LoRA",
        1e-2,
        "One trained vector, projected onto the weights of a whole LoRA (arXiv 2506.00799).",
        rank=4,
        takes={"dropout": "unilora_dropout"},
    ),
    _adapter(
        "vblora",
        "VB-LoRA",
        1e-2,
        "Low-rank updates put together from one bank of vectors (Li et al. 2024).",
        rank=4,
        takes={"dropout": "vblora_dropout"},
        defaults={"vector_length": Divisor(256)},
    ),
    _adapter(
        "vera",
        "VeRA",
        6e-2,
        "Trained scales of random matrices that all layers share (Kopiczko et al. 2023).",
        rank=256,
        takes={"dropout": "vera_dropout"},
    ),
    _adapter(
        "waveft",
        "WaveFT",
        1e-2,
        "A few trained wavelet coefficients of the update.",
        defaults={"n_frequency": Entries(2592)},
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in (*_BASELINES, *_ADAPTERS, _FULL)}

BASELINES = tuple(method.name for method in _BASELINES)


@dataclass(frozen=True)
class Init:
    """A way for LoRA to begin.

    ``mutates``: it changes the base's weights, so that the adapter is converted when it is saved.
    ``examples``: it looks at training examples. ``quantized``: whether the base may be (False), or
    has to be (``4bit``), in fewer bits.
    """

    note: str
    mutates: bool = False
    examples: bool = False
    quantized: Literal["any", "never", "4bit"] = "never"


INITS: dict[str, Init] = {
    "gaussian": Init("A drawn from a normal distribution", quantized="any"),
    "orthogonal": Init("A and B orthogonal to each other"),
    "pissa": Init("the weights' principal directions (Meng et al. 2024)", mutates=True),
    "pissa_niter_16": Init("PiSSA by a fast decomposition", mutates=True),
    "olora": Init("an orthonormal basis of the weights (Büyükakyüz 2024)", mutates=True),
    "corda": Init("the weights' directions that matter for the training texts (Yang et al. 2024)", True, True),
    "lora_ga": Init("the gradient of the first training examples (Wang et al. 2024)", True, True),
    "eva": Init("the principal directions of the layers' inputs (Paischer et al. 2024)", examples=True),
    "loftq": Init("what quantising the weights to 4 bits took away, on a GPU alone (Li et al. 2023)", quantized="4bit"),
}

_REFERENCE_WIDTH = 384


def rate_for_width(method: str, width: int) -> float | None:
    """Return a method's default learning rate for a model of this hidden size; None where it does not train.

    Adam's rate falls with the width (Yang et al. 2022, arXiv 2203.03466); a narrower model gets no more.
    """
    rate = METHODS[method].learning_rate
    return None if rate is None else float(f"{rate * min(1.0, _REFERENCE_WIDTH / width):.2g}")
