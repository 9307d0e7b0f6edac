"""Read folders and zip archives of data files: files by split, shards, a folder per class, and `save_to_disk`."""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from core.data.class_labels import name_class_labels
from core.data.file_tables import MAX_FILE_BYTES, MAX_ROWS, ReadOptions
from core.data.readers import READERS, ReadFile, file_suffix, read_content, unpack
from core.data.source_splits import SPLIT_COLUMN, is_common_split
from core.errors import RequestError

_SAVED_BY_DATASETS = ("dataset_dict.json", "state.json")
_UNLABELED_CLASS = "unsup"
"""The folder of texts without a class in the archive of the IMDB reviews."""
_MAX_FILES = 1_000_000
_MAX_DEPTH = 4
_MAX_LISTED = 10


@dataclass(frozen=True)
class _File:
    """A file of a folder or an archive. ``read`` returns its content, at most ``size`` bytes."""

    path: PurePosixPath
    size: int
    read: Callable[[], bytes]

    @property
    def suffix(self) -> str:
        """The suffix that names the format."""
        return file_suffix(Path(self.path)).removesuffix(".gz")


def is_folder_or_archive(path: Path) -> bool:
    """Return whether a path is a folder or a zip archive by its suffix."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def read_folder(path: Path, options: ReadOptions) -> ReadFile:
    """Return the rows of all data files of a folder or zip archive; names of splits become a column.

    Nothing is written; links to folders are not followed. Raises `RequestError` if there are no data files, if they
    have several formats, or if they are too large.
    """
    if path.is_dir() and any((path / name).is_file() for name in _SAVED_BY_DATASETS):
        return _read_saved_dataset(path)
    with _open(path) as files:
        data_files = [file for file in files if file.suffix in READERS and not _is_hidden(file.path)]
        if len(data_files) > _MAX_FILES or sum(file.size for file in data_files) > MAX_FILE_BYTES:
            raise _too_large_error(path)
        by_class = [file for file in data_files if file.suffix == ".txt" and _class_of(file.path)]
        tables = [file for file in data_files if file.suffix != ".txt"]
        if tables:
            return _read_tables(path, tables, options)
        if len({_class_of(file.path) for file in by_class}) > 1:
            return _read_classes(path, by_class, options)
        return _read_tables(path, data_files, options)


@contextmanager
def _open(path: Path) -> Iterator[list[_File]]:
    """Yield the files of a folder or a zip archive, in order of their paths."""
    if path.is_dir():
        try:
            yield sorted(_folder_files(path, path, _MAX_DEPTH), key=lambda file: file.path)
        except OSError as error:
            raise RequestError(
                f"{error.filename or path} cannot be read: {error.strerror or error}. Check its permissions.",
                code="unreadable_file",
            ) from None
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = (member for member in archive.infolist() if not member.is_dir())
            files = [
                _File(PurePosixPath(member.filename), member.file_size, partial(archive.read, member))
                for member in members
            ]
            yield sorted(files, key=lambda file: file.path)
    # An encrypted archive raises RuntimeError, and a damaged member zlib.error or EOFError.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise RequestError(f"{path} cannot be read as a zip archive: {error}", code="damaged_file") from None


def _folder_files(folder: Path, root: Path, depth: int) -> Iterator[_File]:
    for entry in folder.iterdir():
        path = PurePosixPath(entry.relative_to(root).as_posix())
        if entry.is_file():
            yield _File(path, entry.stat().st_size, entry.read_bytes)
        elif entry.is_dir() and not entry.is_symlink() and not _is_hidden(path):
            if not depth:
                raise RequestError(
                    f"{entry} is nested too deeply: at most {_MAX_DEPTH} levels of folders are read. Name a folder "
                    "further down.",
                    code="too_deep",
                )
            yield from _folder_files(entry, root, depth - 1)


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _class_of(path: PurePosixPath) -> str | None:
    """Return the class of a text file: the folder in which it is, unless that is a split."""
    parent = path.parent.name
    return parent if parent and not is_common_split(parent) else None


def _split_of(path: PurePosixPath) -> str | None:
    """Return the split that the name of a file or of a folder above it contains, such as train-00000-of-00002."""
    for part in (path.name.partition(".")[0], *reversed(path.parent.parts)):
        words = re.split(r"[^a-z]+", part.casefold())
        split = next((word for word in words if is_common_split(word)), None)
        if split:
            return split
    return None


def _split_of_class(path: PurePosixPath) -> str | None:
    """Return the innermost folder above a text file's class that is named after a split."""
    return next((part.casefold() for part in reversed(path.parent.parent.parts) if is_common_split(part)), None)


