"""``flights``: ``skerry optimize`` on the demo's model, from the command line, and its result served and asked."""

from __future__ import annotations

import http.client
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from skerry.bench.measured.compression.quality import answers_of, judged
from skerry.bench.measured.compression.records import FlightsDemo
from skerry.bench.measured.serving import serving
from skerry.runtime.artifact import MODEL, Artifact
from skerry.runtime.errors import BenchError
from skerry.runtime.model import load
from skerry.runtime.session import available_cores

SKERRY = (sys.executable, "-m", "skerry.cli")
TARGET, METRIC = "late", "roc_auc"
GIVEN = 2 / 3
"""Of the flights that the demo held out; the others are unseen."""
BATCH, SINGLES = 1_000, 500
"""Rows in a request of the comparison, and requests of one row that are timed."""


def flights(budget: float | None, picture: Path, say: Callable[[str], None]) -> FlightsDemo:
    """Everything in processes of their own, as a user would do it; the picture is written to ``picture``.

    Raises:
        BenchError: a command failed, with what it said.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder)
        say("skerry demo --once")
        said = _run(*SKERRY, "demo", "--once", "--port", "0", "--to", str(place / "artifacts"), "--keep", str(place))
        line = next(line.strip() for line in said.splitlines() if line.strip().startswith("skerry optimize"))
        unseen = _divided(place)
        command = [*shlex.split(line), "--metric", METRIC, "--to", str(place / "artifacts"), "--picture", str(picture)]
        command += [] if budget is None else ["--budget", str(budget)]
        shown = shlex.join(command).replace(f"{place}/", "").replace(str(picture), picture.name)
        say(shown)
        began = perf_counter()
        output = _run(*SKERRY, *command[1:])
        seconds = perf_counter() - began
        say(f"{seconds:.0f} s")
        teacher, result = (Artifact.open(place / "artifacts" / name) for name in ("flights", "flights-optimized"))
        X, y = unseen.drop(columns=TARGET), unseen[TARGET].to_numpy()
        models = [load(teacher), load(result)]
        served = Served.of(result.directory, X)
        return FlightsDemo(
            command=shown,
            seconds=seconds,
            cores=available_cores(),
            output=output.replace(f"{place}/", ""),
            teacher_size=len(teacher.read()[MODEL]),
            size=len(result.read()[MODEL]),
            quality=judged([answers_of(model, X, METRIC) for model in models], y, METRIC)[1],
            asked=len(y),
            differing=int((served.labels != models[1].predict(X)).sum()),
            latency=served.latency,
        )


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{shlex.join(command[2:])} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def _divided(place: Path) -> pd.DataFrame:
    """Leave the given flights in the file of all that were held out, and return the others."""
    file = place / "flights.parquet"
    held = pd.read_parquet(file)
    order = np.random.default_rng(0).permutation(len(held))
    first = int(len(held) * GIVEN)
    held.iloc[order[:first]].to_parquet(file, index=False)
    return held.iloc[order[first:]].reset_index(drop=True)


@dataclass(frozen=True)
class Served:
    """What a server answers: labels of all rows, and the median seconds of a request with one."""

    labels: Any
    latency: float

    @classmethod
    def of(cls, directory: Path, X: pd.DataFrame) -> Served:
        records = X.astype(object).where(X.notna(), None).to_dict("records")
        with serving(directory) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            labels = [label for part in _parts(records, BATCH) for label in _asked(connection, part)]
            taken = []
            for record in records[:SINGLES]:
                began = perf_counter()
                _asked(connection, [record])
                taken.append(perf_counter() - began)
            connection.close()
        return cls(np.array(labels), median(taken))


def _parts(records: list[Any], rows: int) -> Iterator[list[Any]]:
    return (records[start : start + rows] for start in range(0, len(records), rows))


def _asked(connection: http.client.HTTPConnection, records: list[Any]) -> list[Any]:
    body = json.dumps({"records": records, "outputs": ["predict"]})
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status != 200:
        raise BenchError(f"the server answers {answer.status}: {content}")
    prediction: list[Any] = content["prediction"]
    return prediction
