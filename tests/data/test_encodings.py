"""Text in other encodings is refused with the right advice, and text decoded with a wrong one is noticed."""

import re
import time

import pytest

from core.config import make_config
from core.data.encodings import decode, suggest_encodings
from core.data.file_tables import ReadOptions
from core.data.readers import read_table
from core.data.sources import load_source
from core.errors import RequestError
from tests.error_codes import raises_code

TEXTS = {
    "french": "Le café numéro {} était très agréable, déjà vu l’été dernier",
    "portuguese": "A situação número {} da educação: questões, opções, informação",
    "german": "Das Gerät Nummer {} war für mich schön und größer",
    "english": "The “film” number {} was rather dull – it’s long. A café, naïve",
    "russian": "Фильм номер {} был очень скучным и длинным",
    "chinese": "这个 soup number {} 非常无聊",
    "japanese": "この映画 {} はとても退屈で長かったです",
    "korean": "이 영화 {} 는 매우 지루하고 길었다",
    "greek": "Η ταινία {} ήταν πολύ βαρετή και μεγάλη",
}
CASES = [
    ("french", "cp1252"),
    ("portuguese", "cp1252"),
    ("german", "cp1252"),
    ("english", "cp1252"),
    ("russian", "cp1251"),
    ("russian", "koi8_r"),
    ("chinese", "gb18030"),
    ("japanese", "shift_jis"),
    ("japanese", "euc_jp"),
    ("korean", "cp949"),
    ("greek", "cp1253"),
]


def table(language):
    return "text;label\n" + "".join(f"{TEXTS[language].format(n)};{n % 2}\n" for n in range(60))


def can_decode(language, encoding, wrong):
    """Return whether a table in one encoding can be decoded with another."""
    try:
        table(language).encode(encoding).decode(wrong)
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(("language", "encoding"), CASES)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_the_advice_gives_the_right_text(tmp_path, language, encoding, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(table(language).encode(encoding))
    with pytest.raises(RequestError) as error:
        read_table(path)
    assert error.value.code == "not_utf8"
    suggested = re.findall(r"--encoding (\S+) \('([^']*)", str(error.value))
    right = [name for name, preview in suggested if preview[:12] in " ".join(table(language).split())]
    assert right, error.value
    texts = {name: read_table(path, ReadOptions(encoding=name)).frame["text"].tolist() for name in right}
    assert [TEXTS[language].format(n) for n in range(60)] in texts.values()


@pytest.mark.parametrize(
    ("language", "encoding", "wrong"),
    [(*case, wrong) for case in CASES for wrong in ("latin-1", "cp1252") if can_decode(*case, wrong)],
)
def test_text_that_was_decoded_with_a_wrong_encoding_is_refused(tmp_path, language, encoding, wrong):
    path = tmp_path / "a.csv"
    path.write_text(table(language).encode(encoding).decode(wrong), encoding="utf-8")
    if wrong == encoding or (encoding == "cp1252" and language in ("german", "portuguese")):
        assert len(read_table(path).frame) == 60
        return
    with raises_code("not_utf8", "--encoding utf-8"):
        read_table(path)
    assert len(read_table(path, ReadOptions(encoding="utf-8")).frame) == 60


@pytest.mark.parametrize("wrong", ["latin-1", "cp1252"])
def test_doubly_encoded_text_is_noticed(tmp_path, wrong):
    path = tmp_path / "a.csv"
    path.write_text(table("german").encode().decode(wrong, "replace"), encoding="utf-8")
    with raises_code("not_utf8", "GerÃ", "--encoding utf-8"):
        read_table(path)


@pytest.mark.parametrize("language", TEXTS)
def test_text_in_utf_8_has_no_note(language):
    assert decode(table(language).encode()) == (table(language), ())


def test_a_sample_without_other_characters_has_no_suggestion():
    assert suggest_encodings(b"text;label\n" * 9) == []


def test_long_lines_are_sampled_in_linear_time():
    start = time.process_time()
    suggest_encodings(b"a" * 200_000 + b"\r" + "é".encode("cp1252"))
    assert time.process_time() - start < 5


def test_a_few_wrong_lines_are_stated():
    text = table("french") + "un cafÃ© long;1\n"
    decoded, notes = decode(text.encode())
    assert decoded == text
    assert "1 lines" in notes[0] and "cafÃ©" in notes[0]


def test_encoding_is_a_setting(tmp_path):
    (tmp_path / "a.csv").write_bytes(table("chinese").encode("gb18030"))
    source = load_source(make_config({"dataset": str(tmp_path / "a.csv"), "encoding": "GB18030"}))
    assert source.frame["text"][0] == TEXTS["chinese"].format(0)


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le"])
def test_utf_16_is_read(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(table("german").encode(name))
    options = ReadOptions() if name == "utf-16" else ReadOptions(encoding=name)
    assert read_table(tmp_path / "a.csv", options).frame["text"][0] == TEXTS["german"].format(0)


@pytest.mark.parametrize("name", ["none", "rot13", "base64", "a\0", "utf-9"])
def test_unknown_encoding_is_refused(name):
    with pytest.raises(RequestError, match="--encoding"):
        make_config({"encoding": name})
