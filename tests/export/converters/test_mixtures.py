"""Gaussian densities: mixtures, quadratic discriminants and the elliptic envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.export.converters.ties import tied_densities
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(size=(60, 4)), random.normal(3, 2, size=(60, 4))])


def far(X: np.ndarray) -> np.ndarray:
    """Rows whose densities vanish, overflow or are no numbers."""
    rows = np.repeat(X[:1], 12, axis=0)
    rows[:, 1] = [1e3, -1e3, 1e8, 1e154, 1e200, -1e300, np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324]
    return rows


def certain(model: Any, rows: np.ndarray) -> np.ndarray:
    """The rows, but those whose probabilities hang on the last bit of log-densities that are far larger than they."""
    finite = np.isfinite(rows).all(axis=1)
    doubt = np.zeros(len(rows), bool)
    with np.errstate(all="ignore"):
        doubt[finite] = tied_densities(model._estimate_weighted_log_prob(rows[finite]))
    return rows[~doubt]


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    "settings",
    [
        {"kind": GaussianMixture},
        {"kind": BayesianGaussianMixture},
        {"kind": BayesianGaussianMixture, "weight_concentration_prior_type": "dirichlet_distribution"},
    ],
    ids=str,
)
def test_mixtures(settings: dict[str, Any], covariance_type: str, X: np.ndarray, check_same: Same) -> None:
    kind = settings["kind"]
    others = {key: value for key, value in settings.items() if key != "kind"}
    model = kind(n_components=3, covariance_type=covariance_type, random_state=0, tol=0.1, **others).fit(X)
    check_same(model, X, certain(model, far(X)))
    check_same(model, X.astype(np.float32), tolerance=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_mixtures_in_float32(covariance_type: str, X: np.ndarray, check_same: Same) -> None:
    rows = X.astype(np.float32)
    check_same(GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows), rows, tolerance=1e-5)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_distances_of_whole_numbers_are_whole_numbers(covariance_type: str, X: np.ndarray, check_same: Same) -> None:
    """scikit-learn keeps the distances in the dtype of the rows."""
    rows = np.rint(X * 3).astype(np.int32)
    check_same(GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows), rows)


def test_booleans_are_refused(X: np.ndarray, check_same: Same) -> None:
    rows = X > 0
    with pytest.raises(UnsupportedEstimator, match="booleans"):
        check_same(GaussianMixture(2, random_state=0).fit(rows), rows)


def test_one_component(X: np.ndarray, check_same: Same) -> None:
    check_same(GaussianMixture(1).fit(X), X, far(X))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        QuadraticDiscriminantAnalysis(),
        QuadraticDiscriminantAnalysis(reg_param=0.3, priors=None),
        QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.2),
    ],
    ids=repr,
)
def test_quadratic_discriminants(model: Any, classes: int, X: np.ndarray, check_same: Same) -> None:
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [0, 2][: classes - 1])]
    check_same(model.fit(X, y), X, far(X))
    check_same(model, X.astype(np.float32), tolerance=1e-6)
    rows = X.astype(np.float32)
    check_same(model.fit(rows, y), rows, tolerance=1e-5)


def test_a_wide_quadratic_discriminant(check_same: Same) -> None:
    X = np.random.default_rng(0).normal(size=(200, 19))
    check_same(QuadraticDiscriminantAnalysis().fit(X, X[:, 0] > 0), X)


@pytest.mark.parametrize("settings", [{}, {"assume_centered": True}, {"store_precision": False}], ids=str)
def test_elliptic_envelope(settings: dict[str, Any], X: np.ndarray, check_same: Same) -> None:
    model = EllipticEnvelope(random_state=0, **settings).fit(X)
    check_same(model, X, far(X))
    check_same(model, X.astype(np.float32))


def test_a_row_that_the_envelope_runs_through_is_exported(X: np.ndarray, check_same: Same) -> None:
    """With 101 rows and a tenth outside, the offset is a training row's own score."""
    rows = X[:101]
    model = EllipticEnvelope(random_state=0).fit(rows)
    assert (model.decision_function(rows) == 0).any()
    check_same(model, rows[:5])


def test_in_a_pipeline_and_of_a_frame(X: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    check_same(make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)).fit(frame), frame)
    check_same(make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis()).fit(frame, X[:, 0] > 1), frame)
    check_same(make_pipeline(StandardScaler(), EllipticEnvelope(random_state=0)).fit(frame), frame)
