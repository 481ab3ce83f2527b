"""``Workload``: the model, rows it has not seen, and what scikit-learn says of them; requests made of that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
import msgspec
import numpy as np
import sklearn

from skerry.bench.benchmarks.environments import Environment
from skerry.bench.benchmarks.servers import MODEL, Route, Rows
from skerry.bench.http.exchange import JSON, Exchange, SameBytes, build_request
from skerry.export import export
from skerry.runtime.errors import BenchError

TOLERANCE = 1e-12
"""How far a probability may be from scikit-learn's. All but Skerry call scikit-learn itself."""
DIFFERENT = {1: 64, 100: 16}
"""Requests that take turns, by the rows in each: the same request again and again would measure a warm cache."""


@dataclass(frozen=True)
class Workload:
    """``rows`` (n, 30), float64, and scikit-learn's ``probabilities`` (n, 2) of them; models and artifact are in
    ``folder``, an absolute path."""

    folder: Path
    rows: Rows
    probabilities: Rows

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def answers(self) -> Path:
        return self.folder / "answers.json"

    def samples(self, count: int) -> list[tuple[Rows, Rows]]:
        """Requests of ``count`` rows, and the probabilities of each."""
        picked = [(start + np.arange(count)) % len(self.rows) for start in range(DIFFERENT[count])]
        return [(self.rows[index], self.probabilities[index]) for index in picked]

    def model_for(self, environment: Environment, source: Path) -> Path:
        """The fitted model; where ``environment`` has another version of scikit-learn, one that was fitted there alike."""
        version = environment.packages().get("scikit-learn", sklearn.__version__)
        folder = self.folder if version == sklearn.__version__ else self.folder / version
        if not folder.exists():
            fit(source, environment.program("python"), folder)
        return folder / "model.joblib"


def make_workload(source: Path, folder: Path) -> Workload:
    """Fit the model with ``source``, a script, export it, and write down what the constant answers are."""
    shutil.rmtree(folder, ignore_errors=True)
    fit(source, Path(sys.executable), folder)
    model, held_out = joblib.load(folder / "model.joblib"), np.load(folder / "held_out.npz")
    workload = Workload(folder.absolute(), held_out["X"], model.predict_proba(held_out["X"]))
    export(model, held_out["X"], held_out["y"], name=MODEL, to=workload.artifacts)
    answers = {f"/{count}": constant_answer(workload, count).decode() for count in DIFFERENT}
    workload.answers.write_bytes(msgspec.json.encode(answers))
    return workload


def fit(source: Path, python: Path, folder: Path) -> None:
    """Run the script ``source``, which writes model and rows into ``folder``."""
    done = subprocess.run([str(python), str(source), str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{source}: the model cannot be fitted: {done.stderr.strip()[-300:]}")


def constant_answer(workload: Workload, count: int) -> bytes:
    """As Skerry's ``/predict`` would answer the first of the requests of ``count`` rows."""
    probabilities = workload.samples(count)[0][1].tolist()
    return msgspec.json.encode({"probabilities": probabilities, "model": MODEL, "version": 1})


def make_exchanges(route: Route, workload: Workload, count: int, host: str) -> tuple[Exchange, ...]:
    """Requests of ``count`` rows to ``route``, with the check that the answers are scikit-learn's."""
    constant = constant_answer(workload, count)
    return tuple(
        Exchange(
            request=request_bytes(route.path.format(rows=count), msgspec.json.encode(route.body(rows)), host),
            rows=count,
            check=partial(check_probabilities, route, probabilities) if route.answer else SameBytes(constant),
        )
        for rows, probabilities in workload.samples(count)
    )


def request_bytes(path: str, body: bytes, host: str) -> bytes:
    """A whole HTTP/1.1 request."""
    return build_request("POST", path, host, body=body, given=[("Content-Type", JSON)])


def check_probabilities(route: Route, expected: Rows, body: bytes) -> str | None:
    """What is wrong with an answer, or None."""
    assert route.answer is not None
    try:
        found = np.asarray(route.answer(msgspec.json.decode(body)), np.float64).reshape(expected.shape)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return f"expected probabilities of shape {expected.shape}, got {body[:100]!r}"
    worst = float(np.abs(found - expected).max())
    return None if worst <= TOLERANCE else f"expected scikit-learn's probabilities, got some {worst:.1e} away"
