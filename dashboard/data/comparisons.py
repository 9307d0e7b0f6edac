"""Runs against each other."""

from typing import TYPE_CHECKING, Any

from core.errors import RequestError
from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached
from dashboard.data.runs import everything, run
from dashboard.data.table import these_runs

if TYPE_CHECKING:  # SciPy comes with these: a page that needs them waits, the others open at once
    from core.report.verdicts import ConfigurationComparison, RunComparison


def these_groups(run_id: int, against: int) -> Any:
    """Return a key that changes with the runs that differ from one of two in the seed alone."""
    run_ids = (run_id, against)
    frame = everything()
    of = frame[frame["group_key"].isin([run(run_id).group_key for run_id in run_ids])]
    return these_runs(*run_ids, of["id"].tolist())


@cached(these_runs)
def comparison(db: Store, run_id: int, against: int) -> "RunComparison":
    """Compare two runs. Raises `RequestError` where they can't be compared, with the reason."""
    from core.report.verdicts import compare_runs

    return compare_runs(db, run_id, against)


@cached(these_groups)
def configurations(db: Store, run_id: int, against: int) -> "ConfigurationComparison | None":
    """Compare the configurations of two runs over the seeds that both have; None where these are fewer than two."""
    from core.report.verdicts import compare_configurations

    return compare_configurations(db, run_id, against)


def sentences(run_id: int, against: int) -> list[str]:
    """Return what is to be said of a run against another: the verdict, over seeds where there are some, the margin."""
    from core.report.verdicts import configuration_sentence, margin_sentence, verdict_sentence

    compared, over_seeds = comparison(run_id, against), configurations(run_id, against)
    seeds = [configuration_sentence(over_seeds)] if over_seeds else []
    return [verdict_sentence(compared), *seeds, margin_sentence(compared.result)]


def sentence_over_seeds(run_id: int, against: int) -> str | None:
    """Return what is to be said of two configurations over the seeds that both have; None where these are too few."""
    from core.report.verdicts import configuration_sentence

    compared = configurations(run_id, against)
    return configuration_sentence(compared) if compared else None


def adjusted_p(run_ids: list[int], against: int) -> list[float]:
    """Return the p values of several runs against one, Holm-adjusted for their number."""
    from core.report.verdicts import holm_adjusted_p

    return holm_adjusted_p([comparison(run_id, against) for run_id in run_ids])


@cached(these_runs)
def training_warning(db: Store, run_id: int) -> str | None:
    """Return what speaks for a run's being under-trained, where it does not beat its best baseline."""
    from core.report.verdicts import training_warning

    return training_warning(db, queries.run(db, run_id))


def comparable(run_id: int, others: list[int]) -> tuple[list[int], list[str]]:
    """Return those of the others that a run can be compared with, and for each of the rest the reason."""
    fine, reasons = [], []
    for other in others:
        try:
            comparison(run_id, other)
        except RequestError as error:
            reasons.append(str(error))
        else:
            fine.append(other)
    return fine, reasons
