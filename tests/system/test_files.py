"""Atomic publication of files and folders."""

import pytest

from core.system.files import publish_atomically


def create(path, kind):
    """Create a file, an empty folder or a folder with a file; return its path."""
    if kind == "file":
        path.write_text(path.name)
    else:
        path.mkdir()
    if kind == "folder":
        (path / "inner").write_text(path.name)
    return path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_publishing_renames_complete_files(tmp_path, kind):
    publish_atomically(create(tmp_path / "temporary", kind), tmp_path / "published")
    inner = tmp_path / "published" if kind == "file" else tmp_path / "published" / "inner"
    assert inner.read_text() == "temporary" and [path.name for path in tmp_path.iterdir()] == ["published"]


@pytest.mark.parametrize("existing", ["file", "empty folder", "folder"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_publishing_does_not_replace_existing_files(tmp_path, kind, existing):
    source, target = create(tmp_path / "temporary", kind), create(tmp_path / "published", existing)
    with pytest.raises(FileExistsError):
        publish_atomically(source, target)
    assert source.exists() and target.is_dir() == (existing != "file")
    if existing == "file":
        assert target.read_text() == "published"
