"""Find the record of a job that ran before."""

from core.runs.job import Job
from core.store import queries
from core.store.engine import Store
from core.store.records import Run
from core.system.environment import package_versions


def find_recorded_run(store: Store, job: Job) -> Run | None:
    """Return the newest complete run with the job's settings, data, base model and package versions.

    None if there is none, for a job that continues another run, and for a base model without a revision: the files of
    a local folder may have changed since.
    """
    revision = job.backbone.revision if job.backbone else None
    if job.continues is not None or (job.backbone is not None and revision is None):
        return None
    group_key = job.config.group_key(job.data.fingerprint)
    return queries.find_identical_run(store, job.config.settings(), group_key, revision, package_versions())
