"""Real parts for the tests: small data, a tiny GPT-2 made on the spot, a temporary database."""

import os
import signal

# Before torch is imported anywhere: see the note in runner.py. The Hub must not be asked.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from core.store.engine import Store, open_store
from tests.postgres import Server, server
from tests.shipped_record import export_shipped_record


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep records that no database takes out of the real home."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def default_database(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point the default database to a temporary folder: no test reads or writes the repository's own."""
    os.environ["RUNS_DB"] = str(tmp_path_factory.mktemp("default") / "runs.db")


@pytest.fixture(scope="session")
def shipped_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with runs.db and adapters/ as the repository ships them."""
    folder = tmp_path_factory.mktemp("shipped")
    export_shipped_record(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> None:
    """Hear signals that are ignored where the tests run in the background: what they start would ignore them too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "runs.db"), create=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a PostgreSQL server of the tests' own."""
    with server() as running:
        yield running


@pytest.fixture
def csv(tmp_path: Path):
    """Write rows to a CSV file and return its path."""

    def write(rows: dict[str, list[object]], name: str = "my.csv") -> str:
        path = tmp_path / name
        pd.DataFrame(rows).to_csv(path, index=False)
        return str(path)

    return write


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder with random weights and a byte-level tokenizer of its own, without a pad token."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast

    folder = tmp_path_factory.mktemp("tiny-gpt2")
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["a good film", "a bad film"], vocab_size=300, special_tokens=["<|endoftext|>"])
    tokenizer = GPT2TokenizerFast(tokenizer_object=trained._tokenizer, eos_token="<|endoftext|>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with random weights and a small WordPiece vocabulary."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *("##" + c for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    (folder / "vocab.txt").write_text("\n".join([*words, "good", "bad", "film", "the", "was"]))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words) + 5,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder
