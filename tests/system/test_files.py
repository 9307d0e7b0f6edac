"""Files that are whole or not there at all."""

import pytest

from core.system.files import publish_atomically


def made(path, kind):
    """Make a file, an empty folder or a filled one, and return its path."""
    if kind == "file":
        path.write_text(path.name)
    else:
        path.mkdir()
    if kind == "folder":
        (path / "inner").write_text(path.name)
    return path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_publishing_renames_complete_files(tmp_path, kind):
    publish_atomically(made(tmp_path / "aside", kind), tmp_path / "named")
    inner = tmp_path / "named" if kind == "file" else tmp_path / "named" / "inner"
    assert inner.read_text() == "aside" and [path.name for path in tmp_path.iterdir()] == ["named"]


@pytest.mark.parametrize("there", ["file", "empty folder", "folder"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_publishing_does_not_replace_existing_files(tmp_path, kind, there):
    aside, target = made(tmp_path / "aside", kind), made(tmp_path / "named", there)
    with pytest.raises(FileExistsError):
        publish_atomically(aside, target)
    assert aside.exists() and target.is_dir() == (there != "file")
    if there == "file":
        assert target.read_text() == "named"
