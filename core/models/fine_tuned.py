"""Fine-tuned models as classifiers: an adapter on a base model, or a fully fine-tuned model."""

from pathlib import Path

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.models.adapters import AdaptedModel, load_adapter, save_adapter
from core.models.backbone import Backbone, load_for_classification, require_backbone, silence_libraries
from core.models.classifier import SavedClassifier
from core.models.neural_classifier import NeuralClassifier
from core.models.portable_files import save_label_names, save_tokenizer
from core.models.tokenizers import load_run_tokenizer


class AdaptedClassifier(NeuralClassifier):
    """A base model with a PEFT adapter."""

    def __init__(self, adapted: AdaptedModel, tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
        super().__init__(adapted.model, tokenizer)
        self.adapted = adapted
        self.backbone = backbone

    def save(self, folder: Path) -> None:
        """Write the adapter with its trained head, the tokenizer and the label names."""
        save_adapter(self.adapted, folder, self.backbone)
        save_tokenizer(self.tokenizer, folder)
        save_label_names(self.adapted.model.config.id2label, folder)


class FullClassifier(NeuralClassifier):
    """A fully fine-tuned model."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
        super().__init__(model, tokenizer)
        self.fine_tuned = model
        self.backbone = backbone

    def save(self, folder: Path) -> None:
        """Write a plain transformers model, whose config names the base model, and its tokenizer."""
        with silence_libraries():
            self.fine_tuned.config._name_or_path = self.backbone.name
            self.fine_tuned.save_pretrained(folder)
        save_tokenizer(self.tokenizer, folder)


def load_adapted(saved: SavedClassifier) -> AdaptedClassifier:
    """Load a saved adapter onto its base model."""
    config, backbone = saved.config, require_backbone(saved.backbone)
    tokenizer = load_run_tokenizer(config, backbone)
    base, _ = load_for_classification(backbone, tokenizer, saved.labels, config.quantize)
    return AdaptedClassifier(
        AdaptedModel(load_adapter(base, saved.folder, config.method, backbone)), tokenizer, backbone
    )


def load_full(saved: SavedClassifier) -> FullClassifier:
    """Load a fully fine-tuned model."""
    backbone = require_backbone(saved.backbone)
    tokenizer = load_run_tokenizer(saved.config, backbone)
    model, _ = load_for_classification(backbone.saved_in(saved.folder), tokenizer, saved.labels)
    return FullClassifier(model, tokenizer, backbone)
