"""An environment is made again when, and only when, what is in it would change; what it weighs is counted."""

from pathlib import Path

import pytest

from skerry.bench.benchmarks.environments import STAMP, Environment, prepare, stamp_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("runtime", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text("first = 1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def requirements(project: Path, text: str) -> Path:
    file = project / "requirements.txt"
    file.write_text(text)
    return file


def test_another_version_is_another_stamp(project: Path) -> None:
    first = stamp_of(requirements(project, "numpy==2.4.6\n"), project)
    assert stamp_of(requirements(project, "numpy==2.4.6\n"), project) == first
    assert stamp_of(requirements(project, "numpy==2.4.7\n"), project) != first


@pytest.mark.parametrize("changed", ["pyproject.toml", "runtime/code.py", "cli/code.py"])
def test_the_project_counts_where_it_is_asked_for(project: Path, changed: str) -> None:
    asking = requirements(project, ".\n")
    before = stamp_of(asking, project)
    (project / changed).write_text("other = 2\n")
    assert stamp_of(asking, project) != before


def test_the_project_does_not_count_for_others(project: Path) -> None:
    others = requirements(project, "numpy==2.4.6\n")
    before = stamp_of(others, project)
    (project / "runtime" / "code.py").write_text("other = 2\n")
    assert stamp_of(others, project) == before


def test_what_is_up_to_date_is_left_as_it_is(project: Path) -> None:
    environment = Environment(project / "environment", requirements(project, "numpy==2.4.6\n"))
    environment.folder.mkdir()
    (environment.folder / STAMP).write_text(stamp_of(environment.requirements))
    assert prepare(environment) is False
    assert [file.name for file in environment.folder.iterdir()] == [STAMP]


def test_packages_and_bytes_are_counted_without_installers_and_compiled_copies(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3" / "site-packages"
    install(site, "thing", "1.2", {"thing.py": 100, "__pycache__/thing.pyc": 1_000})
    install(site, "pip", "23.0", {"pip.py": 10_000})
    environment = Environment(tmp_path, tmp_path / "requirements.txt")
    assert environment.packages() == {"thing": "1.2"}
    record = (site / "thing-1.2.dist-info" / "METADATA").stat().st_size
    assert environment.size() == 100 + record


def install(site: Path, name: str, version: str, files: dict[str, int]) -> None:
    """As pip leaves it."""
    about = site / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for path, size in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_bytes(b"#" * size)
    (about / "RECORD").write_text("".join(f"{path},,\n" for path in [*files, f"{about.name}/METADATA"]))
