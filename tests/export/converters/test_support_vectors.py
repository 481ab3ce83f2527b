"""Support vector machines: libsvm's decisions, votes and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from skerry.export import export
from skerry.export.oracle import call
from skerry.runtime.errors import UnsupportedEstimator

KERNELS = ("linear", "poly", "rbf", "sigmoid")


@pytest.fixture
def scaled(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(StandardScaler().fit_transform(numbers))


@pytest.fixture
def classes() -> np.ndarray:
    return np.random.default_rng(2).choice(["ash", "oak", "fir", "elm"], 120)


@pytest.fixture
def ugly(scaled: np.ndarray) -> np.ndarray:
    """Training rows and such as are far out, overflow, or are refused."""
    rows = np.vstack([scaled[:6], scaled[:6], np.zeros((1, 4)), -np.zeros((1, 4))])
    for place, value in enumerate((1e6, -1e15, 1e39, 1e160, -1e300, np.inf, np.nan)):
        rows[place, place % 4] = value
    return rows


FAR = {"linear": 1e-8, "poly": 1e-8}
"""How far rows far out may differ where a kernel has no bound: libsvm's own sums round as much."""


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_classes_are_voted_for_in_pairs(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray, kernel: str, shape: str
) -> None:
    model = SVC(kernel=kernel, decision_function_shape=shape).fit(scaled, classes)
    check_same(model, scaled)
    check_same(model, scaled[:9], ugly, tolerance=FAR.get(kernel, 1e-12))


@pytest.mark.parametrize("kernel", KERNELS)
def test_of_two_classes_the_second_is_positive(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray, kernel: str
) -> None:
    model = SVC(kernel=kernel).fit(scaled, classes > "f")
    check_same(model, scaled)
    check_same(model, scaled[:9], ugly, tolerance=FAR.get(kernel, 1e-12))


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_a_polynomial_has_any_degree(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray, degree: int
) -> None:
    check_same(SVC(kernel="poly", degree=degree, coef0=0.5, gamma=1).fit(scaled, classes), scaled, ugly)


def test_ties_are_broken_by_decisions(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray
) -> None:
    check_same(SVC(break_ties=True, C=0.1).fit(scaled, classes), scaled, ugly)


def test_a_class_that_overflows_leaves_the_others_their_votes(check_same: Callable[..., Any]) -> None:
    """Pixels that are black in all images of a class: zero times its infinite kernel would be NaN."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:150], y[:150]
    ugly = X[:40].copy()
    ugly[np.arange(40), np.arange(40)] = 1e300
    check_same(SVC(kernel="poly").fit(X, y), X, ugly)


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("count", [2, 3, 4])
def test_probabilities_are_coupled_as_often_as_libsvm_does(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, count: int
) -> None:
    y = np.random.default_rng(3).integers(count, size=120) + (scaled[:, 0] > 1)
    check_same(SVC(probability=True, random_state=0, C=3).fit(scaled, np.minimum(y, count - 1)), scaled, ugly)


@pytest.mark.parametrize("gamma", [50.0, 1e4])
def test_vectors_far_apart_are_measured_feature_by_feature(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray, gamma: float
) -> None:
    beside = np.nextafter(scaled, np.inf)
    check_same(SVC(gamma=gamma).fit(scaled, classes), np.vstack([scaled, beside]), ugly)


def test_rows_far_from_zero_lose_nothing(
    check_same: Callable[..., Any], scaled: np.ndarray, classes: np.ndarray
) -> None:
    check_same(SVC().fit(scaled + 1e5, classes), scaled + 1e5)


def test_one_row_repeated_is_a_model(check_same: Callable[..., Any], classes: np.ndarray) -> None:
    X = np.ones((120, 2))
    check_same(SVC(gamma=1.0).fit(X, classes), X, np.array([[0.0, 5.0]]))


@pytest.mark.parametrize("model", [SVR, NuSVR, OneClassSVM])
@pytest.mark.parametrize("kernel", KERNELS)
def test_scores_are_numbers(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, model: Any, kernel: str
) -> None:
    fitted = model(kernel=kernel).fit(scaled, scaled[:, 0] ** 2)
    check_same(fitted, scaled)
    check_same(fitted, scaled[:9], ugly, tolerance=FAR.get(kernel, 1e-12))


def test_nu_is_only_for_training(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, classes: np.ndarray
) -> None:
    check_same(NuSVC(nu=0.2).fit(scaled, classes), scaled, ugly)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_libsvm_computes_in_float64(
    check_same: Callable[..., Any], numbers: np.ndarray, classes: np.ndarray, dtype: Any
) -> None:
    X = numbers.astype(dtype)
    check_same(SVC().fit(X, classes), X)


@pytest.mark.parametrize("model", [SVC(kernel="precomputed"), SVR(kernel="precomputed")])
def test_a_kernel_may_be_given(check_same: Callable[..., Any], scaled: np.ndarray, model: Any) -> None:
    K = scaled @ scaled.T
    y = np.arange(120) % 3
    check_same(model.fit(K, y), K[:50], K[50:])


def test_what_was_fitted_sparse_answers_dense(
    check_same: Callable[..., Any], scaled: np.ndarray, classes: np.ndarray
) -> None:
    X = np.where(scaled > 0, scaled, 0)
    check_same(SVC().fit(sparse.csr_array(X), classes), X)


def test_a_pipeline_refuses_what_its_last_step_does(
    check_same: Callable[..., Any], numbers: np.ndarray, classes: np.ndarray
) -> None:
    ugly = np.vstack([numbers[:3], numbers[:3]])
    ugly[:3, 1] = np.nan, np.inf, 1e308
    check_same(make_pipeline(StandardScaler(), SVC()).fit(numbers, classes), numbers, ugly)


def test_a_kernel_of_ones_own_is_refused(scaled: np.ndarray, classes: np.ndarray, tmp_path: Path) -> None:
    model = SVC(kernel=lambda a, b: a @ b.T).fit(scaled, classes)
    with pytest.raises(UnsupportedEstimator, match="kernel of one's own"):
        export(model, scaled, name="model", to=tmp_path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_linear_outlier_detector_keeps_the_dtype(
    check_same: Callable[..., Any], scaled: np.ndarray, ugly: np.ndarray, dtype: Any
) -> None:
    X = scaled.astype(dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    check_same(SGDOneClassSVM(random_state=0).fit(X), X, None if dtype == np.float32 else ugly, tolerance=tolerance)


def test_votes_at_zero_differ_between_methods(check_same: Callable[..., Any]) -> None:
    """Far from all vectors only the intercepts are left: a pair at 0 is the second class's for libsvm's votes, and
    the first's for scikit-learn's decisions."""
    X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    model = SVC(gamma=1.0).fit(X, [0, 0, 1, 1, 2, 2])
    model._intercept_[:] = 0.0
    far = np.array([[1e9]])
    assert call(model, "predict", far) == [2]
    check_same(model, X, far)
