"""The table of servers: each can be installed, found and asked."""

import json
import re
import string
from pathlib import Path

import numpy as np
import pytest

from skerry.bench.benchmarks.servers import CONSTANT, ROUTES, SERVERS, SKERRY, Route, Server

PEERS = Path(__file__).parents[3] / "bench" / "peers"
FILLED_IN = {"port", "second_port", "folder", "model", "artifact", "answers"}


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_server_has_a_folder_and_an_environment(server: Server) -> None:
    assert (PEERS / server.folder).is_dir() or server.folder == server.environment
    assert (PEERS / server.environment / "requirements.txt").is_file()


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_commands_and_variables_ask_only_for_what_is_filled_in(server: Server) -> None:
    texts = [*server.command, *server.variables.values()]
    assert {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name} <= FILLED_IN


@pytest.mark.parametrize("file", sorted(PEERS.glob("*/requirements.txt")), ids=lambda file: file.parent.name)
def test_everything_that_is_installed_is_pinned_but_the_project_itself(file: Path) -> None:
    lines = file.read_text().split()
    assert lines == ["."] or [line for line in lines if not re.fullmatch(r"[\w-]+(\[\w+\])?==[\d.]+", line)] == []


def test_all_have_the_same_versions_of_what_the_model_needs() -> None:
    files = [file.read_text() for file in PEERS.glob("*/requirements.txt") if file.read_text() != ".\n"]
    for package in ("scikit-learn", "numpy", "joblib"):
        assert len({re.search(rf"^{package}==(\S+)$", text, re.MULTILINE)[1] for text in files}) == 1  # type: ignore[index]


def test_routes_have_names_of_their_own_and_the_baselines_are_among_them() -> None:
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)
    assert {CONSTANT, SKERRY} <= set(names)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_body_is_json_with_all_numbers_in_their_order(route: Route) -> None:
    numbers = [
        float(text) for text in re.findall(r"\d+\.\d+", json.dumps(route.body(np.arange(60.0).reshape(2, 30) + 0.5)))
    ]
    assert numbers == [index + 0.5 for index in range(60)]
