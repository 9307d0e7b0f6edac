"""Describe in sentences whether a search found better settings than the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from core.report.comparisons import ConfigurationComparison, compare_paired_runs
from core.report.verdicts import configuration_sentence
from core.store.engine import Store
from core.text.formatting import format_percent, format_points


@dataclass(frozen=True)
class Finalist:
    """A trial that was trained again with fresh seeds.

    ``score``: its validation macro F1 in the search. ``fresh_scores``: with each fresh seed, on the same split.
    """

    trial: int
    score: float
    fresh_scores: tuple[float, ...]


@dataclass(frozen=True)
class WinnerCheck:
    """The check of a search's winner with fresh seeds, and the runs that were evaluated on the test split.

    ``winner``: the finalist with the highest mean over the fresh seeds, its scores those of ``winner_runs``.
    ``default_runs``: with the default settings and the same seeds; equal to ``winner_runs`` if the defaults won.
    ``number``: how many winners of this search were evaluated on the test split so far.
    """

    winner: Finalist
    finalists: tuple[Finalist, ...]
    seeds: tuple[int, ...]
    winner_runs: tuple[int, ...]
    default_runs: tuple[int, ...]
    number: int = 1

    @property
    def is_default(self) -> bool:
        """Whether the default settings won."""
        return self.winner_runs == self.default_runs

    @property
    def optimism(self) -> float:
        """How much the winner's score in the search exceeds its mean over the fresh seeds."""
        return self.winner.score - fmean(self.winner.fresh_scores)


def read_check(stored: Mapping[str, Any]) -> WinnerCheck:
    """Return a check from its JSON in the study."""
    winner, *finalists = (
        Finalist(item["trial"], item["score"], tuple(item["fresh_scores"]))
        for item in (stored["winner"], *stored["finalists"])
    )
    runs = {name: tuple(stored[name]) for name in ("seeds", "winner_runs", "default_runs")}
    return WinnerCheck(winner, tuple(finalists), **runs, number=stored["number"])


def compare_with_defaults(store: Store, check: WinnerCheck) -> ConfigurationComparison | None:
    """Compare the winner with the defaults on the test split; None if the defaults won."""
    return None if check.is_default else compare_paired_runs(store, check.winner_runs, check.default_runs)


def search_verdict(check: WinnerCheck, comparison: ConfigurationComparison | None) -> list[str]:
    """Return whether tuning helped, its evidence, and the selection optimism.

    ``comparison``: the winner compared with the defaults on the test split; None if the defaults won.
    """
    return [_recommendation(check, comparison), *_evidence(check, comparison), _optimism(check)]


def _recommendation(check: WinnerCheck, comparison: ConfigurationComparison | None) -> str:
    if comparison is None:
        return "Keep the defaults: they are the best settings that the search found."
    if comparison.result.verdict == "helped":
        return f"Use trial {check.winner.trial}: tuning helped."
    if comparison.result.verdict == "hurt":
        return f"Keep the defaults: trial {check.winner.trial} is worse on the test split."
    return f"Keep the defaults: there is no evidence that trial {check.winner.trial} is better."


def _evidence(check: WinnerCheck, comparison: ConfigurationComparison | None) -> Sequence[str]:
    if comparison is None:
        return ()
    repeated = (
        f" This is check {check.number} of this search on the test split: its result is optimistic."
        if check.number > 1
        else ""
    )
    return (f"Trial {check.winner.trial} compared with the defaults. {configuration_sentence(comparison)}{repeated}",)


def _optimism(check: WinnerCheck) -> str:
    fresh = fmean(check.winner.fresh_scores)
    return (
        f"Selection optimism: {format_points(check.optimism)} points (validation macro F1 "
        f"{format_percent(check.winner.score)} in the search, {format_percent(fresh)} with {len(check.seeds)} fresh "
        "seeds)."
    )
