"""Recognize out-of-memory errors, and advise how to reduce memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import clear_frames

from core.config import RunConfig
from core.errors import OutOfMemory

_MESSAGES = (
    *("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc"),
    "could not create a primitive",  # oneDNN's, which has no memory for a kernel of its own
)
_MAX_REASON_LENGTH = 200


def is_oom(error: BaseException) -> bool:
    """Return whether an error is an out-of-memory error of Python, of torch on a CPU, or of the GPU."""
    text = str(error).lower()
    matches = any(message in text for message in _MESSAGES)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and matches)


@contextmanager
def translate_oom(config: RunConfig) -> Iterator[None]:
    """Translate an out-of-memory error to `OutOfMemory` with advice for the config."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_oom(error):
            raise
        clear_frames(error.__traceback__)  # they reference the model; free it before the failure is recorded
        raise OutOfMemory(oom_advice(config, str(error))) from error


def oom_advice(config: RunConfig, reason: str) -> str:
    """Return the message for a run that did not fit into memory; ``reason``: the library's message."""
    accumulation = config.gradient_accumulation
    can_accumulate = config.batch_size > accumulation and not config.auto_batch and config.uses("gradient_accumulation")
    changes = [
        f"--auto-batch, or --gradient-accumulation {2 * accumulation} (smaller micro-batches, the same steps)"
        if can_accumulate
        else "",
        f"--max-length {max(16, config.max_length // 2)} (shorter texts)" if isinstance(config.max_length, int) else "",
        "--quantize 4bit (a smaller base model)" if config.uses("quantize") and not config.quantize else "",
        "a smaller --model" if config.uses("model") else "",
    ]
    return f"The run ran out of memory ({_first_line(reason)}). To reduce memory: {'; '.join(filter(None, changes))}."


def _first_line(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "no details")
    return line if len(line) <= _MAX_REASON_LENGTH else f"{line[:_MAX_REASON_LENGTH]}…"
