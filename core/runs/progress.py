"""How a run tells whoever waits for it how far it is; the default says nothing."""

from collections.abc import Mapping

from core.config import RunConfig
from core.store.records import Run


class Progress:
    """Hears of runs as they go. Subclass it to show them; `core` itself prints nothing."""

    def started(self, name: str, config: RunConfig, position: int, total: int) -> None:
        """A run begins: the ``position``-th of ``total``, from 1."""

    def entered(self, phase: str) -> None:
        """The run enters a phase: data, model, training, evaluation or saving."""

    def stepped(self, step: int, total: int, epoch: float) -> None:
        """A training step is done."""

    def begins(self, after: int) -> None:
        """The training begins after this step: 0, or that of a checkpoint of an earlier try."""

    def stopping(self) -> bool:
        """Tell whether the run is to end as soon as its training can be taken up again."""
        return False

    def logged(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Points of the learning curves, by name."""

    def noted(self, text: str) -> None:
        """Something worth a line of its own."""

    def ended(self, run: Run, reused: bool) -> None:
        """A run is recorded, whatever became of it; or a recorded one is used again."""
