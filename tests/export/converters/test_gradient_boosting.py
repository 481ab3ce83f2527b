"""GradientBoosting: labels, probabilities and raw scores, on thresholds and beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skerry.export import export
from skerry.runtime import load
from skerry.runtime.errors import InvalidInput, UnsupportedEstimator

TWO = make_classification(200, 5, random_state=0)
THREE = load_iris(return_X_y=True)
NUMBER = make_regression(200, 5, random_state=0)

ESTIMATORS = {
    "two classes": (GradientBoostingClassifier(n_estimators=10), *TWO),
    "three classes": (GradientBoostingClassifier(n_estimators=10), *THREE),
    "strings": (GradientBoostingClassifier(n_estimators=5), TWO[0], np.where(TWO[1], "yes", "no")),
    "exponential": (GradientBoostingClassifier(n_estimators=10, loss="exponential"), *TWO),
    "from zero": (GradientBoostingClassifier(n_estimators=10, init="zero"), *THREE),
    "subsampled": (GradientBoostingClassifier(n_estimators=10, subsample=0.5, learning_rate=0.3), *TWO),
    "regression": (GradientBoostingRegressor(n_estimators=10), *NUMBER),
    "absolute error": (GradientBoostingRegressor(n_estimators=10, loss="absolute_error"), *NUMBER),
    "quantile": (GradientBoostingRegressor(n_estimators=10, loss="quantile"), *NUMBER),
    "regression from zero": (GradientBoostingRegressor(n_estimators=10, init="zero"), *NUMBER),
}


def beside_thresholds(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Rows whose values are thresholds, and float32's and float64's neighbours of them."""
    rows: list[np.ndarray] = []
    for tree in estimator.estimators_.ravel():
        for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
            if feature >= 0:
                exact = [threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)]
                for value in [
                    *exact,
                    float(np.float32(threshold)),
                    float(np.nextafter(np.float32(threshold), np.float32(np.inf))),
                ]:
                    rows.append(X[len(rows) % len(X)].copy())
                    rows[-1][feature] = value
    return np.array(rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_answers_are_scikit_learns(name: str, dtype: Any, tmp_path: Path) -> None:
    estimator, X, y = ESTIMATORS[name]
    X = X.astype(dtype)
    estimator = estimator.fit(X, y)
    model = load(export(estimator, X, y, name="boosting", to=tmp_path))
    rows = beside_thresholds(estimator, X).astype(dtype)
    for method in model.manifest.methods:
        expected = getattr(estimator, method)(rows)
        got = getattr(model, method)(rows)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        if method == "predict" and expected.dtype.kind != "f":
            assert got.tolist() == expected.tolist()
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_a_model_to_start_from_is_refused(tmp_path: Path) -> None:
    estimator = GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()).fit(*TWO)
    with pytest.raises(UnsupportedEstimator, match=r"init=LogisticRegression\(\) is not converted"):
        export(estimator, TWO[0], name="boosting", to=tmp_path)


def test_nan_of_a_step_before_is_refused(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(FunctionTransformer(np.log), GradientBoostingClassifier(n_estimators=2)).fit(X, y)
    loaded = load(export(model, X, name="model", to=tmp_path))
    with pytest.raises(InvalidInput):
        loaded.predict(-X[:1])
