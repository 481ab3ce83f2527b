from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Model
from skerry.runtime.batching.engine import Engine
from skerry.runtime.errors import InvalidInput, ModelFailure
from skerry.runtime.feeds import Array, rows_of
from skerry.runtime.protocol.predict import PredictCodec
from skerry.runtime.protocol.request import Request

HOMES: list[dict[str, Any]] = [{"city": "Oslo", "size": 70}, {"size": 20.5, "city": "Bergen", "unseen": "x"}, {}]
PAIRS: list[Any] = [[["a", 1.0]], [], [["b", 2.0], ["c", "d"]]]
Rows = dict[str, Sequence[Any]]


@pytest.fixture(scope="module")
def served(
    models: dict[str, Model], records_model: Model, pairs_model: Model, vector_model: Model, reciprocal_model: Model
) -> dict[str, Model]:
    """A model of each layout."""
    others = {"homes": records_model, "pairs": pairs_model, "half": vector_model, "reciprocal": reciprocal_model}
    return models | others


@pytest.fixture(scope="module")
def rows(
    iris_rows: np.ndarray, passengers_rows: pd.DataFrame, diabetes_rows: pd.DataFrame, reviews_rows: list[str]
) -> Rows:
    """Rows of each, as JSON has them."""
    return {
        "iris": iris_rows.tolist(),
        "passengers": json.loads(passengers_rows.to_json(orient="records", double_precision=15)),
        "diabetes": diabetes_rows.to_numpy().tolist(),
        "reviews": reviews_rows * 5,
        "homes": HOMES * 9,
        "pairs": PAIRS * 9,
        "half": np.linspace(-1, 12, 40).tolist(),
        "reciprocal": [[value] for value in np.linspace(-2, 2, 40).tolist()],
    }


def request(model: Model, rows: Sequence[Any], *outputs: str) -> Request:
    records = model.feeds.layout == "columns" and isinstance(rows[0], dict)
    body = {"records" if records else "X": rows, "outputs": outputs or model.manifest.methods}
    return PredictCodec(model).decode(json.dumps(body).encode(), "application/json")


def joined(engine: Engine, requests: Sequence[Request]) -> list[Any]:
    """The answers of each, of batches of one shape."""
    found: list[Any] = [None] * len(requests)
    for shape in {engine.shape(one) for one in requests}:
        places = [place for place, one in enumerate(requests) if engine.shape(one) == shape]
        for place, answers in zip(places, engine.run([requests[place] for place in places]), strict=True):
            found[place] = answers
    return found


def as_bits(answers: Sequence[Array]) -> list[object]:
    return [
        (array.shape, array.dtype, array.tolist() if array.dtype == object else array.tobytes()) for array in answers
    ]


@pytest.mark.parametrize("name", ["iris", "passengers", "diabetes", "reviews", "homes", "pairs", "half", "reciprocal"])
@pytest.mark.parametrize("cut", [lambda place: 1, lambda place: 1 + place % 3], ids=["single", "several"])
def test_answers_are_the_same_alone_and_together(
    served: dict[str, Model], rows: Rows, name: str, cut: Callable[[int], int]
) -> None:
    """To the bit, and those of the model itself up to their last place."""
    model, engine = served[name], Engine(served[name], row_multiple=2)
    starts = [0]
    while starts[-1] < min(len(rows[name]), 60) - 3:
        starts.append(starts[-1] + cut(len(starts)))
    requests = [request(model, rows[name][start:stop]) for start, stop in pairwise(starts)]
    together = joined(engine, requests)
    for one, answers in zip(requests, together, strict=True):
        alone = engine.run([one])[0]
        assert not isinstance(alone, Exception)
        assert as_bits(answers) == as_bits(alone)
        for got, expected in zip(answers, model.answer(one.feeds, one.methods), strict=True):
            assert got.dtype == expected.dtype
            if got.dtype == np.float64:
                np.testing.assert_allclose(got, expected, rtol=1e-15, atol=1e-16)
            else:
                assert got.tolist() == expected.tolist()


def test_everybody_gets_what_they_asked_for(iris_model: Model, iris_rows: np.ndarray) -> None:
    asked = [("predict",), ("predict_proba", "predict"), ("decision_function",)]
    requests = [request(iris_model, iris_rows[[row]].tolist(), *outputs) for row, outputs in enumerate(asked)]
    for one, answers in zip(requests, Engine(iris_model, row_multiple=2).run(requests), strict=True):
        alone = Engine(iris_model, row_multiple=2).answer(one.feeds, one.methods)
        assert not isinstance(answers, Exception)
        assert as_bits(answers) == as_bits(alone)


def test_texts_of_another_width_are_of_another_shape(reviews_model: Model, iris_model: Model) -> None:
    engine = Engine(reviews_model)
    shapes = [
        engine.shape(request(reviews_model, [text])) for text in ("a good film", "a bad film", "not worth it at all")
    ]
    assert shapes[0] == shapes[1] != shapes[2]
    assert Engine(iris_model).shape(request(iris_model, [[1, 2, 3, 4]])) is None


@pytest.mark.parametrize("bad", [[2], [0], [0, 1, 2, 3, 4, 5, 6], [1, 6]])
def test_a_request_that_is_refused_fails_alone(
    passengers_model: Model, passengers_rows: pd.DataFrame, bad: list[int]
) -> None:
    """Its error counts its own rows."""
    records = json.loads(passengers_rows[:14].to_json(orient="records"))
    pairs = [records[start : start + 2] for start in range(0, 14, 2)]
    for place in bad:
        pairs[place][1] = pairs[place][1] | {"deck": "Z"}
    requests = [request(passengers_model, pair, "predict") for pair in pairs]
    for place, result in enumerate(Engine(passengers_model).run(requests)):
        if place in bad:
            assert isinstance(result, InvalidInput)
            assert result.text == "input 'deck' row 1: expected a category known from training, got another"
        else:
            assert not isinstance(result, Exception)
            assert result[0].tolist() == passengers_model.predict(passengers_rows[2 * place : 2 * place + 2]).tolist()


def test_a_request_that_the_model_fails_on_fails_alone(iris_model: Model) -> None:
    """Feeds that no decoder would make stand for whatever a model may fail on."""
    good = request(iris_model, [[5.1, 3.5, 1.4, 0.2]], "predict")
    bad = Request(feeds={"X": np.zeros((1, 3))}, methods=("predict",), rows=1)
    results = Engine(iris_model).run([good, bad, good])
    assert [type(result) for result in results] == [list, ModelFailure, list]


def test_rows_that_fill_up_are_nobodys_answers(iris_model: Model) -> None:
    feeds = request(iris_model, [[5.1, 3.5, 1.4, 0.2]] * 3).feeds
    answers = Engine(iris_model, row_multiple=4).answer(feeds, ("predict", "predict_proba"))
    assert [array.shape for array in answers] == [(3,), (3, 3)]
    assert rows_of(feeds) == 3
