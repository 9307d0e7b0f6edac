"""Nothing that is read can run code: no file of the project unpickles, evaluates or trusts what it is given.

What Streamlit keeps in its cache it pickles too, but in memory, made and read by one process; to disk it may not.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("benchmarks", "cli", "core", "dashboard", "scripts")
FILES = [ROOT / "runner.py", *sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))]

MODULES = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
"""Modules that make objects of bytes."""
FUNCTIONS = {
    *("torch.load", "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "pandas.read_pickle"),
    *(f"yaml.{name}" for name in ("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all")),
    *(f"yaml.{name}" for name in ("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader")),
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "os.system", "os.popen"),
}
"""Functions that run what they are given, or may."""
SETTINGS = {"allow_pickle": True, "weights_only": False, "trust_remote_code": True, "use_safetensors": False}
"""Words that make a harmless function run what it is given; a value that stands there, not one that was asked for."""
TO_DISK = {"persist"}
"""Words of Streamlit's cache that make it pickle into files."""


def unsafe(source: str) -> list[str]:
    """Return what in a program's text unpickles, evaluates or trusts."""
    tree = ast.parse(source)
    full = dict(_imported(tree))
    return [f"line {node.lineno}: {found}" for node in ast.walk(tree) for found in _found(node, full)]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield for each imported name what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name.partition(".")[0], one.name) for one in node.names if one.asname)
        elif isinstance(node, ast.ImportFrom):
            yield from ((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)


def _found(node: ast.AST, full: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"import {one.name}" for one in names if one.name.partition(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
            yield f"from {module} import"
        case ast.ImportFrom(module=str(module), names=names):
            yield from (f"from {module} import {one.name}" for one in names if f"{module}.{one.name}" in FUNCTIONS)
        case ast.Name() | ast.Attribute() if _dotted(node, full) in FUNCTIONS:
            yield _dotted(node, full)
        case ast.keyword(arg=str(name), value=ast.Constant(value)):
            yield from _trusting(name, value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield from _trusting(key.value, value.value)


def _trusting(name: Any, value: object) -> Iterator[str]:
    if (name in SETTINGS and SETTINGS[name] is value) or (name in TO_DISK and value):
        yield f"{name}={value}"


def _dotted(node: ast.AST, full: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, full)}.{node.attr}"
    return full.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def test_no_file_unpickles_evaluates_or_trusts():
    found = {str(path.relative_to(ROOT)): unsafe(path.read_text(encoding="utf-8")) for path in FILES}
    assert len(found) > 100
    assert {path: places for path, places in found.items() if places} == {}


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import pickle", id="pickle"),
        pytest.param("import marshal as harmless", id="marshal"),
        pytest.param("from shelve import open", id="shelve"),
        pytest.param("from joblib.numpy_pickle import load", id="joblib"),
        pytest.param("import torch\ntorch.load('a')", id="torch-load"),
        pytest.param("import torch as t\nread = t.load", id="torch-alias"),
        pytest.param("from torch import load", id="torch-import"),
        pytest.param("import pandas as pd\npd.read_pickle('a')", id="pandas"),
        pytest.param("import numpy as np\nnp.load('a', allow_pickle=True)", id="numpy"),
        pytest.param("import yaml\nyaml.load(text, yaml.SafeLoader)", id="yaml-load"),
        pytest.param("import yaml as y\ny.unsafe_load(text)", id="yaml-unsafe"),
        pytest.param("from yaml import Loader as SafeLoader", id="yaml-import"),
        pytest.param("torch_load(file, weights_only=False)", id="weights-only"),
        pytest.param("AutoModel.from_pretrained(name, trust_remote_code=True)", id="remote-code"),
        pytest.param("options = {'trust_remote_code': True}", id="remote-code-key"),
        pytest.param("from_pretrained(name, use_safetensors=False)", id="no-safetensors"),
        pytest.param("eval('1')", id="eval"),
        pytest.param("def f():\n    return [exec for _ in range(2)]", id="exec-in-a-list"),
        pytest.param("import builtins\nbuiltins.eval('1')", id="builtins"),
        pytest.param("import os\nos.system('ls')", id="system"),
        pytest.param("@st.cache_data(persist='disk')\ndef f(): ...", id="cache-on-disk"),
    ],
)
def test_what_would_is_found(source):
    assert unsafe(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("model.eval()", id="eval-method"),
        pytest.param("import re\nre.compile('a')", id="re-compile"),
        pytest.param("import json\njson.load(file)", id="json"),
        pytest.param("import numpy as np\nnp.load('a')", id="numpy"),
        pytest.param("import yaml\nyaml.safe_load(text)\nclass Plain(yaml.SafeLoader): ...", id="yaml-safe"),
        pytest.param("from safetensors.torch import load_file\nload_file(path)", id="safetensors"),
        pytest.param("from_pretrained(name, trust_remote_code=asked, use_safetensors=True)", id="remote-code-asked"),
        pytest.param("model.load(folder)", id="load-method"),
        pytest.param("@st.cache_data(max_entries=8)\ndef f(): ...", id="cache-in-memory"),
    ],
)
def test_what_only_looks_like_it_is_not(source):
    assert unsafe(source) == []
