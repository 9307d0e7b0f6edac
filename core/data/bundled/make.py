"""Create the bundled Parquet files from vaderSentiment's source distribution.

pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
python -m core.data.bundled.make vaderSentiment-3.3.2.tar.gz
"""

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pandas as pd

SOURCE_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
LICENSE = "vaderSentiment-3.3.2/LICENSE.txt"
FILES = {
    "movie-reviews": "movieReviewSnippets",
    "tweets": "tweets",
    "product-reviews": "amazonReviewSnippets",
}


def _read_table(archive: tarfile.TarFile, name: str, columns: list[str]) -> pd.DataFrame:
    member = archive.extractfile(f"hutto_ICWSM_2014/{name}.txt")
    assert member is not None
    # quoting=3: the texts contain unpaired quotation marks; utf-8-sig: one file starts with a byte-order mark.
    return pd.read_csv(member, sep="\t", header=None, names=columns, quoting=3, encoding="utf-8-sig", dtype={"id": str})


def read_ratings(archive: tarfile.TarFile, stem: str) -> pd.DataFrame:
    """Return id, text, mean_rating and rating_deviation, in source order.

    The text file contains texts and means, the ratings file the standard deviations. They are joined by
    id because 21 rows are in a different order.
    """
    texts = _read_table(archive, f"{stem}_GroundTruth", ["id", "mean_rating", "text"])
    deviations = _read_table(archive, f"{stem}_anonDataRatings", ["id", "_mean", "rating_deviation", "_ratings"])
    joined = texts.merge(deviations[["id", "rating_deviation"]], on="id", validate="one_to_one")
    assert len(joined) == len(texts), f"{stem}: the two files contain different ids"
    joined["text"] = joined["text"].str.strip()
    return joined[["id", "text", "mean_rating", "rating_deviation"]]


def main(source: Path) -> None:
    """Check the source's SHA-256 and write one Parquet file per kind of text, and the license."""
    content = source.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != SOURCE_SHA256:
        sys.exit(f"{source} has SHA-256 {actual}; expected {SOURCE_SHA256}.")
    here = Path(__file__).parent
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        archive, license_file = outer.extractfile(ARCHIVE), outer.extractfile(LICENSE)
        assert archive is not None and license_file is not None
        (here / "LICENSE.txt").write_bytes(license_file.read())
        with tarfile.open(fileobj=archive) as inner:
            for name, stem in FILES.items():
                read_ratings(inner, stem).to_parquet(here / f"{name}.parquet", index=False, compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
