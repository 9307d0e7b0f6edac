"""Many who use one store at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from benchmarks.fault_injection.concurrency import record_concurrently
from benchmarks.fault_injection.processes import preload
from core.config import make_config
from core.errors import RequestError
from core.store import queries
from core.store.recorder import recording
from core.store.schema import RunRow
from tests.postgres import PASSWORD

CROWD = 8


@pytest.fixture
def address(store):
    """Return the store's address for other processes, which know of no password."""
    url = store.engine.url
    if url.get_backend_name() == "sqlite":
        return store.address
    return url.set(password=PASSWORD).render_as_string(hide_password=False)


def test_processes_that_record_at_once_lose_nothing_and_say_nothing_while_another_reads(store, address, tmp_path):
    preload("benchmarks.fault_injection.concurrency")
    (tmp_path / "output").mkdir()
    result = record_concurrently(address, tmp_path / "output", processes=CROWD, runs=5)
    assert (result.runs, result.intact, result.output, result.fallbacks) == (40, 40, "", 0)
    assert result.reads > 0
    assert len(queries.datasets(store)) == 1


@pytest.fixture
def stopped(store):
    """Return the number of a run that was stopped."""
    with pytest.raises(KeyboardInterrupt), recording(store, make_config({}), "a run", {}) as run:
        raise KeyboardInterrupt
    return run.id


def test_who_reads_sees_one_state_however_much_is_written_meanwhile(store):
    with store.read_session() as session:
        before = session.scalar(select(func.count()).select_from(RunRow))
        with recording(store, make_config({}), "a run", {}):
            pass
        assert session.scalar(select(func.count()).select_from(RunRow)) == before == 0
    assert len(queries.runs(store)) == 1


def test_of_many_who_take_up_a_run_at_once_one_does(store, stopped):
    barrier, ended = Barrier(CROWD), Barrier(CROWD)

    def take_up(_):
        barrier.wait()
        try:
            with recording(store, make_config({}), "a run", {}, resume_id=stopped):
                ended.wait()
        except RequestError as error:
            ended.wait()
            return str(error)
        return "done"

    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(take_up, range(CROWD)))
    assert answers.count("done") == 1
    assert sum("is still running" in answer for answer in answers) == CROWD - 1
    assert queries.run(store, stopped).environment["resumed"] == 1
