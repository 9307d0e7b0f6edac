"""Fine-tuned models as classifiers: an adapter on a base, or a model whose weights were all trained."""

from pathlib import Path

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import RequestError
from core.models.adapters import Adapted, load_adapter, save_adapter
from core.models.backbone import Backbone, load_for_classification, load_tokenizer, quiet, require_backbone
from core.models.classifier import SavedClassifier
from core.models.neural_classifier import NeuralClassifier


class AdaptedClassifier(NeuralClassifier):
    """A base model with a PEFT adapter on it."""

    def __init__(self, adapted: Adapted, tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
        super().__init__(adapted.model, tokenizer)
        self.adapted = adapted
        self.backbone = backbone

    def save(self, folder: Path) -> None:
        """Write the adapter, the trained head within it."""
        save_adapter(self.adapted, folder, self.backbone)


class FullClassifier(NeuralClassifier):
    """A model whose weights were all trained."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
        super().__init__(model, tokenizer)
        self.whole = model
        self.backbone = backbone

    def save(self, folder: Path) -> None:
        """Write the whole model as a plain transformers one; it names its base by its recorded name."""
        with quiet():
            self.whole.config._name_or_path = self.backbone.name
            self.whole.save_pretrained(folder)


def tokenizer_for(config: RunConfig, backbone: Backbone) -> PreTrainedTokenizerBase:
    """Load the tokenizer, with its padding on the side that the model and the method need.

    Trained vectors in front of the text reach a decoder as embeddings, in which its head cannot see
    padding: it takes the last position. The padding then has to stand in front of the text. They
    take room from the text; `RequestError` where none is left.
    """
    tokenizer, method = load_tokenizer(backbone, config.max_length), METHODS[config.method]
    if not method.prompts:
        return tokenizer
    taken = int(config.peft.get("num_virtual_tokens", method.defaults["num_virtual_tokens"]))
    if backbone.positions is not None:
        tokenizer.model_max_length = min(tokenizer.model_max_length, backbone.positions - taken)
    if tokenizer.model_max_length < 1:
        room = f"{backbone.name} reads {backbone.positions} tokens"
        raise RequestError(f"--peft num_virtual_tokens={taken} leaves no room for a text: {room}.")
    if backbone.decoder:
        tokenizer.padding_side = "left"
    return tokenizer


def load_adapted(saved: SavedClassifier) -> AdaptedClassifier:
    """Load a saved adapter onto a fresh backbone."""
    config, backbone = saved.config, require_backbone(saved.backbone)
    tokenizer = tokenizer_for(config, backbone)
    base, _ = load_for_classification(backbone, tokenizer, saved.labels, config.quantize)
    return AdaptedClassifier(Adapted(load_adapter(base, saved.folder, config.method, backbone)), tokenizer, backbone)


def load_full(saved: SavedClassifier) -> FullClassifier:
    """Load a fully fine-tuned model."""
    backbone = require_backbone(saved.backbone)
    tokenizer = tokenizer_for(saved.config, backbone)
    model, _ = load_for_classification(backbone.saved_in(saved.folder), tokenizer, saved.labels)
    return FullClassifier(model, tokenizer, backbone)
