"""The distribution: one top-level name, typed, light, and of the version that the changelog tells of."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the tree, so that nothing is left behind in it."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\n"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_only_top_level_name_is_skerry(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"skerry"}


def test_skerry_itself_is_a_namespace_without_files(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if re.fullmatch(r"skerry/[^/]+", name)] == []


def test_every_package_of_the_tree_is_in_the_wheel_and_typed(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package in ("runtime", "export", "bench", "cli"):
        expected = {
            f"skerry/{file.relative_to(ROOT)}" for file in (ROOT / package).rglob("*.py") if "peers" not in file.parts
        }
        assert expected <= names
        assert f"skerry/{package}/py.typed" in names


def test_the_wheel_holds_no_tests_and_no_artifacts(wheel: zipfile.ZipFile) -> None:
    names = [
        name for name in wheel.namelist() if "tests/" in name or "/test_" in name or name.endswith((".onnx", ".npz"))
    ]
    assert not names


def test_the_installed_version_is_the_changelogs_newest() -> None:
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert PROJECT["version"] == newest[1] == version("skerry")


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    listed = [
        *PROJECT["dependencies"],
        *(entry for extra in PROJECT["optional-dependencies"].values() for entry in extra),
    ]
    unbounded = [entry for entry in listed if not entry.startswith("skerry[") and not (">=" in entry and "<" in entry)]
    assert unbounded == []


def test_serving_needs_nothing_that_exporting_needs() -> None:
    serving = {re.split(r"[<>=; ]", entry)[0] for entry in PROJECT["dependencies"]}
    assert not serving & {"scikit-learn", "skl2onnx", "onnx", "pandas", "pyarrow", "skops", "joblib", "scipy"}


def test_all_is_every_extra_but_cuda() -> None:
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == ["skerry[export,demo,quantize,bench]"]
    assert set(extras) == {"export", "demo", "quantize", "bench", "cuda", "arrow", "otel", "all", "dev"}
