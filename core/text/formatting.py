"""Format numbers the same way on the command line, in model cards and in the dashboard."""

DASH = "—"
MIN_SUPPORT = 10
"""A class with fewer test examples than this has too few for its score to mean much."""


def format_percent(share: float | None) -> str:
    """Return a share in percent with one decimal, without the sign: ``82.4``."""
    return DASH if share is None or share != share else f"{share * 100:.1f}"


def format_score(value: float | None, low: float | None, high: float | None) -> str:
    """Return a share with its interval: ``82.4 (80.0–84.7)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return format_percent(value)
    return f"{format_percent(value)} ({format_percent(low)}–{format_percent(high)})"


def format_class_score(value: float | None, low: float | None, high: float | None, support: float) -> str:
    """Return a class's figure with its interval; of a class with few test examples their number instead."""
    if value is None or value != value or support >= MIN_SUPPORT:
        return format_score(value, low, high)
    return f"{format_percent(value)}, too few examples ({format_count(support)})"


def format_number(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a figure that is no share, such as a log loss, with its interval: ``0.431 (0.402–0.463)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def format_points(difference: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a difference of shares in points, signed, with its interval: ``+5.9 (+3.3 to +8.5)``."""
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
    """Return p with two digits: ``= .032``, ``< .0001``."""
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
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left:02d} m"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


def format_milliseconds(seconds: float | None) -> str:
    """Return a short time: ``6.7 ms``, ``under 0.1 ms``; from a second on as in `format_duration`."""
    if seconds is None or seconds != seconds or seconds >= 1:
        return format_duration(seconds)
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-4 else "under 0.1 ms"


def format_count(number_: float | None) -> str:
    """Return a count with separators: ``12,345``."""
    return DASH if number_ is None or number_ != number_ else f"{round(number_):,}"


def format_parameters(trainable: float | None, total: float | None = None) -> str:
    """Return ``74 k (0.33%)``: how many weights were trained, and their share of all."""
    if trainable is None or trainable != trainable:
        return DASH
    short = next(
        (f"{trainable / size:.3g} {unit}" for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if trainable >= size),
        f"{trainable:.0f}",
    )
    if not total or total != total or not trainable or trainable == total:
        return short
    return f"{short} ({trainable / total * 100:.2g}%)"


def format_bytes(bytes_: float | None) -> str:
    """Return a size in MB, or in kB where it is small: ``0.6 MB``, ``12 kB``."""
    if bytes_ is None or bytes_ != bytes_:
        return DASH
    return f"{bytes_ / 1e6:,.1f} MB" if bytes_ >= 1e5 else f"{bytes_ / 1e3:.0f} kB"


def format_setting(value: object) -> str:
    """Return a setting's value as a person would type it."""
    if value is None:
        return DASH
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={format_setting(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_throughput(examples_per_second: float | None) -> str:
    """Return how fast a training went: ``58 examples/s``."""
    if examples_per_second is None or examples_per_second != examples_per_second:
        return DASH
    digits = 1 if examples_per_second < 9.95 else 0
    return f"{examples_per_second:,.{digits}f} examples/s"
