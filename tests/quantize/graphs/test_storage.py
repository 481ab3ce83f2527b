"""A narrower file of the same model: every bit of its answers, or, rounded, what the rounding says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.storage import Storage, narrow
from skerry.runtime.model import Model

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 17, (200, 30)).astype(float)
CLASSES = (PIXELS[:, :10].sum(axis=1) > 80).astype(int) + (PIXELS[:, 10] > 12)
TEXTS = [" ".join(RANDOM.choice([f"word{i}" for i in range(400)], 30)) for _ in range(100)]

SHORTER: dict[str, tuple[Any, Any, float]] = {
    "support vectors that are whole numbers": (SVC(), PIXELS, 0.4),
    "variances beside zeros": (GaussianNB(), PIXELS, 0.75),
    "counts of categories": (CategoricalNB(), PIXELS.astype(int), 0.75),
    "a vocabulary": (make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, 0.9),
}


@pytest.mark.parametrize("name", SHORTER)
def test_a_file_becomes_shorter_and_no_answer_another(name: str, exported: Exported) -> None:
    estimator, rows, share = SHORTER[name]
    graph, load = exported(estimator.fit(rows, CLASSES[: len(rows)]), rows)
    parent, child = packed(graph), packed(narrow(graph))
    assert len(child) < share * len(parent)
    models = load(parent), load(child)
    for method in models[0].manifest.methods:
        expected, got = (model.answer(model.feeds.from_rows(rows), [method])[0] for model in models)
        assert got.tobytes() == expected.tobytes()


def test_it_computes_what_it_did(exported: Exported) -> None:
    graph, load = exported(SVC().fit(PIXELS, CLASSES), PIXELS)
    assert load(packed(narrow(graph))).placement == load(packed(graph)).placement


def test_what_is_short_stays_as_it_is(exported: Exported) -> None:
    graph, _ = exported(LogisticRegression().fit(PIXELS[:, :3], CLASSES), PIXELS[:, :3])
    assert narrow(graph) == graph


@pytest.mark.parametrize(
    ("storage", "share", "error"), [("float32", 0.6, 1e-6), ("float16", 0.45, 0.01), ("int8", 0.4, 0.1)]
)
def test_rounded_weights_take_as_many_bytes_as_they_say(
    storage: Storage, share: float, error: float, exported: Exported
) -> None:
    X = RANDOM.normal(size=(400, 200)) + 1e5
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, RANDOM.integers(0, 6, 400))
    graph, load = exported(estimator, X)
    content = packed(narrow(graph, storage))
    assert len(content) < share * len(packed(graph))
    scores = estimator.decision_function(X)
    off = np.abs(load(content).decision_function(X) - scores) / np.abs(scores).max()
    assert 0 < off.max() < error


def test_trees_are_not_touched(exported: Exported) -> None:
    graph, _ = exported(RandomForestRegressor(5, random_state=0).fit(PIXELS, PIXELS[:, 0]), PIXELS)
    assert narrow(graph, "int8") == graph
