"""Files that a stranger put beside a record: outside of its folder, damaged, huge or not what they should be."""

import json

import pytest

from core.config import RunConfig
from core.errors import RequestError
from core.store import queries
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from dashboard import data
from dashboard.components import run_downloads as bundles
from dashboard.data.files import MAX_CARD_CHARACTERS
from tests.dashboard.reading import page_text
from tests.seeded import ENVIRONMENT, SIZES

OUTSIDE = (
    "../outside",
    "adapters/../../outside",
    "/etc",
    "adapters",
    "adapters/linked",
    pytest.param("adapters/a\0b", id="null-byte"),
    "adapters/..",
)


@pytest.fixture
def led_outside(store, tfidf, request):
    """A run whose path leads to a folder beside ``adapters`` in one of the ways there are."""
    outside = store.folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "README.md").write_text("a secret card")
    (store.folder / "adapters" / "linked").symlink_to(outside)
    RunWriter.reopen(store, tfidf).update(adapter_path=request.param, work_path=request.param)
    return tfidf


@pytest.mark.parametrize("led_outside", OUTSIDE, indirect=True)
@pytest.mark.parametrize("page", ["runs", "run", "try_it"])
def test_no_page_reads_outside_of_the_adapters(page, led_outside, open_page):
    app = open_page(page, run=led_outside, part="Record", card="true")
    assert "a secret card" not in page_text(app)
    assert data.files(led_outside) == {}
    assert data.model_card(led_outside) is None
    assert not data.can_resume(led_outside)


@pytest.mark.parametrize("led_outside", OUTSIDE, indirect=True)
def test_deleting_such_a_run_deletes_nothing_outside(led_outside, store):
    data.trash_runs([led_outside])
    data.delete_runs([led_outside])
    assert (store.folder.parent / "outside" / "README.md").read_text() == "a secret card"


def test_a_link_within_the_folder_is_not_packed_nor_shown(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "more").symlink_to(store.folder)
    with pytest.raises(RequestError, match="'more'"):
        bundles.files_zip(tfidf)
    assert "'more' is a symbolic link" in page_text(open_page("run", run=tfidf, part="Record", card="true"))


def with_length(header: bytes | dict[str, object]) -> bytes:
    """Return a safetensors header after its length."""
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff", id="no-length"),
        pytest.param((1 << 62).to_bytes(8, "little"), id="huge-length"),
        pytest.param((50_000_000).to_bytes(8, "little") + b"{", id="cut"),
        pytest.param(with_length(b"[" * 100_000), id="deep-list"),
        pytest.param(with_length(b"[1, 2]"), id="list"),
        pytest.param(with_length(b"null"), id="null"),
        pytest.param(with_length(b"\xff\xfe"), id="not-utf-8"),
        pytest.param(with_length({"base.score.weight": 5, "x.score.y": None}), id="no-tensors"),
        pytest.param(
            with_length({"base.score.weight": {"shape": "ab"}, "x.score.y": {"shape": [1, "b"]}}), id="shapes-of-words"
        ),
        pytest.param(with_length({"base.score.weight": {"shape": {"0": 1}}}), id="shape-object"),
    ],
)
def test_a_header_of_weights_that_says_nothing_sensible_tells_no_width(content, store, tfidf, open_page):
    folder = store.folder / "adapters" / "strange"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(content)
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | {"new_modules": ["score"]}) as run:
        run.update(adapter_path="adapters/strange", model="another")
    assert data.hidden_size(run.id) is None
    open_page("run", run=run.id, part="Settings")


def test_weights_that_can_not_be_read_are_told_on_the_page_that_needs_them(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "tfidf.safetensors").write_bytes(b"\xff" * 100)
    app = open_page("try_it", run=tfidf)
    assert f"The files of run {tfidf} " in app.error[0].value.replace("\\", "")


def test_a_card_that_is_huge_binary_and_markup_is_shown_as_text(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    card = b"<script>alert(1)</script> \xff\xfe\x00 \x1b[31m" + b"# x\n" * 500_000
    (folder / "README.md").write_bytes(card)
    app = open_page("run", run=tfidf, part="Record", card="true")
    assert not [one.value for one in app.markdown if "<script>" in one.value]
    shown = next(one.value for one in app.code if "alert" in one.value)
    assert shown.startswith("<script>alert(1)</script> ��⟨U+0000⟩ ⟨U+001B⟩[31m# x")
    assert len(shown) <= MAX_CARD_CHARACTERS + 100
