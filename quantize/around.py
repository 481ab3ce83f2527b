"""``AroundRegressor``: what estimators that stand around a fitted regressor have in common."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import get_tags


class AroundRegressor(BaseEstimator):  # type: ignore[misc]
    """Takes the rows that its ``regressor`` takes, and has its columns."""

    regressor: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.regressor).input_tags
        return tags

    def _take(self, regressor: Any) -> None:
        """The fitted regressor, with ``n_features_in_`` and ``feature_names_in_`` where it has them."""
        self.regressor_ = regressor
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(regressor, name):
                setattr(self, name, getattr(regressor, name))
