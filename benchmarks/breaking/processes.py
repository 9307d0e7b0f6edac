"""Processes that can be killed: forked from one that has read the libraries and has used none of them."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")


def read_beforehand(*modules: str) -> None:
    """Name the modules that every process finds read already; to be called before the first one is started."""
    CONTEXT.set_forkserver_preload(list(modules))


def started(told: Path, action: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Do something in a process of its own; what it prints is added to the file ``told``."""
    process = CONTEXT.Process(target=_do, args=(told, dict(os.environ), action, arguments))
    process.start()
    return process


def _do(told: Path, environment: Mapping[str, str], action: Callable[..., Any], arguments: Sequence[Any]) -> None:
    os.environ.update(environment)  # that of the process it is forked from is older
    with told.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, encoding="utf-8") for stream in (1, 2))
    sys.exit(action(*arguments))
