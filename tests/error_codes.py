"""Assert on errors by their code and the facts in their message, not by their wording."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import BenchError


@contextmanager
def raises_code(code: str, *facts: str, error_type: type[BenchError] = BenchError) -> Iterator[None]:
    """Expect an error with a code whose message contains each of the facts: names, numbers, suggestions."""
    with pytest.raises(error_type) as error:
        yield
    assert error.value.code == code, error.value
    missing = [fact for fact in facts if fact not in str(error.value)]
    assert not missing, f"not in the message: {missing}\n{error.value}"
