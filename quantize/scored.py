"""``ScoredClassifier``: a classifier made of a regressor, whose columns are the scores of the classes."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy.special import expit
from sklearn.base import ClassifierMixin, clone
from sklearn.utils.extmath import softmax
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from skerry.quantize.around import AroundRegressor
from skerry.quantize.teacher import Array

Link = Literal["softmax"]


def _has_link(classifier: ScoredClassifier) -> bool:
    return classifier.link is not None


class ScoredClassifier(ClassifierMixin, AroundRegressor):  # type: ignore[misc]
    """Classes told by a regressor: the one with the highest score, of two the second where the one score is above 0.

    Args:
        regressor: predicts a score for each class, (rows, classes); for two classes one score, (rows,) or (rows, 1).
        link: "softmax" where scores are log-odds (of two classes the logit of the second), which gives
            probabilities; None where they only rank.

    Attributes:
        regressor_: the fitted regressor.
        classes_: the labels, in the order of the scores.
        n_features_in_, feature_names_in_: those of the fitted regressor, where it has them.
    """

    def __init__(self, regressor: Any, link: Link | None = "softmax") -> None:
        self.regressor = regressor
        self.link = link

    @classmethod
    def of(cls, regressor: Any, classes: Any, link: Link | None = "softmax") -> Self:
        """A fitted classifier around a fitted regressor."""
        return cls(regressor, link)._around(regressor, np.asarray(classes))

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a copy of the regressor on 1 for a row's class and -1 for the others, as ``RidgeClassifier`` does."""
        classes = unique_labels(y)
        codes = np.where(np.asarray(y)[:, None] == classes, 1.0, -1.0)
        targets = codes[:, 1] if len(classes) == 2 else codes
        return self._around(clone(self.regressor).fit(X, targets), classes)

    def decision_function(self, X: Any) -> Array:
        """The scores: (rows,) for two classes, else (rows, classes)."""
        check_is_fitted(self)
        scores = np.asarray(self.regressor_.predict(X))
        expected = 1 if len(self.classes_) == 2 else len(self.classes_)
        if scores.size != len(scores) * expected:
            raise ValueError(f"regressor: expected {expected} scores a row, got an answer of shape {scores.shape}")
        return scores.reshape(-1) if expected == 1 else scores

    def predict(self, X: Any) -> Array:
        """Labels, (rows,); a tie is the first class."""
        scores = self.decision_function(X)
        index = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[index])

    @available_if(_has_link)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, (rows, classes)."""
        scores = self.decision_function(X)
        return np.column_stack([expit(-scores), expit(scores)]) if scores.ndim == 1 else np.asarray(softmax(scores))

    def _around(self, regressor: Any, classes: Array) -> Self:
        if classes.ndim != 1 or len(classes) < 2:
            raise ValueError(f"classes: expected at least two, got {classes.tolist()}")
        self._take(regressor)
        self.classes_ = classes
        return self
