from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from tests.bad_input.properties import PROPERTIES


@pytest.mark.parametrize("name", PROPERTIES)
def test_it_holds_whatever_comes_in(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    one, outcomes = PROPERTIES[name], set()

    @settings(
        max_examples=one.examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(one.cases)
    def holds(case):
        with TemporaryDirectory() as folder:
            outcomes.add(one.holds(case, Path(folder)))

    holds()
    assert len(outcomes) > 1, "cases of one outcome alone show little"
