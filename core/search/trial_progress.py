"""Report a trial's evaluations to Optuna while it trains, and end it early if the pruner says so."""

from collections.abc import Mapping

from optuna import Trial

from core.errors import TrialPruned
from core.runs.progress import ForwardingProgress, Progress
from core.search.studies import STEPS_PER_EPOCH
from core.text.formatting import format_percent


class TrialProgress(ForwardingProgress):
    """Reports validation macro F1 after each evaluation; raises `TrialPruned` at one that is not promising."""

    def __init__(self, inner: Progress, trial: Trial) -> None:
        super().__init__(inner)
        self.trial = trial
        frozen = trial.study.get_trials(deepcopy=False)[trial.number]
        self.reported = set(frozen.intermediate_values)  # of a trial that is resumed

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Report the evaluation, after the other callbacks."""
        super().on_log(step, epoch, values)
        score, position = values.get("validation_macro_f1"), round(epoch * STEPS_PER_EPOCH)
        if score is None or position in self.reported:
            return
        self.reported.add(position)
        self.trial.report(score, position)
        if self.trial.should_prune():
            raise TrialPruned(
                f"validation macro F1 {format_percent(score)} at epoch {epoch:.3g} is below that of other trials."
            )
