"""An unmodified ``tritonclient[http]`` against a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import uvicorn

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.models.repository import ModelRepository

triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)
errors = pytest.importorskip("tritonclient.utils", exc_type=ImportError)

DATATYPES = {
    "age": "FP64",
    "fare": "FP64",
    "relatives": "INT64",
    "city": "BYTES",
    "deck": "BYTES",
    "member": "BOOL",
}


@pytest.fixture(scope="module")
def client(models: dict[str, Model]) -> Iterator[Any]:
    """A client of a server of all samples, which runs in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(ModelRepository(models.values())),
            port=0,
            http="httptools",
            lifespan="off",
            log_level="warning",
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    thread.join()


def matrix(rows: np.ndarray, *, binary: bool, datatype: str = "FP64") -> list[Any]:
    given = triton.InferInput("X", list(rows.shape), datatype)
    return [given.set_data_from_numpy(rows, binary_data=binary)]


def columns(frame: pd.DataFrame, *, binary: bool) -> list[Any]:
    """A tensor of shape [n, 1] for each column."""
    inputs = []
    for name, datatype in DATATYPES.items():
        values = frame[[name]].to_numpy(object if datatype == "BYTES" else None)
        inputs.append(
            triton.InferInput(name, [len(frame), 1], datatype).set_data_from_numpy(values, binary_data=binary)
        )
    return inputs


def answered(result: Any, name: str) -> np.ndarray:
    """An output as an array, whose strings the client leaves as bytes in a binary answer."""
    found = result.as_numpy(name)
    if found.dtype == object:
        return np.array([value.decode() if isinstance(value, bytes) else value for value in found.flat]).reshape(
            found.shape
        )
    return np.asarray(found)


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris")
    assert client.is_model_ready("iris", "1")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "skerry"
    assert client.get_model_metadata("iris", "1")["inputs"] == [{"name": "X", "datatype": "FP64", "shape": [-1, 4]}]
    assert client.get_model_config("iris")["input"] == [{"name": "X", "data_type": "TYPE_FP64", "dims": [4]}]


def test_the_repository_lists_its_models(client: Any, models: dict[str, Model]) -> None:
    index = client.get_model_repository_index()
    assert {(entry["name"], entry["version"], entry["state"]) for entry in index} == {
        (name, "1", "READY") for name in models
    }


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("wanted", ["all", "binary", "json"])
def test_numbers(client: Any, iris_estimator: Any, iris_rows: np.ndarray, binary: bool, wanted: str) -> None:
    names = ("predict_proba", "predict")
    outputs = None
    if wanted != "all":
        outputs = [triton.InferRequestedOutput(name, binary_data=wanted == "binary") for name in names]
    result = client.infer("iris", matrix(iris_rows[::10], binary=binary), outputs=outputs, request_id="a-1")
    assert result.get_response()["id"] == "a-1"
    np.testing.assert_array_equal(result.as_numpy("predict"), iris_estimator.predict(iris_rows[::10]))
    np.testing.assert_allclose(
        result.as_numpy("predict_proba"), iris_estimator.predict_proba(iris_rows[::10]), rtol=1e-9, atol=1e-12
    )


def test_outputs_may_be_mixed(client: Any, iris_rows: np.ndarray) -> None:
    outputs = [triton.InferRequestedOutput("predict", binary_data=False), triton.InferRequestedOutput("predict_proba")]
    result = client.infer("iris", matrix(iris_rows[:3], binary=True), outputs=outputs)
    assert "data" in result.get_output("predict")
    assert result.get_output("predict_proba")["parameters"] == {"binary_data_size": 72}
    assert result.as_numpy("predict").tolist() == [0, 0, 0]


@pytest.mark.parametrize("binary", [True, False])
def test_columns_and_strings(
    client: Any, passengers_estimator: Any, passengers_rows: pd.DataFrame, binary: bool
) -> None:
    rows = passengers_rows if binary else passengers_rows.dropna()  # its JSON has NaN, which is none
    result = client.infer("passengers", columns(rows, binary=binary))
    np.testing.assert_array_equal(answered(result, "predict"), passengers_estimator.predict(rows))
    np.testing.assert_allclose(result.as_numpy("predict_proba"), passengers_estimator.predict_proba(rows), rtol=1e-6)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("width", [(), (1,)])
