"""No file of the project unpickles data, evaluates strings or trusts remote code.

Streamlit pickles cached values too, but within one process; caches on disk are not allowed.
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
"""Modules that deserialize objects."""
FUNCTIONS = {
    *("torch.load", "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "pandas.read_pickle"),
    *(f"yaml.{name}" for name in ("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all")),
    *(f"yaml.{name}" for name in ("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader")),
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "os.system", "os.popen"),
}
"""Functions that may execute their input."""
SETTINGS = {"allow_pickle": True, "weights_only": False, "trust_remote_code": True, "use_safetensors": False}
"""Arguments that make a harmless function execute its input; only literal values are found."""
TO_DISK = {"persist"}
"""Arguments of Streamlit's cache that make it pickle to disk."""


def find_unsafe_code(source: str) -> list[str]:
    """Return the line and name of each unsafe import, function and argument in a program's source."""
    tree = ast.parse(source)
    full_names = dict(_imported_names(tree))
    return [f"line {node.lineno}: {name}" for node in ast.walk(tree) for name in _unsafe_names(node, full_names)]


def _imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each imported name with its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                (alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names if alias.asname
            )
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _unsafe_names(node: ast.AST, full_names: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from (f"import {alias.name}" for alias in aliases if alias.name.partition(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
            yield f"from {module} import"
        case ast.ImportFrom(module=str(module), names=aliases):
            yield from (
                f"from {module} import {alias.name}" for alias in aliases if f"{module}.{alias.name}" in FUNCTIONS
            )
        case ast.Name() | ast.Attribute() if _full_name(node, full_names) in FUNCTIONS:
            yield _full_name(node, full_names)
        case ast.keyword(arg=str(name), value=ast.Constant(value)):
            yield from _unsafe_argument(name, value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield from _unsafe_argument(key.value, value.value)


def _unsafe_argument(name: Any, value: object) -> Iterator[str]:
    if (name in SETTINGS and SETTINGS[name] is value) or (name in TO_DISK and value):
        yield f"{name}={value}"


def _full_name(node: ast.AST, full_names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, full_names)}.{node.attr}"
    return full_names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def test_no_file_contains_unsafe_code():
    unsafe = {str(path.relative_to(ROOT)): find_unsafe_code(path.read_text(encoding="utf-8")) for path in FILES}
    assert len(unsafe) > 100
    assert {path: names for path, names in unsafe.items() if names} == {}


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
def test_unsafe_code_is_found(source):
    assert find_unsafe_code(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("model.eval()", id="eval-method"),
        pytest.param("import re\nre.compile('a')", id="re-compile"),
        pytest.param("import json\njson.load(file)", id="json"),
        pytest.param("import numpy as np\nnp.load('a')", id="numpy"),
        pytest.param("import yaml\nyaml.safe_load(text)\nclass Plain(yaml.SafeLoader): ...", id="yaml-safe"),
        pytest.param("from safetensors.torch import load_file\nload_file(path)", id="safetensors"),
        pytest.param(
            "from_pretrained(name, trust_remote_code=requested, use_safetensors=True)", id="remote-code-on-request"
        ),
        pytest.param("model.load(folder)", id="load-method"),
        pytest.param("@st.cache_data(max_entries=8)\ndef f(): ...", id="cache-in-memory"),
    ],
)
def test_safe_code_is_not_reported(source):
    assert find_unsafe_code(source) == []
