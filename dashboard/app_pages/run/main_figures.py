"""The figures at the top of the Run page, each with its difference to the baseline."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from core.catalog.figures import FIGURES
from core.text.formatting import DASH, format_duration, format_points, format_score
from dashboard import data

if TYPE_CHECKING:
    from core.evaluation.intervals import Estimate
    from core.report.comparisons import RunComparison


class Mark(NamedTuple):
    """A difference to the baseline as `st.metric` draws it: gray if it is not significant or was not tested."""

    text: str | None = None
    color: Literal["blue", "orange", "gray"] = "gray"
    arrow: Literal["up", "down", "off"] = "off"


class MainFigure(NamedTuple):
    """A figure; ``value`` is Markdown, ``term`` is explained in the glossary."""

    label: str
    value: str
    term: str
    mark: Mark


def main_figures(run_id: int, compared: "RunComparison | None") -> list[MainFigure]:
    """Return macro F1, accuracy, F1 of the worst class and training time; without marks if ``compared`` is None."""
    scores, worst = data.metrics(run_id).reindex(["macro_f1", "accuracy"]), data.worst_class(run_id)
    marks = [Mark(), Mark(), Mark()]
    if compared is not None:
        result = compared.result
        tests = [(result.macro_f1, result.p), (result.accuracy, result.p_accuracy)]
        if worst is not None:
            in_worst = result.classes[data.labels(run_id).index(worst.label)]
            tests.append((in_worst.f1, in_worst.p))
        marks = [*(_mark(difference, p) for difference, p in tests), Mark()]
    label, f1 = ("Worst class", DASH) if worst is None else (f"Worst: {worst.label}", FIGURES["f1"].format_row(worst))
    seconds = format_duration(data.run(run_id).train_seconds)
    return [
        MainFigure("Macro F1", _small_interval(format_score(*scores.loc["macro_f1"])), "macro F1", marks[0]),
        MainFigure("Accuracy", _small_interval(format_score(*scores.loc["accuracy"])), "accuracy", marks[1]),
        MainFigure(label, _small_interval(f1), "worst class", marks[2]),
        MainFigure("Training time", seconds, "cost", _time_mark(compared)),
    ]


def _small_interval(score: str) -> str:
    """Return a formatted score in Markdown with what follows its value in a smaller font."""
    value, _, rest = score.partition(" ")
    return f"{value.removesuffix(',')} :small[{rest}]" if rest else value


def _mark(difference: "Estimate", p: float) -> Mark:
    from core.evaluation.comparison import verdict_of

    verdict = verdict_of(difference, p)
    color: Literal["blue", "orange", "gray"] = (
        "blue" if verdict == "helped" else "orange" if verdict == "hurt" else "gray"
    )
    value = difference.value
    return Mark() if value is None else Mark(format_points(value), color, _arrow(value))


def _time_mark(compared: "RunComparison | None") -> Mark:
    seconds = (compared.a.train_seconds, compared.b.train_seconds) if compared else (None, None)
    if seconds[0] is None or seconds[1] is None:
        return Mark()
    difference = seconds[0] - seconds[1]
    sign = "−" if difference < 0 else "+"
    return Mark(f"{sign}{format_duration(abs(difference))}", "gray", _arrow(difference))


def _arrow(difference: float) -> Literal["up", "down", "off"]:
    return "up" if difference > 0 else "down" if difference < 0 else "off"
