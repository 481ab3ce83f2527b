"""Classes of others, whose converters are registered in skl2onnx: exact, or refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.algebra.onnx_ops import OnnxArgMax, OnnxIdentity, OnnxMul, OnnxSub
from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import ParityError, UnsupportedEstimator

Same = Callable[..., Model]


class Decorrelator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Subtracts the mean, and doubles."""

    def fit(self, X: Any, y: Any = None) -> Decorrelator:
        self.mean_ = validate_data(self, X, dtype=np.float64).mean(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        return (validate_data(self, X, dtype=np.float64, reset=False) - self.mean_) * 2


class Largest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Each row's largest column, which is its own probability."""

    def fit(self, X: Any, y: Any = None) -> Largest:
        self.classes_ = np.arange(validate_data(self, X).shape[1])
        return self

    def predict(self, X: Any) -> Any:
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X: Any) -> Any:
        return validate_data(self, X, dtype=np.float64, reset=False)


def columns_stay(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, operator.inputs[0].type.shape[1]])


def doubled(scope: Any, operator: Any, container: Any) -> None:
    centred = OnnxSub(operator.inputs[0], operator.raw_operator.mean_, op_version=21)
    OnnxMul(centred, np.array([2.0]), op_version=21, output_names=operator.outputs[:1]).add_to(scope, container)


def forgets_to_double(scope: Any, operator: Any, container: Any) -> None:
    mean = operator.raw_operator.mean_
    OnnxSub(operator.inputs[0], mean, op_version=21, output_names=operator.outputs[:1]).add_to(scope, container)


def in_float32(scope: Any, operator: Any, container: Any) -> None:
    container.add_node("Cast", operator.inputs[0].full_name, "rounded", to=1)
    container.add_node("Cast", "rounded", operator.outputs[0].full_name, to=11)


def of_another_domain(scope: Any, operator: Any, container: Any) -> None:
    names = operator.inputs[0].full_name, operator.outputs[0].full_name
    container.add_node("Gelu", *names, op_domain="com.microsoft", op_version=1)


def does_not_run(scope: Any, operator: Any, container: Any) -> None:
    container.add_node("Not", operator.inputs[0].full_name, operator.outputs[0].full_name, op_version=1)


def fails(scope: Any, operator: Any, container: Any) -> None:
    raise RuntimeError


def labels_and_columns(operator: Any) -> None:
    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, operator.inputs[0].type.shape[1]])


def largest(scope: Any, operator: Any, container: Any) -> None:
    X = operator.inputs[0]
    OnnxArgMax(X, axis=1, keepdims=0, op_version=21, output_names=operator.outputs[:1]).add_to(scope, container)
    OnnxIdentity(X, op_version=21, output_names=operator.outputs[1:]).add_to(scope, container)


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """Registers a converter in skl2onnx, and forgets it after the test."""
    before = dict(sklearn_operator_name_map)
    yield lambda kind, *functions, **options: update_registered_converter(kind, kind.__name__, *functions, **options)
    sklearn_operator_name_map.clear()
    sklearn_operator_name_map.update(before)


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 4))


def test_a_registered_converter_is_taken_and_recorded(X: np.ndarray, register: Any, check_same: Same) -> None:
    register(Decorrelator, columns_stay, doubled)
    model = check_same(Decorrelator().fit(X), X, X * 1e9)
    assert model.manifest.steps[0].detail == {"skl2onnx": "Decorrelator"}


def test_it_may_be_a_step_among_ours(X: np.ndarray, register: Any, check_same: Same) -> None:
    register(Decorrelator, columns_stay, doubled)
    pipeline = make_pipeline(StandardScaler(), Decorrelator(), LogisticRegression()).fit(X, X[:, 0] > 0)
    model = check_same(pipeline, X, X * 3)
    assert model.manifest.steps[0].detail == {"skl2onnx": "decorrelator › Decorrelator"}


@pytest.mark.parametrize("options", [None, {"zipmap": [True, False]}], ids=["no options", "zipmap"])
def test_a_classifier_gives_labels_and_a_matrix(options: Any, X: np.ndarray, register: Any, check_same: Same) -> None:
    register(Largest, labels_and_columns, largest, options=options)
    model = check_same(Largest().fit(X), X, X + 1)
    assert model.manifest.methods == ("predict", "predict_proba")


@pytest.mark.parametrize("converter", [forgets_to_double, in_float32])
def test_a_wrong_converter_is_caught_by_the_gate(converter: Any, X: np.ndarray, register: Any, tmp_path: Path) -> None:
    register(Decorrelator, columns_stay, converter)
    with pytest.raises(ParityError, match="Decorrelator"):
        export(Decorrelator().fit(X), X, name="model", to=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("converter", "reason"),
    [
        (fails, "^Decorrelator: skl2onnx cannot convert it: RuntimeError$"),
        (of_another_domain, "^Decorrelator: its converter in skl2onnx gives operators that are not taken: Gelu$"),
        (does_not_run, "^what skl2onnx made of Decorrelator does not run: "),
    ],
)
def test_a_converter_that_cannot_be_taken_is_refused(
    converter: Any, reason: str, X: np.ndarray, register: Any, tmp_path: Path
) -> None:
    register(Decorrelator, columns_stay, converter)
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(Decorrelator().fit(X), X, name="model", to=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_class_that_nobody_registered_is_refused(X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match=r"^Decorrelator: class .* is not in Skerry's table of estimators"):
        export(Decorrelator().fit(X), X, name="model", to=tmp_path)


def test_exporting_does_not_load_skl2onnx() -> None:
    code = "import sys, skerry.export; assert 'skl2onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
