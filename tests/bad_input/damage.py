"""Ways to damage the files of a folder."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]
"""A function that damages a folder."""


class Payload:
    """An object whose pickle creates the file ``executed`` in the current folder when it is loaded."""

    def __reduce__(self):
        return Path("executed").touch, ()


def delete(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def delete_all(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def replace(name: str, content: str | bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def edit_json(name: str, **values: object) -> Damage:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def replace_by_pickle(name: str, pickle_name: str) -> Damage:
    """Replace a file by a pickle with another name, which executes code when it is loaded."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / pickle_name).write_bytes(pickle.dumps(Payload()))

    return change


def truncate(name: str, share: float) -> Damage:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return change


def link_to_itself(*names: str) -> Damage:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()
            (folder / name).symlink_to(folder / name)

    return change


def replace_by_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("text")


def assert_nothing_executed(folder: Path) -> None:
    """Assert that no pickle or script in a folder was executed."""
    assert not list(folder.rglob("executed"))
