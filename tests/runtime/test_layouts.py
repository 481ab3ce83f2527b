"""Rows that are no table, records and single values, are taken from Python, over HTTP and from files alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput
from skerry.runtime.files import predict_file
from skerry.runtime.protocol.inference import InferenceCodec
from skerry.runtime.protocol.predict import PredictCodec

HOMES: list[dict[str, Any]] = [{"city": "Oslo", "size": 70}, {"size": 20.5, "city": "Bergen", "unseen": "x"}, {}]
PRICES = [20.0, 20.0, 10.0]
PAIRS: list[Any] = [[["a", 1.0]], []]


def predict(model: Model, body: Any) -> Any:
    """The first answer of ``/predict``."""
    codec = PredictCodec(model)
    request = codec.decode(json.dumps(body).encode())
    return next(iter(json.loads(codec.encode(request, model.answer(request.feeds, request.methods)).content).values()))


def infer(model: Model, data: list[Any], datatype: str) -> Any:
    """The first output of the Open Inference Protocol, for a tensor ``X`` of one dimension."""
    codec = InferenceCodec(model)
    tensor = {"name": "X", "shape": [len(data)], "datatype": datatype, "data": data}
    request = codec.decode(json.dumps({"inputs": [tensor]}).encode())
    return json.loads(codec.encode(request, model.answer(request.feeds, request.methods)).content)["outputs"][0]["data"]


def answers(model: Model, source: Path) -> list[float]:
    target = source.with_name("answers.csv")
    predict_file(model, source, target, methods=("predict",))
    return pd.read_csv(target)["prediction"].tolist()


@pytest.mark.parametrize("rows", [HOMES, tuple(HOMES), pd.Series(HOMES), np.array(HOMES, object)], ids=type)
def test_records_in_python(records_model: Model, rows: Any) -> None:
    assert records_model.predict(rows).tolist()[:2] == PRICES[:2]


@pytest.mark.parametrize("field", ["X", "records"])
def test_records_over_http(records_model: Model, field: str) -> None:
    assert predict(records_model, {field: HOMES}) == records_model.predict(HOMES).tolist()


def test_records_in_the_open_inference_protocol_are_strings_of_json(records_model: Model) -> None:
    assert infer(records_model, [json.dumps(home) for home in HOMES], "BYTES") == records_model.predict(HOMES).tolist()


def test_pairs_are_records_too(pairs_model: Model) -> None:
    expected = pairs_model.transform(PAIRS)
    assert predict(pairs_model, {"X": PAIRS}) == expected.tolist()
    assert infer(pairs_model, [json.dumps(row) for row in PAIRS], "BYTES") == expected.ravel().tolist()


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_records_in_files(records_model: Model, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    texts = [json.dumps(home) for home in HOMES]
    if name.endswith(".jsonl"):
        source.write_text("\n".join(texts) + "\n\n")
    elif name.endswith(".csv"):
        pd.DataFrame({"home": texts}).to_csv(source, index=False)
    else:
        pd.DataFrame({"home": texts}).to_parquet(source)
    assert answers(records_model, source) == records_model.predict(HOMES).tolist()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"X": [{}, 7]}, "row 1: expected an object, got an integer"),
        ({"X": [{}, {"size": {}}]}, "row 1: expected"),
        ({"X": [{"size": [1]}]}, "row 0: expected a string, got an integer"),
        ({"X": []}, "expected at least one row"),
        ({"X": [{}], "records": [{}]}, 'expected one of "X", "records", '),
        ({"X": [{"size": None}]}, "expected finite numbers"),
        ({"X": [{"a\x00": 1}]}, "input 'X' row 0: expected text without NUL"),
    ],
)
def test_a_wrong_record_is_named(records_model: Model, body: Any, error: str) -> None:
    with pytest.raises(InvalidInput, match=error):
        predict(records_model, body)


@pytest.mark.parametrize(
    "rows", ["one text", {"city": "Oslo"}, 7, None, [7], ["Oslo"], [[("city", "Oslo")]], [{"size": {}}], []], ids=repr
)
def test_what_is_no_list_of_records_is_refused(records_model: Model, rows: Any) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        records_model.predict(rows)


@pytest.mark.parametrize("text", ["{", "7", '{"size": {}}', '{"size": 1}\n7'])
def test_a_wrong_line_is_named(records_model: Model, tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n" + text)
    with pytest.raises(InvalidInput, match=r"rows\.jsonl: .*row [12]"):
        answers(records_model, tmp_path / "rows.jsonl")


X = [1, 2.5, 99]
HALVES = [0.5, 1.25, 5.0]


@pytest.mark.parametrize(
    "rows", [X, tuple(X), np.array(X), pd.Series(X), pd.array([1, 2, 10], dtype="Int64")], ids=type
)
def test_values_in_python(vector_model: Model, rows: Any) -> None:
    assert vector_model.predict(rows).tolist() == [min(10, value) / 2 for value in list(rows)]


def test_values_over_http(vector_model: Model) -> None:
    assert predict(vector_model, {"X": X}) == HALVES
    assert infer(vector_model, X, "FP64") == HALVES


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "rows.npy"])
def test_values_in_files(vector_model: Model, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    writers: dict[str, Any] = {
        ".jsonl": lambda: source.write_text("\n".join(map(str, X))),
        ".csv": lambda: pd.DataFrame({"x": X}).to_csv(source, index=False),
        ".parquet": lambda: pd.DataFrame({"x": X}).to_parquet(source),
        ".npy": lambda: np.save(source, np.array(X)),
    }
    writers[source.suffix]()
    assert answers(vector_model, source) == HALVES


@pytest.mark.parametrize(
    "rows", [[[1.0]], np.ones((2, 1)), [[1.0], 2.0], ["1"], [True, "x"], 1.0, [], [None]], ids=repr
)
def test_what_is_no_list_of_values_is_refused(vector_model: Model, rows: Any) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        vector_model.predict(rows)


@pytest.mark.parametrize(
    "body", [{"X": [[1.0]]}, {"X": ["1"]}, {"X": 1.0}, {"X": [None]}, {"records": [{"x": 1}]}], ids=repr
)
def test_what_is_no_list_of_values_is_refused_over_http(vector_model: Model, body: Any) -> None:
    with pytest.raises(InvalidInput, match=r"expected|unknown"):
        predict(vector_model, body)
