"""Downloads of a run: files, predictions, settings and log."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml

from cli.main import parse
from cli.settings import requested_values
from core.catalog.baselines import BASELINES
from core.config import RunConfig, make_config
from core.errors import RequestError
from core.store import queries
from core.store.recorder import recording
from dashboard import data
from dashboard.components import run_downloads
from tests.dashboard.reading import page_text
from tests.seeded import ENVIRONMENT, SIZES, record_adapters


def test_zip_has_exactly_the_files_of_the_run(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "more").mkdir()
    (folder / "more" / "words.txt").write_text("nested")
    (folder.parent / "other.txt").write_text("of another run")
    with zipfile.ZipFile(io.BytesIO(run_downloads.files_zip(tfidf))) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    on_disk = {f"{folder.name}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    assert packed == on_disk
    assert f"{folder.name}/more/words.txt" in packed


@pytest.mark.parametrize("target", ["secret.txt", ""], ids=["file", "folder"])
def test_symbolic_link_is_refused(target, store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (store.folder / "secret.txt").write_text("secret")
    (folder / "linked").symlink_to(store.folder / target)
    with pytest.raises(RequestError, match="'linked'"):
        run_downloads.files_zip(tfidf)
    assert "'linked' is a symbolic link" in page_text(open_page("run", run=tfidf))


def test_model_card_that_is_a_link_is_not_read(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (store.folder / "secret.txt").write_text("secret")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(store.folder / "secret.txt")
    with pytest.raises(RequestError, match="'README.md'"):
        data.model_card(tfidf)


def test_weights_that_are_a_link_are_not_read(store, tfidf):
    folder = store.folder / "adapters" / "linked"
    folder.mkdir()
    header = b'{"base.score.weight": {"shape": [2, 32]}}'
    (store.folder / "weights").write_bytes(len(header).to_bytes(8, "little") + header)
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | {"new_modules": ["score"]}) as run:
        run.update(adapter_path="adapters/linked", model="another")
    (folder / "adapter_model.safetensors").write_bytes((store.folder / "weights").read_bytes())
    assert data.hidden_size(run.id) == 32
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.safetensors").symlink_to(store.folder / "weights")
    assert data.hidden_size(run.id) is None


def test_path_with_dots_has_no_dots_in_the_zip(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    with store.engine.begin() as connection:
        path = f"adapters/{folder.name}/b/.."
        connection.exec_driver_sql("update runs set adapter_path = ?, changed_at = '2030-01-01'", (path,))
    with zipfile.ZipFile(io.BytesIO(run_downloads.files_zip(tfidf))) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {folder.name}


@pytest.mark.parametrize("path", ["../outside", "adapters/../../outside", "/etc", "adapters"])
def test_path_outside_the_adapters_folder_is_refused(path, store, tfidf, open_page):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update runs set adapter_path = ?, changed_at = '2030-01-01'", (path,))
    assert data.files(tfidf) == {}
    assert f"The folder {path} beside the database is missing" in page_text(open_page("run", run=tfidf))


def test_large_files_are_not_zipped(store, tfidf, open_page, monkeypatch):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    with (folder / "weights.safetensors").open("wb") as file:
        file.truncate(run_downloads.MAX_ZIP_BYTES)  # a sparse file
    assert f"too large for a zip file. Folder: adapters/{folder.name}" in page_text(open_page("run", run=tfidf))
    with pytest.raises(RequestError):
        run_downloads.files_zip(tfidf)


def test_predictions_are_the_stored_ones(seeded):
    read = pd.read_csv(io.StringIO(run_downloads.predictions_csv(seeded.flawed).removeprefix("\ufeff")))
    stored = data.predictions_with_outcomes(seeded.flawed)
    for column, name in {
        "position": "position",
        "text": "text",
        "true label": "label",
        "predicted": "predicted",
    }.items():
        assert read[column].tolist() == stored[name].tolist()
    shares = read[[f"probability of {label}" for label in ("bad", "good", "odd")]].to_numpy(np.float32)
    assert (shares == data.probabilities(seeded.flawed)).all()
    assert read["confidence"].tolist() == pytest.approx(stored["confidence"].tolist())
    assert read["rating_deviation"].tolist() == [extra["rating_deviation"] for extra in stored["extra"]]
    assert "truncated" in read


def test_texts_of_the_predictions_are_no_formulas(store):
    (number,) = record_adapters(store, 2, 0.7)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update examples set text = '=1+1', extra = '{\"text\": \"@x\"}'")
    read = pd.read_csv(io.StringIO(run_downloads.predictions_csv(number).removeprefix("\ufeff")))
    assert set(read["text"]) == {"'=1+1"}
    assert set(read["text (source)"]) == {"'@x"}


CHANGED = {
    "dataset": "my: file.csv",
    "text_column": "123",
    "label_column": "yes",
    "encoding": "cp1252",
    "no_header": True,
    "dataset_config": "plain: text",
    "split_column": "part",
    "splits": {"test": "no"},
    "merge_labels": {"Neg": "neg", "1": "no"},
    "validation_dataset": "another.csv",
    "test_dataset": "other.csv",
    "train_size": 81,
    "validation_size": 21,
    "test_size": 101,
    "model": "some/model",
    "revision": "0123",
    "max_length": 64,
    "trust_remote_code": True,
    "r": 4,
    "alpha": 6.0,
    "dropout": 0.2,
    "target_modules": ("query", "value"),
    "layers": "0,3",
    "rslora": True,
    "dora": True,
    "init": "gaussian",
    "lora_plus": 16.0,
    "peft": {"lora_bias": True, "exclude_modules": ["a", "b"]},
    "quantize": "4bit",
    "epochs": "auto",
    "patience": 3,
    "max_steps": 500,
    "time_budget": 600.0,
    "batch_size": 16,
    "auto_batch": True,
    "gradient_accumulation": 2,
    "class_weights": "balanced",
    "sampler": "balanced",
    "lr": 2e-5,
    "head_lr": 1e-3,
    "pooling": "mean",
    "head_init": "random",
    "model_dropout": 0.1,
    "logit_adjustment": "none",
    "warmup": 0.1,
    "weight_decay": 0.0,
    "dtype": "bfloat16",
    "seed": 7,
}


@pytest.mark.parametrize("method", [*(method.name for method in BASELINES), "lora", "ia3", "full"])
@pytest.mark.parametrize("changed", [{}, CHANGED], ids=["defaults", "every setting changed"])
def test_settings_file_gives_the_same_settings(method, changed, store, tmp_path):
    assert set(CHANGED) == set(RunConfig.model_fields) - {"method"}
    config = make_config({"method": method, **changed})
    with recording(store, config, "any", ENVIRONMENT) as run:
        pass
    file = tmp_path / "run.yaml"
    file.write_text(run_downloads.config_yaml(run.id), encoding="utf-8")
    values = requested_values(parse(["--config", str(file)]))
    assert all(len(given) == 1 for given in values.values())
    again = make_config({name: given[0] for name, given in values.items()})
    assert again.settings() == config.settings()
    assert yaml.safe_load(file.read_text())["method"] == method


def test_downloaded_log_is_complete(store):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        for place in range(250):
            run.log_line(f"line {place}")
    lines = run_downloads.log_text(run.id).splitlines()
    assert len(lines) == 250
    assert lines[0].endswith("  line 0") and len(data.log_lines(run.id)) == 200