def _read_tables(path: Path, files: list[_File], options: ReadOptions) -> ReadFile:
    """Return the rows of files of one format, with their split if the names of all files contain one."""
    suffixes = sorted({file.suffix for file in files})
    if len(suffixes) != 1:
        listed = ", ".join(str(file.path) for file in files[:_MAX_LISTED])
        problem = f"data files of several formats: {listed}" if files else f"no data files ({', '.join(READERS)})"
        raise RequestError(
            f"{path} contains {problem}. Name one file, or a folder with files of one format.", code="is_folder"
        )
    splits = [_split_of(file.path) for file in files]
    if any(splits) and not all(splits):
        unknown = next(file.path for file, split in zip(files, splits, strict=True) if split is None)
        raise RequestError(
            f"{path}: the name of {unknown} contains no split, such as train or test. Rename or remove the file.",
            code="ambiguous_splits",
        )
    frames, notes, digest = [], [], hashlib.sha256()
    for (file, file_path, content), split in zip(_read_contents(path, files, digest), splits, strict=True):
        frame, file_notes = read_content(file_path, content, options)
        frames.append(frame.assign(**{SPLIT_COLUMN: split}) if split else frame)
        notes += [f"{file.path}: {note}" for note in file_notes]
    return ReadFile(_concatenate(path, frames), digest.hexdigest(), tuple(dict.fromkeys(notes)))


def _read_contents(path: Path, files: list[_File], digest: "hashlib._Hash") -> Iterator[tuple[_File, Path, bytes]]:
    """Yield each file, its path below ``path`` and its unpacked content; update the digest with all files.

    Raises `RequestError` if the contents are too large together.
    """
    size = 0
    for file in files:
        content = file.read()
        digest.update(str(file.path).encode("utf-8", "surrogatepass") + hashlib.sha256(content).digest())
        file_path = Path(path.name) / file.path
        content = unpack(file_path, content)
        size += len(content)
        if size > MAX_FILE_BYTES:
            raise _too_large_error(path)
        yield file, file_path, content


def _too_large_error(path: Path) -> RequestError:
    return RequestError(
        f"{path} exceeds the limit of {MAX_FILE_BYTES >> 30} GB or {_MAX_FILES:,} files. Use a part of it.",
        code="too_large",
    )


def _concatenate(path: Path, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables. Raise `RequestError` if they have different columns."""
    columns = set(frames[0].columns)
    different = next((frame for frame in frames if set(frame.columns) != columns), None)
    if different is not None:
        names = ", ".join(sorted(map(str, columns ^ set(different.columns)))[:_MAX_LISTED])
        raise RequestError(
            f"The files of {path} have different columns: {names}. Give all files the same columns, or name one file.",
            code="different_columns",
        )
    return pd.concat(frames, ignore_index=True)


def _read_classes(path: Path, files: list[_File], options: ReadOptions) -> ReadFile:
    """Return a row for each text file: its content, its folder as the label, and its split if it has one."""
    rows, digest = [], hashlib.sha256()
    labeled = [file for file in files if _class_of(file.path) != _UNLABELED_CLASS]
    for file, file_path, content in _read_contents(path, labeled, digest):
        text = "\n".join(read_content(file_path, content, options).frame["text"]) if content.strip() else ""
        label, split = _class_of(file.path), _split_of_class(file.path)
        rows.append({"text": text, "label": label, "file": str(file.path), SPLIT_COLUMN: split})
    frame = pd.DataFrame(rows, dtype=object)
    if frame[SPLIT_COLUMN].isna().all():
        frame = frame.drop(columns=SPLIT_COLUMN)
    skipped = len(files) - len(labeled)
    note = f"{skipped:,} files in '{_UNLABELED_CLASS}' have no label and are left out."
    return ReadFile(frame, digest.hexdigest(), (note,) if skipped else ())


def _read_saved_dataset(path: Path) -> ReadFile:
    """Return the rows that the library datasets saved with ``save_to_disk``, with a column of their splits."""
    import datasets  # slow to import

    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # the loader raises many types
        raise RequestError(
            f"{path} cannot be read as a saved data set: {type(error).__name__}: {error}", code="damaged_file"
        ) from None
    splits = loaded if isinstance(loaded, dict) else {None: loaded}
    if sum(map(len, splits.values())) > MAX_ROWS or sum(data.data.nbytes for data in splits.values()) > MAX_FILE_BYTES:
        raise RequestError(f"{path} does not fit into memory. Use a part of it.", code="too_large")
    frames = [
        name_class_labels(data.to_pandas(), data.features).assign(**({SPLIT_COLUMN: split} if split else {}))
        for split, data in splits.items()
    ]
    fingerprints = "".join(data._fingerprint for data in splits.values())
    return ReadFile(pd.concat(frames, ignore_index=True), hashlib.sha256(fingerprints.encode()).hexdigest())
