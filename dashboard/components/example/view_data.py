"""Data about one example: its prediction, those of other runs, and similar training examples."""

from html import escape
from typing import Any

import pandas as pd

from core.text.sanitize import escape_invisible
from dashboard import data

_MAX_TINT = 0.45  # of the background, so that the text has a contrast of at least 4.5 in both themes
MAX_WORDS = 15
"""With more words, the chart shows the most important ones."""


def find_position(run_id: int, example_id: str) -> int | None:
    """Return the position of an example in a run's predictions; None if it has none."""
    ids = data.predictions_with_outcomes(run_id)["example_id"]
    positions = ids.index[ids.astype(str) == example_id]
    return int(positions[0]) if len(positions) else None


def example_row(run_id: int, against: int | None, position: int) -> Any:
    """Return an example's row of `data.predictions_with_outcomes` with its annotation and ``words`` (their number)."""
    frame = data.predictions_with_outcomes(run_id, against).iloc[[position]]
    return data.annotated(frame.assign(words=data.word_counts(run_id).iloc[position])).iloc[0]


def label_probabilities(run_id: int, position: int) -> pd.DataFrame:
    """Return label and probability of each label of an example, highest probability first."""
    probabilities = data.probabilities(run_id)[position].astype(float)
    frame = pd.DataFrame({"label": data.labels(run_id), "probability": probabilities})
    return frame.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def other_predictions(others: list[int], row: Any) -> pd.DataFrame:
    """Return the predictions of other runs on an example: run, predicted, confidence and is_correct."""
    predictions = data.predictions_on_example(int(row["example_id"]), others)
    runs = data.run_rows(predictions["run_id"].tolist())["label"]
    return predictions.assign(run=runs, is_correct=predictions["predicted"] == row["label"])


def suggested_label(run_id: int, position: int) -> tuple[str, float] | None:
    """Return the suggested label and the quality of the label of a suspect example; None for other examples."""
    suspect = next((suspect for suspect in data.suspects(run_id).examples if suspect.position == position), None)
    return (data.labels(run_id)[suspect.suggested], suspect.quality) if suspect else None


def nearest_examples(run_id: int, text: str) -> pd.DataFrame:
    """Return the training examples that are most similar to a text: text (exact), label and similarity."""
    dataset_id = data.run(run_id).dataset_id
    if dataset_id is None:
        return pd.DataFrame(columns=["text", "label", "similarity"])
    return data.nearest_examples(dataset_id, text)


def tint_words(text: str, weights: pd.DataFrame) -> str:
    """Return a text as HTML whose words are tinted by their weights: blue for the label, orange against it.

    ``weights``: word, start, end (positions in the text) and weight, in the order of the text.
    """
    largest = float(weights["weight"].abs().max()) or 1.0
    parts, position = [], 0
    for row in weights.itertuples():
        red_green_blue = "0, 114, 178" if row.weight > 0 else "230, 159, 0"
        alpha = _MAX_TINT * abs(row.weight) / largest
        style = f"background: rgba({red_green_blue}, {alpha:.2f}); border-radius: 0.2rem"
        parts += [
            _escape(text[position : row.start]),
            f'<span style="{style}">{_escape(text[row.start : row.end])}</span>',
        ]
        position = row.end
    return f'<p dir="auto" style="white-space: pre-wrap">{"".join(parts)}{_escape(text[position:])}</p>'


def _escape(text: str) -> str:
    return escape(escape_invisible(text))


def select_most_important(weights: pd.DataFrame) -> pd.DataFrame:
    """Return the words with the largest weights, in the order of the text; ``place`` numbers the words from 1."""
    numbered = weights.assign(place=range(1, len(weights) + 1))
    return numbered.loc[numbered["weight"].abs().nlargest(MAX_WORDS).index].sort_index()
