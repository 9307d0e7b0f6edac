"""The card says what a run is, what it learnt from, how good it is and where it fails: all from the record."""

import re
import subprocess
import sys

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from core.config import make_config
from core.models.backbone import find_backbone
from core.serving.model_cards import model_card_of_run
from core.store import queries
from tests.small_runs import create_store, record_run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return create_store(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def majority(store, tiny_bert):
    return record_run(store, tiny_bert, method="majority")


@pytest.fixture(scope="module")
def lora(store, majority, tiny_bert):
    return record_run(store, tiny_bert, r=2, max_length=8)


def card_of(store, run):
    config = make_config(run.config)
    return model_card_of_run(store, run.id, find_backbone(config) if config.uses("model") else None)


@pytest.fixture(scope="module")
def card(store, lora):
    return card_of(store, lora)


def test_the_card_beside_the_files_is_the_one_that_the_record_gives(store, lora, card):
    assert (lora.adapter_folder(store.folder) / "README.md").read_text() == card


def test_it_says_what_the_run_is_and_its_size(card, tiny_bert):
    assert f"LoRA on `{tiny_bert}`" in card
    assert re.search(r", 611 \(2\.\d %\) trained weights\.", card)


def test_scores_stand_with_their_intervals_and_the_gain_over_the_best_baseline(store, lora, card):
    metrics = queries.metrics(store, [lora.id]).set_index(["split", "name"])
    low = metrics.loc[("test", "accuracy"), "low"]
    assert f"({low * 100:.1f}–" in card.split("| accuracy |")[1].splitlines()[0]
    assert "Against the best baseline of the same data, majority class: " in card
    assert "points, p " in card


def test_known_failures_are_counted_as_they_were_predicted(store, majority):
    found = queries.predictions(store, majority.id)
    always = found["predicted"].iloc[0]
    missed = [label for label in ("bad", "fine, so-so", "good") if label != always]
    failures = card_of(store, majority).split("## Known failures")[1].split("##")[0]
    for label in missed:
        size = (found["label"] == label).sum()
        assert f"{label} taken for {always} {size} of {size} times" in failures
    assert f"Found least often (recall in percent): {missed[0]} 0.0 (0.0–" in failures
    assert "Confidence: " in failures


def test_what_is_cut_off_is_told(store, lora, card):
    share = queries.predictions(store, lora.id)["truncated"].mean()
    assert f"Of {share * 100:.1f} % of the test texts it reads only the beginning." in card


def test_sizes_and_balance_of_the_data_are_told(card):
    assert "| train | 48 | 16 | 16 | 16 |" in card
    assert "| test | 36 | 12 | 12 | 12 |" in card


def test_what_is_not_known_of_a_licence_is_not_guessed(card):
    licence = card.split("## Licence")[1].split("##")[0]
    assert "Base model: not recorded." in licence
    assert "Data: not recorded." in licence


def test_licences_of_what_comes_along_are_told(store):
    run = record_run(store, "minilm", dataset="movie-reviews", method="frozen")
    licence = card_of(store, run).split("## Licence")[1].split("##")[0]
    assert "Base model: apache-2.0, as its card says." in licence
    assert "Data: MIT. Hutto, C.J. & Gilbert" in licence


def test_a_label_with_a_bar_breaks_no_table(tmp_path, tiny_bert):
    (tmp_path / "odd.csv").write_text(
        "text,label\n" + "".join(f"film {n},{'a|b' if n % 2 else 'c'}\n" for n in range(200))
    )
    store = create_store(tmp_path)
    run = record_run(store, tiny_bert, dataset=str(tmp_path / "odd.csv"), method="majority")
    assert "| a\\|b |" in card_of(store, run)


def shares_by_the_cards_code(store, run, elsewhere):
    """Run the card's code in a process that knows nothing of this project; return stored and given probabilities."""
    code = card_of(store, run).split("```python\n")[1].split("```")[0]
    stored = queries.predictions(store, run.id).iloc[-1]  # a long text
    code = code.replace('"path/to/this/folder"', repr(str(run.adapter_folder(store.folder)))).replace(
        '"a text"', "given"
    )
    code = code.replace(f"name = {run.model!r}", f"name = {find_backbone(make_config(run.config)).path!r}")
    code = f"given = {stored['text']!r}\n{code}\nprint(float(model(**inputs).logits.softmax(-1).max()))"
    command, environment = [sys.executable, "-I", "-c", code], {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return stored["confidence"], float(done.stdout.splitlines()[-1])


def saved_as(tiny_bert, folder, checkpoint):
    """Save the tiny base once more: in half precision, or with a head for five labels."""
    torch.manual_seed(1)
    if checkpoint == "bfloat16":
        AutoModel.from_pretrained(tiny_bert).to(torch.bfloat16).save_pretrained(folder)
    else:
        AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=5).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("checkpoint", "method"), [("bfloat16", "lora"), ("bfloat16", "full"), ("five labels", "lora")]
)
def test_the_code_gives_the_stored_probabilities_whatever_the_base_was_saved_as(
    checkpoint, method, store, tiny_bert, tmp_path
):
    base = saved_as(tiny_bert, tmp_path / "base", checkpoint)
    stored, given = shares_by_the_cards_code(store, record_run(store, base, method=method, max_length=128), tmp_path)
    assert given == pytest.approx(stored, abs=1e-5)


def test_the_code_reads_as_much_as_the_run_did_and_runs_no_code_that_was_not_asked_for(store, tiny_bert):
    card = card_of(store, record_run(store, tiny_bert, max_length=128))
    assert "max_length=64," in card
    assert "trust_remote_code" not in card


def test_the_code_of_a_decoder_without_a_pad_token_works(store, tiny_gpt2, tmp_path):
    stored, given = shares_by_the_cards_code(store, record_run(store, tiny_gpt2, r=2), tmp_path)
    assert given == pytest.approx(stored, abs=1e-5)


def test_the_code_of_a_quantised_run_says_so_and_quantises(store, tmp_path):
    pytest.importorskip("bitsandbytes")
    run = record_run(store, "minilm", quantize="4bit", lr=1e-3)
    card = card_of(store, run)
    assert "held in 4 bits, as in training: needs bitsandbytes" in card
    assert "load_in_4bit" in card
    stored, given = shares_by_the_cards_code(store, run, tmp_path)
    assert given == pytest.approx(stored, abs=0.01)  # a CPU may multiply 4 bits in bfloat16