def test_texts(
    client: Any, reviews_estimator: Any, reviews_rows: list[str], binary: bool, width: tuple[int, ...]
) -> None:
    texts = np.array(reviews_rows, object).reshape(-1, *width)
    given = triton.InferInput("X", list(texts.shape), "BYTES").set_data_from_numpy(texts, binary_data=binary)
    result = client.infer("reviews", [given])
    np.testing.assert_array_equal(answered(result, "predict"), reviews_estimator.predict(reviews_rows))


@pytest.mark.parametrize("binary", [True, False])
def test_one_matrix_feeds_named_columns(
    client: Any, diabetes_estimator: Any, diabetes_rows: pd.DataFrame, binary: bool
) -> None:
    result = client.infer("diabetes", matrix(diabetes_rows.to_numpy(), binary=binary))
    np.testing.assert_allclose(result.as_numpy("predict"), diabetes_estimator.predict(diabetes_rows), rtol=1e-9)


def test_narrower_numbers_are_widened(client: Any, iris_estimator: Any, iris_rows: np.ndarray) -> None:
    rows = iris_rows.astype(np.float32)
    for binary in (True, False):
        result = client.infer("iris", matrix(rows, binary=binary, datatype="FP32"))
        expected = iris_estimator.predict_proba(rows.astype(np.float64))
        np.testing.assert_allclose(result.as_numpy("predict_proba"), expected, rtol=1e-9, atol=1e-12)


def test_classification(client: Any, passengers_rows: pd.DataFrame) -> None:
    wanted = triton.InferRequestedOutput("predict_proba", class_count=2)
    inputs = columns(passengers_rows, binary=True)
    found = answered(client.infer("passengers", inputs, outputs=[wanted]), "predict_proba")
    scores = client.infer("passengers", inputs).as_numpy("predict_proba")
    best = scores.argmax(axis=1)
    assert found.shape == (len(passengers_rows), 2)
    assert [text.split(":")[1:] for text in found[:, 0]] == [
        [str(index), ["lost", "saved", "unknown"][index]] for index in best
    ]
    assert [float(text.split(":")[0]) for text in found[:, 0]] == scores.max(axis=1).tolist()


def test_timeout_and_priority_are_taken(client: Any, iris_rows: np.ndarray) -> None:
    result = client.infer("iris", matrix(iris_rows[:1], binary=True), timeout=5_000_000, priority=1)
    assert result.as_numpy("predict").tolist() == [0]


def test_custom_parameters_are_passed_over(client: Any, iris_rows: np.ndarray) -> None:
    result = client.infer("iris", matrix(iris_rows[:1], binary=True), parameters={"content_type": "np"})
    assert result.as_numpy("predict").tolist() == [0]


def test_requests_at_once(client: Any, iris_rows: np.ndarray) -> None:
    asked = [
        client.async_infer("iris", matrix(iris_rows[index : index + 1], binary=True)) for index in range(0, 150, 10)
    ]
    found = [request.get_result().as_numpy("predict")[0] for request in asked]
    assert found == client.infer("iris", matrix(iris_rows[::10], binary=False)).as_numpy("predict").tolist()


def test_errors_are_read(client: Any, iris_rows: np.ndarray) -> None:
    with pytest.raises(errors.InferenceServerException, match=r"\[404\] model 'nobody': not found"):
        client.infer("nobody", matrix(iris_rows[:1], binary=True))
    with pytest.raises(
        errors.InferenceServerException, match=r"\[400\] input 'X': expected shape \[-1, 4\], got \[1, 3\]"
    ):
        client.infer("iris", matrix(iris_rows[:1, :3], binary=True))
    with pytest.raises(
        errors.InferenceServerException, match=r"\[400\] request: parameter 'sequence_id': sequences are not"
    ):
        client.infer("iris", matrix(iris_rows[:1], binary=True), sequence_id=7, sequence_start=True)
    shared = triton.InferInput("X", [1, 4], "FP64").set_shared_memory("region", 32)
    with pytest.raises(
        errors.InferenceServerException, match=r"parameter 'shared_memory_region': shared memory is not"
    ):
        client.infer("iris", [shared])


def test_statistics_are_read(client: Any) -> None:
    before = client.get_inference_statistics("iris")["model_stats"][0]
    client.infer("iris", matrix(np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 2.9, 4.5, 1.5]]), binary=True))
    (after,) = client.get_inference_statistics("iris", "1")["model_stats"]
    assert after["inference_count"] - before["inference_count"] == 2
    assert after["execution_count"] - before["execution_count"] == 1
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 1
    assert "iris" in [one["name"] for one in client.get_inference_statistics()["model_stats"]]
