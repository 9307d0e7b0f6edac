"""A run that read only the beginnings of many test texts is marked next to its scores."""

import pytest

from cli.run_report import collect_report
from core.config import RunConfig
from core.report.truncation import truncation_note
from core.store import queries
from core.store.recorder import recording


def record(store, share, **environment):
    config = RunConfig(max_length=256)
    with recording(store, config, "lora-r8", {"truncated": {"test": share}, **environment}) as run:
        return run.id


@pytest.mark.parametrize(
    ("limit", "advice"),
    [({"max_length_limit": 512}, "--max-length 512"), ({"max_length_limit": 300}, "--max-length 300")],
)
def test_note_states_the_share_and_a_length_that_reads_more(limit, advice, store):
    run = queries.run(store, record(store, 0.34, **limit))
    note = truncation_note(run)
    assert all(fact in note for fact in ("256 tokens", "34.0%", advice))
    assert collect_report(store, [run.id]).notes == (note,)


@pytest.mark.parametrize("limit", [{}, {"max_length_limit": 256}], ids=["unknown", "reached"])
def test_model_that_reads_no_more_gets_no_advice(limit, store):
    assert "--max-length" not in truncation_note(queries.run(store, record(store, 0.34, **limit)))


def test_few_truncated_texts_are_not_noted(store):
    assert truncation_note(queries.run(store, record(store, 0.05))) is None
