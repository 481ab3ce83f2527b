"""``TreeSum``: a regressor whose answer is a sum over trees, all of them in one table of nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils.validation import validate_data

from skerry.quantize.teacher import Array

LEAF = -1
"""``left`` and ``right`` of a leaf."""
STEPS_AT_ONCE = 2**18
"""Pairs of a row and a tree that are walked together: what they need stays in a core's cache."""


class TreeSum(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted sum of trees: ``baseline_``, and of each tree the value of the leaf a row falls into.

    As scikit-learn's trees do, it rounds a row to float32 and sends it left where ``x[feature] <= threshold``. NaN goes
    as ``missing_left_`` says where ``allow_nan_``, and is refused otherwise; so is what float32 does not hold, but where
    ``allow_inf_``.

    Attributes, over the nodes of all trees:
        feature_ (int), threshold_ (float32), left_, right_ (node numbers, -1 at a leaf), missing_left_ (bool),
        values_ (nodes, targets) float64: what a leaf adds.
    And beside them:
        roots_: the nodes the trees start at. baseline_ (targets,) float64: what every row starts from.
        allow_nan_, allow_inf_, n_features_in_, feature_names_in_ (where the teacher had names).

    It is made by ``TreeSum.of``; ``fit`` gives the leaves of the trees it has other values.
    """

    @classmethod
    def of(
        cls,
        *,
        feature: ArrayLike,
        threshold: ArrayLike,
        left: ArrayLike,
        right: ArrayLike,
        missing_left: ArrayLike,
        values: ArrayLike,
        roots: ArrayLike,
        baseline: ArrayLike,
        width: int,
        allow_nan: bool = True,
        allow_inf: bool = False,
        names: Array | None = None,
    ) -> Self:
        """A fitted one of these arrays; ``width`` is how many columns a row has, ``names`` are their names."""
        trees = cls()
        trees.feature_, trees.threshold_ = np.asarray(feature, np.int32), np.asarray(threshold, np.float32)
        trees.left_, trees.right_ = np.asarray(left, np.int32), np.asarray(right, np.int32)
        trees.missing_left_, trees.roots_ = np.asarray(missing_left, bool), np.asarray(roots, np.int32)
        trees.values_, trees.baseline_ = np.asarray(values, np.float64), np.asarray(baseline, np.float64)
        trees.n_features_in_, trees.allow_nan_, trees.allow_inf_ = width, allow_nan, allow_inf
        if names is not None:
            trees.feature_names_in_ = names
        return trees

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the leaves and the baseline to ``y``, (rows,) or (rows, targets), by least squares, all trees together."""
        if not hasattr(self, "roots_"):
            raise NotFittedError("expected trees whose leaves can be fitted: TreeSum.of makes them")
        leaves = self.apply(X)
        starts = np.arange(0, leaves.size + 1, max(1, leaves.shape[1]))
        matrix = sparse.csr_array((np.ones(leaves.size), leaves.ravel(), starts), (len(leaves), len(self.left_)))
        ridge = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-8).fit(
            matrix, np.asarray(y, float).reshape(len(leaves), -1)
        )
        self.values_, self.baseline_ = (
            ridge.coef_.reshape(-1, len(self.left_)).T.copy(),
            np.atleast_1d(ridge.intercept_),
        )
        return self

    def apply(self, X: Any) -> Array:
        """The leaf that each row falls into in each tree: node numbers, (rows, trees) int32."""
        rows = self._validated(X)
        parts = [self._walk(part) for part in self._chunks(rows)]
        return np.concatenate([np.empty((0, len(self.roots_)), np.int32), *parts])

    def predict(self, X: Any) -> Array:
        """The sums: float64 (rows,) for one target, else (rows, targets)."""
        rows, targets = self._validated(X), self.values_.shape[1]
        parts = [self.values_[self._walk(part)].sum(axis=1) for part in self._chunks(rows)]
        sums = np.concatenate([np.empty((0, targets)), *parts]) + self.baseline_
        return sums[:, 0] if targets == 1 else sums

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = bool(getattr(self, "allow_nan_", True))
        return tags

    def _validated(self, X: Any) -> Any:
        finite = False if self.allow_inf_ else "allow-nan" if self.allow_nan_ else True
        with np.errstate(over="ignore"):  # infinite then, and refused or taken as such
            return validate_data(
                self,
                X,
                reset=False,
                dtype=np.float32,
                accept_sparse="csr",
                ensure_all_finite=finite,
                ensure_min_samples=1,
            )

    def _chunks(self, rows: Any) -> Iterator[Array]:
        size = max(1, STEPS_AT_ONCE // max(1, len(self.roots_)))
        for start in range(0, rows.shape[0], size):
            part = rows[start : start + size]
            yield part.toarray() if sparse.issparse(part) else part

    def _walk(self, rows: Array) -> Array:
        """All rows through all trees, level by level: those that are not at a leaf yet take a step."""
        trees, gaps = len(self.roots_), bool(np.isnan(rows).any())
        nodes = np.tile(self.roots_, len(rows))
        walking = np.flatnonzero(self.left_[nodes] != LEAF)
        while len(walking):
            at = nodes[walking]
            x = rows[walking // trees, self.feature_[at]]
            goes_left = x <= self.threshold_[at]
            if gaps:
                goes_left |= np.isnan(x) & self.missing_left_[at]
            nodes[walking] = at = np.where(goes_left, self.left_[at], self.right_[at])
            walking = walking[self.left_[at] != LEAF]
        return nodes.reshape(len(rows), trees)
