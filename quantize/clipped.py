"""``ClippedRegressor``: a regressor that answers with nothing beyond what it learned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skerry.export.wire import Array
from skerry.quantize.around import AroundRegressor


class ClippedRegressor(RegressorMixin, AroundRegressor):  # type: ignore[misc]
    """What a regressor predicts, cut to a range: a linear model or a perceptron goes on as it began where a row is far from
    all that it learned from, and a few such rows can cost more than all others.

    Args:
        regressor: predicts (rows,) or (rows, targets).

    Attributes:
        regressor_: the fitted regressor.
        low_, high_ (targets,) float64: the least and the greatest answer. NaN stays NaN.
        n_features_in_, feature_names_in_: those of the fitted regressor, where it has them.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    @classmethod
    def of(cls, regressor: Any, low: ArrayLike, high: ArrayLike) -> Self:
        """A fitted one around a fitted regressor; ``low`` and ``high`` are (targets,)."""
        return cls(regressor)._around(regressor, np.atleast_1d(low).astype(float), np.atleast_1d(high).astype(float))

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a copy of the regressor; the range is that of ``y``, (rows,) or (rows, targets)."""
        targets = np.asarray(y, float).reshape(len(y), -1)
        return self._around(clone(self.regressor).fit(X, y), targets.min(axis=0), targets.max(axis=0))

    def with_regressor(self, regressor: Any) -> Self:
        """The same range around another fitted regressor."""
        return type(self).of(regressor, self.low_, self.high_)

    def predict(self, X: Any) -> Array:
        """float64, in the regressor's shape."""
        check_is_fitted(self)
        answers = np.asarray(self.regressor_.predict(X), float)
        return np.clip(answers.reshape(len(answers), -1), self.low_, self.high_).reshape(answers.shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = get_tags(self.regressor).target_tags.multi_output
        return tags

    def _around(self, regressor: Any, low: Array, high: Array) -> Self:
        if low.shape != high.shape or not (low <= high).all():
            raise ValueError(f"low, high: expected a range for each target, got {low.tolist()} and {high.tolist()}")
        self._take(regressor)
        self.low_, self.high_ = low, high
        return self
