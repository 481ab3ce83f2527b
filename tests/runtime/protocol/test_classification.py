from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime import Model
from skerry.runtime.protocol.classification import classify, count_scores, labels_of
from skerry.runtime.tensors import TensorSpec

SCORES = np.array([[1.0, 5.0, 10.0, 4.0], [0.5, -1e-05, 0.5, 0.25]])


@pytest.mark.parametrize(
    ("count", "labels", "expected"),
    [
        (2, (), [["10.0:2", "5.0:1"], ["0.5:0", "0.5:2"]]),
        (1, ("a", "b", "c:d", ""), [["10.0:2:c:d"], ["0.5:0:a"]]),
        (4, (7, 8, 9, 10), [["10.0:2:9", "5.0:1:8", "4.0:3:10", "1.0:0:7"], ["0.5:0:7", "0.5:2:9", "0.25:3:10", "-1e-05:1:8"]]),
    ],
)  # fmt: skip
def test_the_highest_come_first(count: int, labels: Any, expected: list[list[str]]) -> None:
    got = classify(SCORES, count, labels)
    assert (got.tolist(), got.dtype.kind) == (expected, "O")


def test_values_have_the_digits_of_their_datatype() -> None:
    scores = np.array([[1, 3]])
    assert classify(scores, 1, ()).tolist() == [["3:1"]]
    assert classify(np.array([[0.1, 1 / 3]], np.float32), 2, ()).tolist() == [["0.33333334:1", "0.1:0"]]
    assert classify(np.array([[0.1, 1 / 3]]), 1, ()).tolist() == [["0.3333333333333333:1"]]


def test_labels_are_the_classes(iris_model: Model, passengers_model: Model, diabetes_model: Model) -> None:
    manifest = passengers_model.manifest
    assert labels_of(manifest, "predict_proba") == ("lost", "saved", "unknown")
    assert labels_of(manifest, "decision_function") == ("lost", "saved", "unknown")
    assert labels_of(iris_model.manifest, "predict_proba") == (0, 1, 2)
    assert labels_of(manifest, "predict") == labels_of(diabetes_model.manifest, "predict") == ()
    assert [count_scores(manifest, method) for method in ("predict", "predict_proba")] == [0, 3]


def test_each_target_has_its_own_labels(iris_model: Model) -> None:
    outputs = tuple(TensorSpec(name=f"predict_proba_{target}", datatype="FP64", shape=(-1, 2)) for target in (0, 1))
    manifest = msgspec.structs.replace(
        iris_model.manifest, outputs=outputs, classes=(("a", "b"), ("c", "d")), guards=()
    )
    assert labels_of(manifest, "predict_proba_1") == ("c", "d")


def test_scores_of_pairs_of_classes_have_no_labels(iris_model: Model) -> None:
    outputs = (TensorSpec(name="decision_function", datatype="FP64", shape=(-1, 6)),)
    manifest = msgspec.structs.replace(iris_model.manifest, outputs=outputs, classes=(0, 1, 2, 3), guards=())
    assert labels_of(manifest, "decision_function") == ()
