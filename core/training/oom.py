"""A run that did not fit into the memory: how that is known, and what to change."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import clear_frames

from core.config import RunConfig
from core.errors import OutOfMemory

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")


def is_oom(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out: Python's own, torch's on a CPU, or the driver's."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS))


@contextmanager
def translate_oom(config: RunConfig) -> Iterator[None]:
    """Give memory that runs out within a ``with``, wherever that is, a kind of its own: `OutOfMemory`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_oom(error):
            raise
        clear_frames(error.__traceback__)  # they hold the model, and the record is yet to be written
        raise OutOfMemory(oom_advice(config, str(error))) from error


def oom_advice(config: RunConfig, told: str) -> str:
    """Return what to say to a user whose run did not fit; ``told``: what the library said."""
    size = config.batch_size // config.gradient_accumulation
    ways = [
        f"--auto-batch, or --gradient-accumulation {2 * config.gradient_accumulation}: smaller pieces, the same steps"
        if size > 1 and not config.auto_batch and config.uses("gradient_accumulation")
        else "",
        f"--max-length {max(16, config.max_length // 2)}: shorter texts" if isinstance(config.max_length, int) else "",
        "--quantize 4bit: the base in less memory" if config.uses("quantize") and not config.quantize else "",
        "a smaller --model" if config.uses("model") else "",
    ]
    return (
        f"The run did not fit into the memory ({_first_line(told)}). What takes less: {'; '.join(filter(None, ways))}."
    )


def _first_line(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "no more is known")
    return line if len(line) <= 200 else f"{line[:200]}…"
