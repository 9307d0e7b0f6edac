"""The argument parser of the commands, and arguments that several commands share."""

import argparse
import math
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from core.errors import RequestError, did_you_mean
from core.text.input_checks import redacted_repr
from core.text.parsing import parse_duration
from core.text.redact import redact_secrets

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

PROGRAM = "python runner.py"
_MAX_MESSAGE_LENGTH = 4_000
_MAX_NAME_LENGTH = 200
_MAX_RUN_ID = 2**31 - 1
"""The largest value of the database's id column."""


class StoreOnce(argparse.Action):
    """Store a flag's values; reject a repeated flag, of which argparse would silently keep the last values."""

    def __call__(  # noqa: D102 - argparse's interface
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if option is not None and getattr(namespace, self.dest) is not self.default:
            hint = f" Pass several values after a single flag: {option} 1 2" if self.nargs == "+" else ""
            parser.error(f"{' or '.join(self.option_strings)} can be passed only once.{hint}")
        setattr(namespace, self.dest, values)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Show a flag that takes several values as ``--r INT`` instead of ``--r INT [INT ...]``."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if action.option_strings and action.nargs in ("+", "*"):
            return f"{', '.join(action.option_strings)} {action.metavar}".rstrip()
        return super()._format_action_invocation(action)


class Parser(argparse.ArgumentParser):
    """The parser of one command; it raises `RequestError` for invalid arguments, with a suggestion.

    If ``overview`` is set, ``--help`` prints its return value instead of the full help.
    """

    overview: Callable[[], str] | None = None

    def __init__(self, command: str, description: str, usage: str | None = None) -> None:
        super().__init__(
            prog=f"{PROGRAM} {command}".rstrip(),
            description=description,
            usage=usage,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        for name in (None, "store"):
            self.register("action", name, StoreOnce)
        self.add_argument(
            "--db",
            type=non_empty,
            metavar="PATH|URL",
            help="database file or URL (default: $RUNS_DB, else runs.db)",
        )
        self.add_argument("--debug", action="store_true", help="print the traceback of an error")

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the overview if there is one, otherwise the full help."""
        text = self.overview() if self.overview else self.format_help()
        self._print_message(text, file or sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Raise `RequestError` with the message and the command that prints the help."""
        text = redact_secrets(f"{message}{'' if message.endswith('.') else '.'} See: {self.prog} --help")
        raise RequestError(text[:_MAX_MESSAGE_LENGTH])

    def refuse_unknown(self, argument: str) -> NoReturn:
        """Raise `RequestError` for an argument that this command does not have."""
        flags = [name for name in self._option_string_actions if name.startswith("--")]
        self.error(f"unknown argument {shlex.quote(argument)}.{did_you_mean(argument, flags)}")

    def format_section(self, title: str, flags: list[str]) -> str:
        """Return a help section with these flags, in this order."""
        formatter = self._get_formatter()
        formatter.start_section(title)
        formatter.add_arguments([self._option_string_actions[flag] for flag in flags])
        formatter.end_section()
        return formatter.format_help()


class PrintText(argparse.Action):
    """Print a text and exit, as ``--help`` does."""

    def __init__(self, option_strings: list[str], dest: str, text: Callable[[], str], help: str) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)
        self.text = text

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:  # noqa: D102 - argparse's interface
        print(self.text(), end="")
        parser.exit()


def run_id(text: str) -> int:
    """Parse a run id."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if not 1 <= number <= _MAX_RUN_ID:
        raise argparse.ArgumentTypeError(f"run id must be a positive integer, not {redacted_repr(text)}")
    return number


def number_up_to(largest: float, unit: str) -> Callable[[str], float]:
    """Return a parser of numbers from 0 to ``largest``; ``unit`` is for its error message."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number <= largest:
            raise argparse.ArgumentTypeError(
                f"{unit} must be a number from 0 to {largest:,.0f}, not {redacted_repr(text)}"
            )
        return number

    return parse


def integer_from(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of integers from ``least`` to ``most``."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"must be an integer from {least:,} to {most:,}, not {redacted_repr(text)}"
            )
        return number

    return parse


def duration(text: str) -> float:
    """Parse a duration such as ``10m``, in seconds."""
    try:
        seconds = float(parse_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be longer than 0 seconds, not {redacted_repr(text)}")
    return seconds


def non_empty(text: str) -> str:
    """Return a text that is not blank."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty. Pass a value or omit the flag")
    return text


def record_name(text: str) -> str:
    """Parse the name of a run or a search."""
    name = " ".join(non_empty(text).split())
    if len(name) > _MAX_NAME_LENGTH:
        raise argparse.ArgumentTypeError(f"must have at most {_MAX_NAME_LENGTH} characters, not {len(name):,}")
    if redact_secrets(name) != name:
        raise argparse.ArgumentTypeError("must not contain a token, a key or a password: names are recorded")
    return name


def add_run_id(parser: Parser) -> None:
    """Add the positional argument for a run id."""
    parser.add_argument("run", type=run_id, help="run id")


def add_json(parser: Parser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_trust_remote_code(parser: Parser) -> None:
    """Add ``--trust-remote-code``, for commands that load the model of a run."""
    from core.config import RunConfig

    description = RunConfig.model_fields["trust_remote_code"].description
    parser.add_argument("--trust-remote-code", action="store_true", help=description)


def add_checkpoint_interval(parser: Parser) -> None:
    """Add ``--checkpoint-every``."""
    parser.add_argument(
        "--checkpoint-every",
        type=number_up_to(1e9, "seconds"),
        default=60.0,
        metavar="SECONDS",
        help="minimum time between two checkpoints; 0: after every step (default: 60)",
    )
