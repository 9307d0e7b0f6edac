"""Coverage of the intervals, rate of false verdicts and power, by simulation.

    .venv/bin/python -m benchmarks.evidence            (about twenty minutes on two cores)
    .venv/bin/python -m benchmarks.evidence 200        fewer simulated test sets

A population with known scores is drawn, then test sets of n examples; intervals and verdicts are computed for each.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import binomtest

from core.evaluation.comparison import compare
from core.evaluation.metrics import evaluate
from core.evaluation.power import ALPHA, minimum_detectable_effect

N_RESAMPLES = 2000  # five times as fast as 10,000, with 0.1 points more variation
POPULATION = 400_000
LABELS = tuple("abcdef")


@dataclass(frozen=True)
class Scenario:
    """A kind of test set: its size, the share of each class, and how well the runs separate the classes."""

    name: str
    n: int
    shares: tuple[float, ...]
    strength: float = 1.6

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return n true codes and two equally good runs' probabilities, [2, n, k]; half of their noise is common."""
        true = rng.choice(len(self.shares), size=n, p=self.shares)
        signal = self.strength * np.eye(len(self.shares))[true] + np.log(self.shares) / 2
        common_noise, noise = rng.normal(size=(n, len(self.shares))), rng.normal(size=(2, n, len(self.shares)))
        return true, softmax(signal + (common_noise + noise) / np.sqrt(2), axis=2).astype(np.float32)


SCENARIOS = [
    Scenario(f"n = {n}, {name}", n, shares)
    for n in (200, 1000)
    for name, shares in (("balanced", (1 / 3, 1 / 3, 1 / 3)), ("5% rare", (0.475, 0.475, 0.05)))
] + [Scenario(f"n = {n}, 6 labels", n, (0.19,) * 5 + (0.05,)) for n in (200, 1000)]


def estimate_metrics(
    true: NDArray[np.int64], probabilities: NDArray[np.float32], n_resamples: int
) -> dict[str, tuple[float, ...]]:
    """Return value, low and high of every metric; NaN where undefined."""
    evaluation = evaluate(true, probabilities, LABELS[: probabilities.shape[1]], n_resamples)
    estimates = dict(evaluation.metrics)
    for metrics in evaluation.classes:
        estimates |= {f"{part} {metrics.label}": getattr(metrics, part) for part in ("precision", "recall", "f1")}
    return {
        name: tuple(np.nan if part is None else part for part in (estimate.value, estimate.low, estimate.high))
        for name, estimate in estimates.items()
    }


def coverage(scenario: Scenario, trials: int) -> dict[str, float]:
    """Return for each metric the share of test sets whose interval contains the population's value."""
    truth = estimate_metrics(*_first(scenario.draw(POPULATION, np.random.default_rng(0))), n_resamples=0)
    is_covered = {name: [] for name in truth}  # type: dict[str, list[bool]]
    for trial in range(trials):
        for name, (_, low, high) in estimate_metrics(
            *_first(scenario.draw(scenario.n, np.random.default_rng(trial + 1))), N_RESAMPLES
        ).items():
            if np.isfinite(low):
                is_covered[name].append(low <= truth[name][0] <= high)
    return {name: float(np.mean(results)) for name, results in is_covered.items()}


def _first(drawn: tuple[NDArray[np.int64], NDArray[np.float32]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return drawn[0], drawn[1][0]


def false_verdicts(scenario: Scenario, trials: int) -> tuple[float, float]:
    """Return how often two equally good runs get a verdict of helped or hurt, and how often p < .05."""
    verdicts, significant = 0, 0
    for trial in range(trials):
        true, (a, b) = scenario.draw(scenario.n, np.random.default_rng([SCENARIOS.index(scenario), trial]))
        result = compare(true, a.argmax(1), b.argmax(1), len(scenario.shares), n_resamples=N_RESAMPLES)
        verdicts += result.verdict != "no evidence either way"
        significant += result.p < ALPHA
    return verdicts / trials, significant / trials


def power(n: int, flips: float, trials: int) -> tuple[float, float]:
    """Return the minimum detectable effect for n examples, and how often it is detected."""
    difference = minimum_detectable_effect(n, flips)
    assert difference is not None
    rng, detected = np.random.default_rng(0), 0
    for _ in range(trials):
        gained, lost, _same = rng.multinomial(n, [(flips + difference) / 2, (flips - difference) / 2, 1 - flips])
        detected += binomtest(int(gained), int(gained + lost)).pvalue < ALPHA if gained + lost else False
    return difference, detected / trials


def main(trials: int = 1000) -> None:
    """Print the three tables."""
    print(f"Share of {trials} test sets whose 95% interval contains the true value")
    columns = [coverage(scenario, trials) for scenario in SCENARIOS]
    print(f"{'':20}" + "".join(f"{scenario.name:>20}" for scenario in SCENARIOS))
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"{name:20}" + "".join(f"{column[name]:20.1%}" if name in column else " " * 20 for column in columns))
    print("\nTwo equally good runs                    helped or hurt             p < .05")
    for scenario in SCENARIOS:
        verdicts, significant = false_verdicts(scenario, 4 * trials)
        print(f"{scenario.name:20}{verdicts:35.1%}{significant:20.1%}")
    print("\nPower at the stated minimum detectable effect")
    for n, flips in ((200, 0.2), (500, 0.1), (1000, 0.1), (1000, 0.2)):
        difference, detected = power(n, flips, 4 * trials)
        print(f"n = {n}, {flips:.0%} flips   {difference * 100:5.1f} points {detected:20.1%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
