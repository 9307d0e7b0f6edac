"""Make a config from untrusted values, with an error message for each invalid one."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.config.flags import flag
from core.config.run_config import PAIR_SETTINGS, RunConfig
from core.errors import RequestError, did_you_mean
from core.text.input_checks import redacted_repr

_SHOULD = re.compile(r"^(Input )?should ")


def make_config(values: Mapping[str, Any]) -> RunConfig:
    """Return the config of these settings. Raise `RequestError` with a line for each invalid one."""
    try:
        return RunConfig(**values)
    except ValidationError as error:
        lines = map(_error_line, error.errors())
        raise RequestError("\n".join(line for line in lines if line)) from None


def _error_line(error: ErrorDetails) -> str | None:
    """Return the message of a validation error; None if it follows from an error in another setting."""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "default_factory_not_called":
        return None
    if not error["loc"]:  # about several settings
        return f"{message}."
    name = f"{error['loc'][0]!s:.60}"
    if error["type"] == "extra_forbidden":
        return f"unknown setting '{name}'.{did_you_mean(name, RunConfig.model_fields)}"
    message = _SHOULD.sub("must ", message).rstrip(".")
    return f"{flag(name)} {_format_input(error)} {message}{'' if message.endswith('?') else '.'}"


def _format_input(error: ErrorDetails) -> str:
    """Return the invalid value, shortened and without secrets."""
    value = error["input"]
    if error["loc"][0] in PAIR_SETTINGS and isinstance(value, tuple) and all(isinstance(pair, str) for pair in value):
        value = " ".join(value)
    return redacted_repr(value)
