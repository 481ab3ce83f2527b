"""Kernel models with fewer vectors: the same class and settings, nearly the same answers, exported exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from skerry.quantize.pruning.vectors import prune_vectors, vector_candidates
from skerry.quantize.teacher import teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator

KERNELS = ("rbf", "poly", "sigmoid")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", ["classes", "two_classes"])
def test_a_third_of_the_vectors_classifies_nearly_alike(
    exported: Callable[..., Any], request: pytest.FixtureRequest, kernel: str, kind: str
) -> None:
    X, y, unseen, truth = request.getfixturevalue(kind)
    model = make_pipeline(StandardScaler(), SVC(kernel=kernel, gamma=0.05, C=3)).fit(X, y)
    pruned = prune_vectors(model, X, keep=1 / 3)
    assert type(pruned[-1]) is SVC
    assert pruned[-1].support_vectors_.shape[0] <= len(model[-1].support_vectors_) / 3 + 1
    assert np.mean(pruned.predict(unseen) == model.predict(unseen)) > 0.94
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.02
    exported(pruned, unseen)


@pytest.mark.parametrize("kind", ["classes", "two_classes"])
def test_a_calibrated_machine_keeps_its_probabilities(
    exported: Callable[..., Any], request: pytest.FixtureRequest, kind: str
) -> None:
    X, y, unseen, truth = request.getfixturevalue(kind)
    model = CalibratedClassifierCV(SVC(gamma=0.05, C=3), ensemble=False, cv=3).fit(X, y)
    pruned = prune_vectors(model, X, keep=0.2)
    vectors = [each.calibrated_classifiers_[0].estimator.support_vectors_ for each in (model, pruned)]
    assert len(vectors[1]) <= len(vectors[0]) / 5 + 1
    expected = log_loss(truth, model.predict_proba(unseen))
    assert log_loss(truth, pruned.predict_proba(unseen)) < expected + 0.03
    exported(pruned, unseen)


@pytest.mark.parametrize("settings", [{"decision_function_shape": "ovo"}, {"break_ties": True}])
def test_settings_of_several_classes_stay(exported: Callable[..., Any], classes: Any, settings: dict[str, Any]) -> None:
    X, y, unseen, _ = classes
    model = NuSVC(nu=0.2, **settings).fit(X, y)
    pruned = prune_vectors(model, X, keep=0.2)
    assert (pruned.classes_.tolist(), pruned.get_params()) == (model.classes_.tolist(), model.get_params())
    assert pruned.decision_function(unseen).shape == model.decision_function(unseen).shape
    exported(pruned, unseen)


def test_the_teacher_is_left_as_it_was(classes: Any) -> None:
    X, y, unseen, _ = classes
    model = SVC().fit(X, y)
    before = model.decision_function(unseen)
    prune_vectors(model, X, keep=0.1)
    np.testing.assert_array_equal(model.decision_function(unseen), before)


def test_the_same_seed_gives_the_same_vectors(two_classes: Any) -> None:
    X, y, _, _ = two_classes
    model = SVC().fit(X, y)
    first, second = (prune_vectors(model, X, keep=0.1, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.support_vectors_, second.support_vectors_)
    np.testing.assert_array_equal(first.dual_coef_, second.dual_coef_)


@pytest.mark.parametrize("model", [SVC(kernel="linear"), SVR(kernel="linear"), KernelRidge(kernel="linear")])
@pytest.mark.parametrize("kind", ["classes", "two_classes"])
def test_a_linear_kernel_needs_one_vector_for_each_sum(
    exported: Callable[..., Any], request: pytest.FixtureRequest, model: Any, kind: str
) -> None:
    X, y, unseen, _ = request.getfixturevalue(kind)
    labels = y if isinstance(model, SVC) else np.unique(y, return_inverse=True)[1].astype(float)
    model = model.fit(X, labels)
    collapsed = prune_vectors(model, X)
    pairs = 3 if kind == "classes" and isinstance(model, SVC) else 1
    vectors = collapsed.X_fit_ if isinstance(model, KernelRidge) else collapsed.support_vectors_
    assert vectors.shape == (pairs, 8)
    method = "decision_function" if isinstance(model, SVC) else "predict"
    np.testing.assert_allclose(getattr(collapsed, method)(unseen), getattr(model, method)(unseen), atol=1e-9)
    exported(collapsed, unseen)


PROCESS = GaussianProcessRegressor(RBF(2.0, "fixed") + WhiteKernel(0.1, "fixed"), normalize_y=True)
REGRESSORS = [
    SVR(C=3),
    NuSVR(C=3),
    KernelRidge(kernel="rbf", gamma=0.1, alpha=0.1),
    KernelRidge(kernel="laplacian", gamma=0.1, alpha=0.1),
    PROCESS,
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: str(model)[:24])
def test_a_fifth_of_the_vectors_regresses_nearly_alike(exported: Callable[..., Any], numbers: Any, model: Any) -> None:
    X, y, unseen, truth = numbers
    model = make_pipeline(StandardScaler(), model).fit(X, y)
    pruned = prune_vectors(model, X, keep=0.2)
    assert type(pruned[-1]) is type(model[-1])
    assert r2_score(model.predict(unseen), pruned.predict(unseen)) > 0.97
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.05
    exported(pruned, unseen)


def test_several_targets_share_their_vectors(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    model = KernelRidge(kernel="rbf", gamma=1.0, alpha=0.1).fit(X, np.column_stack([y, 10 * X[:, 0]]))
    pruned = prune_vectors(model, X, keep=0.1)
    assert (pruned.X_fit_.shape, pruned.dual_coef_.shape) == ((70, 10), (70, 2))
    assert r2_score(model.predict(unseen), pruned.predict(unseen)) > 0.97
    exported(pruned, unseen)


def test_a_process_still_tells_deviations(numbers: Any) -> None:
    X, y, unseen, _ = numbers
    pruned = prune_vectors(PROCESS.fit(X, y), X, keep=0.1)
    mean, deviation = pruned.predict(unseen, return_std=True)
    np.testing.assert_array_equal(mean, pruned.predict(unseen))
    assert np.isfinite(deviation).all()


def test_sparse_vectors_stay_sparse_rows(exported: Callable[..., Any], classes: Any) -> None:
    X, y, unseen, _ = classes
    X, unseen = np.where(np.abs(X) > 1, X, 0), np.where(np.abs(unseen) > 1, unseen, 0)
    model = SVC(gamma=0.05).fit(sparse.csr_matrix(X), y)
    pruned = prune_vectors(model, sparse.csr_matrix(X), keep=1 / 3)
    assert sparse.issparse(pruned.support_vectors_)
    assert np.mean(pruned.predict(sparse.csr_matrix(unseen)) == model.predict(sparse.csr_matrix(unseen))) > 0.93


def test_candidates_have_fewer_and_fewer_vectors(classes: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = classes
    teacher = teacher_of(make_pipeline(StandardScaler(), SVC()).fit(X, y))
    found = list(vector_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    counts = [len(each.model[-1].support_vectors_) for each in found]
    total = len(teacher.final.support_vectors_)
    assert len(found) == 6
    assert counts == sorted(counts, reverse=True)
    assert [each.steps[0].detail for each in found] == [{"vectors": f"{count} of {total}"} for count in counts]
    assert [each.parameters for each in found] == sorted((each.parameters for each in found), reverse=True)


def _own(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return A @ B.T


def test_a_step_says_how_many_vectors_there_are(
    classes: Any, rows_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there were so many that only some of them were looked at."""
    monkeypatch.setattr("skerry.quantize.pruning.vectors.MOST_VECTORS", 50)
    X, y, _, _ = classes
    teacher = teacher_of(SVC(gamma=0.05, C=3).fit(X, y))
    many = len(teacher.final.support_vectors_)
    found = list(vector_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    told = [candidate.steps[0].detail["vectors"] for candidate in found]
    assert told == [f"{len(candidate.model.support_vectors_)} of {many}" for candidate in found]
    assert max(len(candidate.model.support_vectors_) for candidate in found) <= 50


@pytest.mark.parametrize("model", [RandomForestClassifier(2), SVC(kernel="linear"), SVC(kernel=_own)])
def test_what_has_no_vectors_of_its_own_gets_no_candidates(
    classes: Any, rows_of: Callable[..., Any], model: Any
) -> None:
    X, y, _, _ = classes
    teacher = teacher_of(model.fit(X, y))
    assert list(vector_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0))) == []


def test_other_models_and_impossible_shares_are_refused(classes: Any) -> None:
    X, y, _, _ = classes
    with pytest.raises(UnsupportedEstimator, match="RandomForestClassifier: expected a model with support vectors"):
        prune_vectors(RandomForestClassifier(2).fit(X, y), X)
    with pytest.raises(ExportError, match="keep: expected a share above 0 and at most 1, got 0"):
        prune_vectors(SVC().fit(X, y), X, keep=0)
