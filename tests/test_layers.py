"""Imports point left along one chain: runtime ◀ export ◀ quantize ◀ bench ◀ cli."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAIN = ["runtime", "export", "quantize", "bench", "cli"]
FORBIDDEN_IN_RUNTIME = {"sklearn", "skl2onnx", "onnx", "pandas", "joblib", "pickle", "skops", "scipy", "cloudpickle"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def imported(file: Path) -> set[str]:
    """Every module a file imports, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


@pytest.mark.parametrize("package", CHAIN)
def test_a_package_imports_only_itself_and_those_to_its_left(package: str) -> None:
    allowed = set(CHAIN[: CHAIN.index(package) + 1])
    for file in sources(package):
        used = {name.split(".")[1] for name in imported(file) if name.startswith("skerry.")}
        assert used <= allowed, f"{file.relative_to(ROOT)} imports {used - allowed}"


@pytest.mark.parametrize("package", CHAIN)
def test_imports_are_absolute(package: str) -> None:
    for file in sources(package):
        relative = {name for name in imported(file) if name.startswith(".")}
        assert not relative, f"{file.relative_to(ROOT)} imports {relative}"


def test_the_runtime_imports_nothing_that_trains_converts_or_unpickles() -> None:
    for file in sources("runtime"):
        used = {name.split(".")[0] for name in imported(file)} & FORBIDDEN_IN_RUNTIME
        assert not used, f"{file.relative_to(ROOT)} imports {used}"


def test_one_file_imports_onnxruntime() -> None:
    users = [
        str(file.relative_to(ROOT))
        for package in CHAIN
        for file in sources(package)
        if "onnxruntime" in {name.split(".")[0] for name in imported(file)}
    ]
    assert users == ["runtime/session.py"]


@pytest.mark.parametrize(
    ("framework", "users"),
    [
        ("starlette", ["runtime/app.py", "runtime/pages.py"]),
        ("uvicorn", ["runtime/http/connection.py", "runtime/server.py"]),
        ("httptools", ["runtime/http/connection.py", "bench/http/connection.py"]),
    ],
)
def test_http_frameworks_are_known_to_few(framework: str, users: list[str]) -> None:
    found = [
        str(file.relative_to(ROOT))
        for package in CHAIN
        for file in sources(package)
        if framework in {name.split(".")[0] for name in imported(file)}
    ]
    assert found == users


def test_there_is_no_drawer_for_everything_else() -> None:
    names = {file.stem for package in CHAIN for file in sources(package)}
    assert not names & {"utils", "util", "helpers", "common", "core", "base", "misc", "manager"}
