"""The documents name every command, option, endpoint and error; and what they show is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import click
import msgspec
import pytest

from skerry.cli.main import EXITS, skerry
from skerry.export.catalogue import read_catalogue, write_markdown
from skerry.runtime import errors
from skerry.runtime.app import create_app
from skerry.runtime.manifest import Manifest
from skerry.runtime.models.repository import ModelRepository

Kind = TypeVar("Kind", bound=errors.SkerryError)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text()


def error_types(kind: type[Kind]) -> Iterator[type[Kind]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from error_types(child)


@pytest.mark.parametrize("name", sorted(skerry.commands))
def test_every_command_and_each_of_its_options_is_documented(name: str) -> None:
    section = text("cli.md").partition(f"## skerry {name}")[2].partition("\n## ")[0]
    options = [
        option
        for parameter in skerry.commands[name].params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    ]
    assert section
    assert [option for option in options if f"`{option}" not in section] == []


@pytest.mark.parametrize("name", sorted(skerry.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    assert "Example:" in (skerry.commands[name].help or "")


def test_every_endpoint_is_documented() -> None:
    routes = [route.path for route in create_app(ModelRepository.open(ROOT / "artifacts" / "iris")).routes]  # type: ignore[attr-defined]
    assert [path for path in routes if f"`{path}`" not in text("http.md") and path != "/v2/"] == []


@pytest.mark.parametrize("error", list(error_types(errors.SkerryError)), ids=lambda error: error.code)
def test_every_error_is_documented_with_its_code(error: type[errors.SkerryError]) -> None:
    row = next((line for line in text("errors.md").splitlines() if f"`{error.__name__}`" in line), "")
    assert f"`{error.code}`" in row


def test_every_http_status_of_an_error_is_documented() -> None:
    for error in error_types(errors.InferenceError):
        row = next(line for line in text("errors.md").splitlines() if f"`{error.__name__}`" in line)
        assert f"| {error.status_hint} |" in row


def test_every_exit_code_is_documented() -> None:
    assert [code for _, code in EXITS if f"| {code} |" not in text("errors.md")] == []


def test_the_error_tree_is_drawn_as_it_is() -> None:
    assert [
        error.__name__ for error in error_types(errors.SkerryError) if error.__name__ not in (errors.__doc__ or "")
    ] == []


def test_every_field_of_the_manifest_is_documented() -> None:
    fields = [field.name for field in msgspec.structs.fields(Manifest)]
    assert [name for name in fields if f"| `{name}` |" not in text("artifact-format.md")] == []


def test_the_page_of_estimators_is_the_table() -> None:
    assert text("estimators.md") == write_markdown(read_catalogue()), (
        "python -m skerry.export.catalogue > docs/estimators.md"
    )


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_the_estimators_that_are_refused_are_named(name: str) -> None:
    found = re.search(r"can infer[\w\s,]*? but ([\w,\s]+?)[;,]? and (?:for )?the models of", (ROOT / name).read_text())
    assert found is not None
    refused = [line.estimator for line in read_catalogue() if line.answers == "refused"]
    assert re.findall(r"\b[A-Z]\w+", found[1]) == refused


def test_links_between_documents_lead_somewhere() -> None:
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text()):
            if not target.startswith("http"):
                assert (file.parent / target).exists(), f"{file.name} links to {target}"


def test_the_index_names_every_document() -> None:
    assert [
        file.name for file in DOCS.glob("*.md") if file.name != "index.md" and f"({file.name})" not in text("index.md")
    ] == []


def test_the_readme_shows_its_two_commands_first() -> None:
    first = (ROOT / "README.md").read_text().partition("```sh\n")[2].partition("```")[0]
    assert re.findall(r"^scripts/\w+", first, re.MULTILINE) == ["scripts/demo", "scripts/test"]


def test_no_path_of_a_machine_is_in_the_tree() -> None:
    files = [
        file
        for folder in ("runtime", "export", "bench", "cli", "tests", "docs", "scripts")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".md", "")
    ]
    found = [
        str(file.relative_to(ROOT))
        for file in files
        if file.is_file() and re.search(r"/(home|root|Users|work)/\w", file.read_text(errors="replace"))
    ]
    assert found == []
