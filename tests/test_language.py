"""Names and phrases that were replaced by standard terms do not return."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    *("given_words", "own_files", "try_out", "make_ready", "set_chance", "base_of", "moves_budget", "own_loss"),
    *("ran_out", "way_out", "errors_of_memory", "give_back_freed_memory", "given_path", "rename_whole", "write_whole"),
    *("is_as_saved", "without_one", "smallest_difference", "begin_aside", "take_in", "is_home", "in_words"),
    *("prepare_again", "_save_and_prove", "hopeless", "mend_by", "legible", "as_used", "rival", "narrowed"),
)
PHRASES = (
    *("nobody's", "kept aside", "comes home", "fell silent", "at hand again", "stands twice", "is told so"),
    *(
        "Make it again",
        "Go on with it",
        "Untick",
        "scores flatter",
        "wrong in company",
        "Kinds of texts",
        "Held against",
    ),
    *("Nobody noted", "Look after the database", "what to call the run", "given words", "Say --", "«", "»"),
    *("licence", "labelled", "quantis", "neighbour", "colour", "initialis", "normalis", "learnt"),
)
URL_VALUES = ("with the word «",)
"""Values in the addresses of saved links, which stay valid."""


def test_replaced_names_and_phrases_do_not_return():
    pattern = re.compile("|".join([rf"\b({'|'.join(NAMES)})\b", *map(re.escape, PHRASES)]))
    files = subprocess.run(["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in files.stdout.split():
        if name.startswith(("adapters/", "core/store/migrations/")) or name == f"tests/{Path(__file__).name}":
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), start=1):
            match = pattern.search(line)
            if match and not any(value in line for value in URL_VALUES):
                found.append(f"{name}:{number}: {match[0]}")
    assert not found
