"""Comparisons of runs."""

from typing import TYPE_CHECKING, Any

from core.errors import RequestError
from core.store.engine import Store
from core.text.sanitize import escape_invisible
from dashboard.data.cache import cached
from dashboard.data.runs import all_runs, run
from dashboard.data.table import runs_key

if TYPE_CHECKING:  # these import SciPy, which the first page must not wait for
    from core.report.comparisons import ConfigurationComparison, RunComparison


def configurations_key(run_id: int, against: int) -> Any:
    """Return a cache key that changes with the runs of two runs' configurations."""
    run_ids = (run_id, against)
    frame = all_runs()
    same_configuration = frame[frame["group_key"].isin([run(run_id).group_key for run_id in run_ids])]
    return runs_key(*run_ids, same_configuration["id"].tolist())


@cached(runs_key)
def comparison(db: Store, run_id: int, against: int) -> "RunComparison":
    """Compare two runs. Raises `RequestError` with the reason if they cannot be compared."""
    from core.report.comparisons import compare_runs

    return compare_runs(db, run_id, against)


@cached(configurations_key)
def configuration_comparison(db: Store, run_id: int, against: int) -> "ConfigurationComparison | None":
    """Compare two runs' configurations over the seeds that both have; None with fewer than two such seeds."""
    from core.report.comparisons import compare_configurations

    return compare_configurations(db, run_id, against)


def verdict_sentences(run_id: int, against: int) -> list[str]:
    """Return the verdict on a run against another, that over several seeds if there are some, and the margin test."""
    from core.report.verdicts import configuration_sentence, margin_sentence, verdict_sentence

    compared, over_seeds = comparison(run_id, against), configuration_comparison(run_id, against)
    seeds = [configuration_sentence(over_seeds)] if over_seeds else []
    return [verdict_sentence(compared), *seeds, margin_sentence(compared.result)]


def configuration_verdict(run_id: int, against: int) -> str | None:
    """Return the verdict on two runs' configurations over their common seeds; None with fewer than two."""
    from core.report.verdicts import configuration_sentence

    compared = configuration_comparison(run_id, against)
    return configuration_sentence(compared) if compared else None


def adjusted_p(run_ids: list[int], against: int) -> list[float]:
    """Return the p values of several runs against one, Holm-adjusted for their number."""
    from core.report.comparisons import holm_adjusted_p

    return holm_adjusted_p([comparison(run_id, against) for run_id in run_ids])


def split_comparable(run_id: int, others: list[int]) -> tuple[list[int], list[str]]:
    """Return the runs that a run can be compared with, and a reason for each of the rest."""
    comparable, reasons = [], []
    for other in others:
        try:
            comparison(run_id, other)
        except RequestError as error:
            reasons.append(escape_invisible(str(error)))
        else:
            comparable.append(other)
    return comparable, reasons
