"""Several processes and threads use one store concurrently."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from benchmarks.fault_injection.concurrency import record_concurrently
from benchmarks.fault_injection.processes import preload
from core.config import make_config
from core.errors import RequestError
from core.store import queries
from core.store.recorder import recording
from tests.store.helpers import address_of, record_without_data

THREADS = 8


@pytest.mark.slow
def test_processes_record_concurrently_without_loss_or_output_while_another_reads(store, tmp_path):
    preload("benchmarks.fault_injection.concurrency")
    (tmp_path / "output").mkdir()
    result = record_concurrently(address_of(store), tmp_path / "output", processes=6, runs=4)
    assert (result.runs, result.intact, result.output, result.fallbacks) == (24, 24, "", 0)
    assert result.reads > 0
    assert len(queries.datasets(store)) == 1


def test_only_one_of_several_threads_resumes_a_run(store):
    run_id = record_without_data(store, error=KeyboardInterrupt())
    started, ended = Barrier(THREADS), Barrier(THREADS)

    def resume(_):
        started.wait()
        try:
            with recording(store, make_config({}), "a run", {}, resume_id=run_id):
                ended.wait()
        except RequestError as error:
            ended.wait()
            return error.code
        return "done"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(resume, range(THREADS)))
    assert sorted(outcomes) == ["done"] + ["run_is_running"] * (THREADS - 1)
    assert queries.run(store, run_id).environment["resumed"] == 1
