"""Start killable processes from a fork server that has the libraries imported."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")


def preload(*modules: str) -> None:
    """Import modules in the fork server; call it before the first process is started."""
    CONTEXT.set_forkserver_preload(list(modules))


def start_process(output: Path, action: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Run a function in a new process and append its output to a file."""
    process = CONTEXT.Process(target=_run, args=(output, dict(os.environ), action, arguments))
    process.start()
    return process


def _run(output: Path, environment: Mapping[str, str], action: Callable[..., Any], arguments: Sequence[Any]) -> None:
    os.environ.update(environment)  # the fork server's environment is older
    with output.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, encoding="utf-8") for stream in (1, 2))
    sys.exit(action(*arguments))
