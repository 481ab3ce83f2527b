"""Made requests at the border: the good are answered as scikit-learn answers, the bad refused, and nobody hears of a 5xx.

The same ones every time. ``python -m skerry.bench.measured.border`` sends 100,000 others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("pyarrow")

from skerry.bench.measured.bad_requests.recipes import RECIPES
from skerry.bench.measured.border import AppAsker, Findings, SocketAsker, make_cases, measure_border, try_all
from skerry.bench.measured.border_models import BorderModel, make_models
from skerry.bench.measured.serving import serving
from skerry.runtime.app import create_app
from skerry.runtime.models.repository import ModelRepository

QUICK, OVER_SOCKETS, LONG = 1_000, 200, 30_000
GROWTH = 32 * 2**20

Models = dict[str, BorderModel]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repository")


@pytest.fixture(scope="module")
def border_models(repository: Path) -> Models:
    """What ``repository`` has."""
    return make_models(repository)


@pytest.fixture(scope="module")
def app(repository: Path, border_models: Models) -> Iterator[AppAsker]:
    with AppAsker(create_app(ModelRepository.open(repository))) as asker:
        yield asker


def shown(found: Findings) -> str:
    """What is wrong, for whoever reads the failure."""
    return "\n".join(f"{kind}: {len(texts)}, such as {texts[0]}" for kind, texts in found.faults.items())


def test_every_request_is_answered_rightly_or_refused(app: AppAsker, border_models: Models) -> None:
    rows = {name: model.rows for name, model in border_models.items()}
    found = try_all(make_cases(rows, QUICK, first=0), app, border_models)
    assert not found.faults, shown(found)
    assert found.bad == QUICK
    assert found.requests > QUICK + len(RECIPES)
    assert {layer for layer, outcome in found.counts if outcome == "answered"} == {
        "HTTP",
        "JSON",
        "binary",
        "formats",
        "rows",
        "tensors",
    }


def test_the_same_over_sockets(repository: Path, border_models: Models) -> None:
    rows = {name: model.rows for name, model in border_models.items()}
    with serving(repository) as served, SocketAsker(served.port) as ask:
        found = try_all(make_cases(rows, OVER_SOCKETS, first=1), ask, border_models)
    assert not found.faults, shown(found)


@pytest.mark.slow
def test_a_server_takes_no_harm_and_no_memory() -> None:
    found, growth = measure_border(LONG, int(os.environ.get("SEED", "1000")), lambda text: None)
    assert not found.faults, shown(found)
    assert growth < GROWTH
