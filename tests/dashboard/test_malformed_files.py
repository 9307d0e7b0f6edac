"""Files of runs that are outside the database's folder, damaged, huge or of another kind."""

import json

import pytest

from core.config import RunConfig
from core.errors import RequestError
from core.report.model_card import MAX_CARD_CHARACTERS
from core.store import queries
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from dashboard import data
from dashboard.components import run_downloads
from tests.dashboard.reading import page_text
from tests.seeded import ENVIRONMENT, SIZES

OUTSIDE = [
    pytest.param("../outside", id="parent"),
    pytest.param("adapters/../../outside", id="parent-of-adapters"),
    pytest.param("/etc", id="absolute"),
    pytest.param("adapters", id="all-adapters"),
    pytest.param("adapters/linked", id="link"),
    pytest.param("adapters/a\0b", id="null-byte"),
    pytest.param("adapters/..", id="folder-of-the-database"),
]
SECRET_CARD = "a secret card"


@pytest.fixture
def outside_run(store, tfidf, request):
    """A run whose path leads outside the folder ``adapters``."""
    outside = store.folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "README.md").write_text(SECRET_CARD)
    (store.folder / "adapters" / "linked").symlink_to(outside)
    RunWriter.reopen(store, tfidf).update(adapter_path=request.param, work_path=request.param)
    return tfidf


@pytest.mark.parametrize("outside_run", OUTSIDE, indirect=True)
def test_files_outside_the_adapters_are_neither_read_nor_deleted(outside_run, store):
    assert data.files(outside_run) == {}
    assert data.model_card(outside_run) is None
    assert not data.can_resume(outside_run)
    data.trash_runs([outside_run])
    data.delete_runs([outside_run])
    assert (store.folder.parent / "outside" / "README.md").read_text() == SECRET_CARD


@pytest.mark.parametrize("outside_run", ["adapters/linked"], indirect=True)
@pytest.mark.parametrize("page", ["runs", "run", "try_it"])
def test_no_page_shows_files_outside_the_adapters(page, outside_run, open_page):
    app = open_page(page, run=outside_run, part="Record", card="true")
    assert SECRET_CARD not in page_text(app)


def test_link_inside_the_folder_of_a_run_is_neither_packed_nor_followed(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "more").symlink_to(store.folder)
    with pytest.raises(RequestError, match="'more'"):
        run_downloads.files_zip(tfidf)
    assert "'more'" in page_text(open_page("run", run=tfidf, part="Record", card="true"))


def with_length(header: bytes | dict[str, object]) -> bytes:
    """Return a safetensors header after its length."""
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content


@pytest.fixture
def broken_weights(store, tfidf):
    """A run whose weights a test writes: the run and the file."""
    folder = store.folder / "adapters" / "broken"
    folder.mkdir()
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | {"new_modules": ["score"]}) as run:
        run.update(adapter_path="adapters/broken", model="another")
    return run.id, folder / "adapter_model.safetensors"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param((1 << 62).to_bytes(8, "little"), id="huge-length"),
        pytest.param((50_000_000).to_bytes(8, "little") + b"{", id="truncated"),
        pytest.param(with_length(b"[" * 100_000), id="deep-list"),
        pytest.param(with_length(b"[1, 2]"), id="list"),
        pytest.param(with_length(b"\xff\xfe"), id="not-utf-8"),
        pytest.param(with_length({"base.score.weight": 5, "x.score.y": None}), id="no-tensors"),
        pytest.param(with_length({"base.score.weight": {"shape": "ab"}}), id="shape-text"),
        pytest.param(with_length({"base.score.weight": {"shape": [1, "b"]}}), id="shape-of-texts"),
        pytest.param(with_length({"base.score.weight": {"shape": {"0": 1}}}), id="shape-object"),
    ],
)
def test_invalid_header_of_weights_has_no_hidden_size(content, broken_weights):
    run_id, file = broken_weights
    file.write_bytes(content)
    assert data.hidden_size(run_id) is None


def test_run_page_opens_with_an_invalid_header_of_weights(broken_weights, open_page):
    run_id, file = broken_weights
    file.write_bytes(with_length(b"null"))
    open_page("run", run=run_id, part="Settings")


def test_damaged_weights_show_an_error_on_the_try_it_page(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "tfidf.safetensors").write_bytes(b"\xff" * 100)
    assert len(open_page("try_it", run=tfidf, text="A film.").error) == 1


def test_huge_binary_model_card_is_shown_as_truncated_text(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    card = b"<script>alert(1)</script> \xff\xfe\x00 \x1b[31m" + b"# x\n" * 500_000
    (folder / "README.md").write_bytes(card)
    app = open_page("run", run=tfidf, part="Record", card="true")
    assert not [element.value for element in app.markdown if "<script>" in element.value]
    shown = next(element.value for element in app.code if "alert" in element.value)
    assert shown.startswith("<script>alert(1)</script> ��⟨U+0000⟩ ⟨U+001B⟩[31m# x")
    assert len(shown) <= MAX_CARD_CHARACTERS + 100
