"""Verify that a classifier's saved files reproduce its logits."""

from collections.abc import Sequence

import numpy as np

from core.models.classifier import Classifier, SavedClassifier
from core.serving.inference import load_classifier

VERIFICATION_EXAMPLES = 32
"""Number of test texts whose logits are compared."""
RELOAD_TOLERANCE = 1e-4
"""Maximum difference between a logit before saving and after loading."""


def reload_difference(saved: SavedClassifier, classifier: Classifier, texts: Sequence[str]) -> float:
    """Load a saved classifier; return the largest difference of its logits from those of the given one."""
    return float(np.abs(load_classifier(saved).logits(texts) - classifier.logits(texts)).max())
