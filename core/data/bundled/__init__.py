"""The rated sentences that travel with the project; README.md beside this file says where they are from."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


@dataclass(frozen=True)
class BundledDataset:
    """A registered view of a bundled file: which ratings make which label.

    A mean rating (-4 to 4) beyond ``neutral`` is negative or positive. Within it lies the neutral
    class; where ``neutral`` is 0 there is none, and the few sentences rated exactly 0 are left out.
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
    """Return text, label, id, mean_rating and rating_deviation of a registered set, in source order."""
    bundled = BUNDLED[name]
    frame = pd.read_parquet(HERE / f"{bundled.file}.parquet")
    rating = frame["mean_rating"]
    frame["label"] = None if bundled.neutral == 0 else "neutral"
    frame.loc[rating > bundled.neutral, "label"] = "positive"
    frame.loc[rating < -bundled.neutral, "label"] = "negative"
    return frame[frame["label"].notna()].reset_index(drop=True)
