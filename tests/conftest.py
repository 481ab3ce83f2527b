"""Fitted estimators and their artifacts, exported once a session; tests read them and copy what they change. And servers:
the real one over these artifacts, and small ones that answer whatever a test says.

Of each sample there is the estimator, the rows it was exported with, and the loaded model:

    iris          an array (rows, 4) of float64; scaled logistic regression with integer classes
    passengers    a frame of mixed columns, some with missing values; string classes
    diabetes      a frame of float64 columns; a regressor
    reviews       texts; string classes
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.export import export
from skerry.runtime import Artifact, Model, load

Reply = Callable[[bytes], bytes | None]
"""A whole request → the bytes that are sent back; the connection is closed after None."""


@pytest.fixture(scope="session")
def iris_rows() -> np.ndarray:
    """150 rows of 4 numbers, float64."""
    return np.asarray(load_iris().data)


@pytest.fixture(scope="session")
def iris_target() -> np.ndarray:
    """The classes 0, 1 and 2, int64."""
    return np.asarray(load_iris().target)


@pytest.fixture(scope="session")
def iris_estimator(iris_rows: np.ndarray, iris_target: np.ndarray) -> Any:
    """StandardScaler and LogisticRegression, fitted on an array."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(iris_rows, iris_target)


@pytest.fixture(scope="session")
def passengers_rows() -> pd.DataFrame:
    """200 rows: ``age`` and ``fare`` (FP64, some missing), ``relatives`` (INT64), ``city`` and ``deck`` (strings), ``member`` (BOOL)."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.uniform(1, 80, 200),
            "fare": random.exponential(30, 200),
            "relatives": random.integers(0, 6, 200),
            "city": random.choice(["Oslo", "Łódź", "New York"], 200),
            "deck": random.choice(["A", "B", "C"], 200),
            "member": random.random(200) < 0.3,
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "fare"] = np.nan
    return frame


@pytest.fixture(scope="session")
def passengers_target(passengers_rows: pd.DataFrame) -> np.ndarray:
    """The classes 'lost', 'saved' and 'unknown', fixed-width strings."""
    score = passengers_rows["fare"].fillna(30) + 20 * passengers_rows["member"] - 5 * passengers_rows["relatives"]
    return np.array(["lost", "unknown", "saved"])[np.digitize(score, [10, 25])]


@pytest.fixture(scope="session")
def passengers_estimator(passengers_rows: pd.DataFrame, passengers_target: np.ndarray) -> Any:
    """Imputation and scaling of the numbers; ``city`` one-hot, unknown ignored; ``deck`` one-hot, unknown refused."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "fare"]),
            ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
            ("deck", OneHotEncoder(handle_unknown="error", sparse_output=False), ["deck"]),
            ("rest", "passthrough", ["relatives", "member"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(passengers_rows, passengers_target)


@pytest.fixture(scope="session")
def diabetes_rows() -> pd.DataFrame:
    """442 rows of 10 named numbers, float64."""
    return load_diabetes(as_frame=True).data


@pytest.fixture(scope="session")
def diabetes_estimator(diabetes_rows: pd.DataFrame) -> Any:
    """StandardScaler and LinearRegression, fitted on a frame."""
    return make_pipeline(StandardScaler(), LinearRegression()).fit(diabetes_rows, load_diabetes().target)


@pytest.fixture(scope="session")
def reviews_rows() -> list[str]:
    """Eight texts."""
    return [
        "a good film",
        "good acting and a good story",
        "bad film",
        "a bad story, badly told",
        "très bon, très drôle",
        "boring and long",
        "great fun, great cast",
        "not worth it",
    ]


@pytest.fixture(scope="session")
def reviews_estimator(reviews_rows: list[str]) -> Any:
    """TfidfVectorizer and LogisticRegression, fitted on texts."""
    target = np.array(["good", "good", "bad", "bad", "good", "bad", "good", "bad"])
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(reviews_rows, target)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the samples are exported to; a test that changes a file copies it first."""
    return tmp_path_factory.mktemp("repository")


@pytest.fixture(scope="session")
def iris_artifact(repository: Path, iris_estimator: Any, iris_rows: np.ndarray, iris_target: np.ndarray) -> Artifact:
    return export(iris_estimator, iris_rows, iris_target, name="iris", to=repository)


@pytest.fixture(scope="session")
def passengers_artifact(repository: Path, passengers_estimator: Any, passengers_rows: pd.DataFrame) -> Artifact:
    return export(passengers_estimator, passengers_rows, name="passengers", to=repository)


@pytest.fixture(scope="session")
def diabetes_artifact(repository: Path, diabetes_estimator: Any, diabetes_rows: pd.DataFrame) -> Artifact:
    return export(diabetes_estimator, diabetes_rows, name="diabetes", to=repository)


@pytest.fixture(scope="session")
def reviews_artifact(repository: Path, reviews_estimator: Any, reviews_rows: list[str]) -> Artifact:
    return export(reviews_estimator, reviews_rows, name="reviews", to=repository)


@pytest.fixture(scope="session")
def iris_model(iris_artifact: Artifact) -> Model:
    return load(iris_artifact)


@pytest.fixture(scope="session")
def passengers_model(passengers_artifact: Artifact) -> Model:
    return load(passengers_artifact)


@pytest.fixture(scope="session")
def diabetes_model(diabetes_artifact: Artifact) -> Model:
    return load(diabetes_artifact)


@pytest.fixture(scope="session")
def reviews_model(reviews_artifact: Artifact) -> Model:
    return load(reviews_artifact)


@pytest.fixture(scope="session")
def models(iris_model: Model, passengers_model: Model, diabetes_model: Model, reviews_model: Model) -> dict[str, Model]:
    """All four, by name."""
    found = (iris_model, passengers_model, diabetes_model, reviews_model)
    return {model.manifest.name: model for model in found}


@pytest.fixture(scope="session")
def skerry_server(repository: Path, models: object) -> Iterator[str]:
    """``skerry serve`` with all samples, in a process of its own; its address."""
    command = [sys.executable, "-m", "skerry.cli", "serve", str(repository), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        announced = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert announced is not None, process.stderr.read()
        yield announced[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Reply], str]]:
    """Starts a server on a thread that answers as ``reply`` says, request by request; returns its address."""
    servers: list[_Server] = []

    def start(reply: Reply) -> str:
        servers.append(_Server(reply))
        return servers[-1].url

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def http() -> Callable[..., bytes]:
    """Makes the bytes of an answer."""

    def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        return "\r\n".join(lines).encode() + body

    return answer


class _Server:
    """Connections are served one thread each, until the end of the test."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as stream:
            while request := _read(stream):
                answer = self._reply(request)
                if answer is None:
                    return
                connection.sendall(answer)


def _read(stream: object) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()  # type: ignore[attr-defined]
        if not line:
            return b""
        head += line
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return head + (stream.read(int(length[1])) if length else b"")  # type: ignore[attr-defined]
