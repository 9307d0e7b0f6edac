"""Find the record of a job that ran before."""

from core.runs.job import Job
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.system.environment import package_versions


def find_recorded_run(store: Store, job: Job) -> Run | None:
    """Return the newest complete run with the job's settings, data, base model and package versions.

    None if there is none, and for a job that continues another run.
    """
    if job.continues is not None:
        return None
    revision = job.backbone.revision if job.backbone else None
    return queries.find_identical_run(store, job.config.settings(), job.data.fingerprint, revision, package_versions())
