"""The commands: one module per command, with the same name.

Each module defines ``COMMAND``. It imports torch, pandas and SQLAlchemy only inside functions, so that
``--help`` and invalid flags respond at once.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from cli.arguments import Parser

NAMES = (
    *("run", "search", "list", "show", "compare", "report", "predict", "resume"),
    *("merge", "export", "recheck", "delete", "methods", "db"),
)


@dataclass(frozen=True)
class Command:
    """A command: its one-line help, its arguments, and the function that executes it and returns the exit code."""

    help: str
    add_arguments: Callable[[Parser], None]
    execute: Callable[[Namespace], int]


@dataclass(frozen=True)
class CommandGroup:
    """A command with several actions, such as ``db check``."""

    help: str
    actions: Mapping[str, Command]


def load_command(name: str) -> Command | CommandGroup:
    """Import a command's module and return its command."""
    command: Command | CommandGroup = import_module(f"{__name__}.{name}").COMMAND
    return command
