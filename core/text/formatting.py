"""Format numbers the same way on the command line, in model cards, in reports and in the dashboard."""

from collections.abc import Mapping
from datetime import datetime

DASH = "—"
VERDICT_WORDS = ("helped", "better", "hurt", "worse", "inconclusive")
"""The verdicts, in the order of sentences that count them."""
MIN_SUPPORT = 10
"""Minimum number of test examples of a class; its score is too uncertain with fewer."""


def format_percent(share: float | None) -> str:
    """Return a share in percent with one decimal, without the percent sign: ``82.4``."""
    return DASH if share is None or share != share else f"{share * 100:.1f}"


def format_score(value: float | None, low: float | None, high: float | None) -> str:
    """Return a share with its interval: ``82.4 (80.0–84.7)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return format_percent(value)
    return f"{format_percent(value)} ({format_percent(low)}–{format_percent(high)})"


def format_class_score(value: float | None, low: float | None, high: float | None, support: float) -> str:
    """Return a class's score with its interval, or with its support if that is less than `MIN_SUPPORT`."""
    if value is None or value != value or support >= MIN_SUPPORT:
        return format_score(value, low, high)
    return f"{format_percent(value)}, too few examples ({format_count(support)})"


def format_number(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a number that is not a share, such as log loss, with its interval: ``0.431 (0.402–0.463)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def format_points(difference: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a signed difference of shares in percentage points, with its interval: ``+5.9 (+3.3 to +8.5)``."""
    if difference is None or difference != difference:
        return DASH
    text = _signed(difference)
    if low is None or high is None or low != low or high != high:
        return text
    return f"{text} ({_signed(low)} to {_signed(high)})"


def _signed(share: float) -> str:
    text = f"{share * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def format_p_value(p: float) -> str:
    """Return a p-value with two significant digits: ``= .032``, ``< .0001``."""
    if p < 0.0001:
        return "< .0001"
    digits = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    return f"= {p:.{digits}f}".replace("0.", ".", 1)


def format_duration(seconds: float | None) -> str:
    """Return ``0.4 s``, ``12 s``, ``1 m 04 s`` or ``2 h 05 m``."""
    if seconds is None or seconds != seconds:
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole_seconds = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_of_hour:02d} m"
    return f"{minutes} m {whole_seconds:02d} s" if minutes else f"{whole_seconds} s"


def format_milliseconds(seconds: float | None) -> str:
    """Return a duration below a second: ``6.7 ms``, ``under 0.1 ms``; longer ones as in `format_duration`."""
    if seconds is None or seconds != seconds or seconds >= 1:
        return format_duration(seconds)
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-4 else "under 0.1 ms"


def format_count(count: float | None) -> str:
    """Return a count with separators: ``12,345``."""
    return DASH if count is None or count != count else f"{round(count):,}"


def format_parameters(trainable: float | None, total: float | None = None) -> str:
    """Return the number of trainable parameters and their share of all: ``74 k (0.33%)``."""
    if trainable is None or trainable != trainable:
        return DASH
    count = next(
        (f"{trainable / size:.3g} {unit}" for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if trainable >= size),
        f"{trainable:.0f}",
    )
    if not total or total != total or not trainable or trainable == total:
        return count
    return f"{count} ({trainable / total * 100:.2g}%)"


def format_bytes(size: float | None) -> str:
    """Return a size in bytes as ``0.6 MB``, or as ``12 kB`` below 0.1 MB."""
    if size is None or size != size:
        return DASH
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def format_setting(value: object) -> str:
    """Return a setting's value as it is written on the command line; floats are exact."""
    if value is None:
        return DASH
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={format_setting(inner)}" for key, inner in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    return str(value)


def format_time(when: datetime | None) -> str:
    """Return a time in UTC such as ``2026-01-31 12:00 UTC``."""
    return DASH if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def format_verdict_counts(counts: Mapping[str, int]) -> str:
    """Return how often each verdict occurs: ``3 helped, 1 inconclusive``."""
    return ", ".join(f"{format_count(counts[word])} {word}" for word in VERDICT_WORDS if counts.get(word))


def format_throughput(examples_per_second: float | None) -> str:
    """Return the throughput of training or prediction: ``58 examples/s``."""
    if examples_per_second is None or examples_per_second != examples_per_second:
        return DASH
    digits = 1 if examples_per_second < 9.95 else 0
    return f"{examples_per_second:,.{digits}f} examples/s"
