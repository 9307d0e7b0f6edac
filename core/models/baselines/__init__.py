"""The baseline classifiers: fit, save and load."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.models.baselines.frozen import FrozenClassifier, fit_frozen
from core.models.baselines.knn import KnnClassifier, fit_knn
from core.models.baselines.majority import MajorityClassifier, fit_majority
from core.models.baselines.model2vec import Model2VecClassifier, fit_model2vec
from core.models.baselines.setfit import SetFitClassifier, fit_setfit
from core.models.baselines.tfidf import TfidfClassifier, fit_tfidf
from core.models.baselines.untrained import fit_untrained, load_untrained_run
from core.models.classifier import Classifier, FitResult, SavedClassifier

if TYPE_CHECKING:
    from core.runs.job import Job


@dataclass(frozen=True)
class BaselineImplementation:
    """The functions that fit a baseline of `core.catalog.baselines` and load it from its files."""

    fit: "Callable[[Job], FitResult]"
    load: Callable[[SavedClassifier], Classifier]


IMPLEMENTATIONS: dict[str, BaselineImplementation] = {
    "majority": BaselineImplementation(fit=fit_majority, load=MajorityClassifier.load),
    "untrained": BaselineImplementation(fit=fit_untrained, load=load_untrained_run),
    "tfidf": BaselineImplementation(fit=fit_tfidf, load=TfidfClassifier.load),
    "frozen": BaselineImplementation(fit=fit_frozen, load=FrozenClassifier.load),
    "knn": BaselineImplementation(fit=fit_knn, load=KnnClassifier.load),
    "model2vec": BaselineImplementation(fit=fit_model2vec, load=Model2VecClassifier.load),
    "setfit": BaselineImplementation(fit=fit_setfit, load=SetFitClassifier.load),
}
"""The implementation of every baseline, by its name in the catalog."""
