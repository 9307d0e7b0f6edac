"""Rated sentences shipped with the project; see README.md in this folder for their source and license."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


@dataclass(frozen=True)
class BundledDataset:
    """A data set made from a bundled file by a rule from ratings to labels.

    A mean rating (-4 to 4) beyond ``neutral`` is negative or positive, and one within it neutral. With
    ``neutral`` 0 there is no neutral class, and the few sentences rated exactly 0 are excluded.
    """

    file: str
    noun: str
    neutral: float


BUNDLED = {
    "movie-reviews": BundledDataset("movie-reviews", "movie reviews", 0.0),
    "movie-reviews-3": BundledDataset("movie-reviews", "movie reviews", 0.5),
    "tweets-3": BundledDataset("tweets", "tweets", 0.5),
    "product-reviews-3": BundledDataset("product-reviews", "product reviews", 0.5),
}


def load_bundled(name: str) -> pd.DataFrame:
    """Return text, label, id, mean_rating and rating_deviation of a bundled data set, in source order."""
    bundled = BUNDLED[name]
    frame = pd.read_parquet(HERE / f"{bundled.file}.parquet")
    rating = frame["mean_rating"]
    frame["label"] = None if bundled.neutral == 0 else "neutral"
    frame.loc[rating > bundled.neutral, "label"] = "positive"
    frame.loc[rating < -bundled.neutral, "label"] = "negative"
    return frame[frame["label"].notna()].reset_index(drop=True)


def read_license_and_citation() -> tuple[str, str]:
    """Return the license and the citation of the bundled texts, as README.md states them."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    paragraphs = dict(re.findall(r"^\*\*(\w+)\.\*\* (.+)$", text, re.MULTILINE))
    return paragraphs["License"].partition(",")[0], paragraphs["Citation"].rstrip(".")
