"""What all classifiers and regressors end with: scores → labels and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.graph import BOOL, INT64, Graph, Outputs, Tensor
from skerry.runtime.errors import UnsupportedEstimator

INVERSE_LINKS: dict[str, Callable[[Graph, Tensor], Tensor]] = {
    "IdentityLink": lambda _, raw: raw,
    "LogLink": lambda graph, raw: graph.op("Exp", raw),
}
"""scikit-learn's links (sklearn._loss.link) that regressors use: from a raw score back to the target."""


def label_of(graph: Graph, indices: Tensor, classes: Any) -> Tensor:
    """``classes[indices]``: INT64 (rows,) → labels (rows,)."""
    classes = np.asarray(classes)
    if classes.dtype.kind == "S":
        raise UnsupportedEstimator("expected class labels that are strings, numbers or booleans, got bytes")
    if classes.dtype == INT64 and np.array_equal(classes, np.arange(len(classes))):
        return indices
    if classes.dtype == bool and len(classes) == 2:
        return graph.cast(indices, BOOL)
    if classes.dtype.kind == "U":
        classes = classes.astype(object)
    table = classes.astype(np.uint8) if classes.dtype == bool else classes
    labels = graph.op("Gather", table, indices, dtype=table.dtype, axis=0)
    return graph.cast(labels, classes.dtype)


def positive(graph: Graph, score: Tensor) -> Tensor:
    """``score > 0`` as INT64 (rows,): a tie is the first class, as in scikit-learn."""
    return graph.cast(graph.op("Greater", score, np.array(0, score.dtype), dtype=BOOL), INT64)


def not_negative(graph: Graph, score: Tensor) -> Tensor:
    """``score >= 0`` as INT64 (rows,): a tie is the second class, as in gradient boosting."""
    return graph.cast(graph.op("GreaterOrEqual", score, np.array(0, score.dtype), dtype=BOOL), INT64)


def highest(graph: Graph, scores: Tensor) -> Tensor:
    """``np.argmax(scores, axis=1)``: INT64 (rows,); a tie is the first class."""
    return graph.op("ArgMax", scores, dtype=INT64, width=None, axis=1, keepdims=0)


def highest_or_nan(graph: Graph, scores: Tensor) -> Tensor:
    """The same of scores that may be NaN: the highest of all to NumPy; ONNX Runtime skips it."""
    if scores.is_finite:
        return highest(graph, scores)
    unordered = graph.op("IsNaN", scores, dtype=BOOL)
    ranks = graph.op("Where", unordered, np.array(np.inf, scores.dtype), scores, dtype=scores.dtype)
    return highest(graph, ranks)


def pairwise_decision(graph: Graph, votes: Tensor, sums: Tensor) -> Tensor:
    """What ``sklearn.utils.multiclass._ovr_decision_function`` ends with, (rows, classes): how many pairs each class wins,
    and its sum of the pairs' scores, squeezed into (-1/3, 1/3)."""
    reach = graph.op("Mul", graph.op("Add", graph.op("Abs", sums), np.array(1.0)), np.array(3.0))
    return graph.op("Add", votes, graph.op("Div", sums, reach))


def binary_probabilities(graph: Graph, probability: Tensor) -> Tensor:
    """(rows,) of the second class → (rows, 2)."""
    second = graph.column(probability)
    return graph.concat([graph.op("Sub", np.array(1, second.dtype), second), second])


def logistic(graph: Graph, score: Tensor) -> Tensor:
    """``expit`` of a score, (rows,) or (rows, 1), as the second of two classes, and its complement: (rows, 2).

    Beyond 800 it is 0 and 1 in either dtype, and inf - inf would not be.
    """
    score = graph.column(score)
    if not score.is_finite:
        score = graph.op("Clip", score, np.array(-800, score.dtype), np.array(800, score.dtype))
    return _with_complement(graph, score)


def _with_complement(graph: Graph, score: Tensor) -> Tensor:
    """The same of finite scores, (rows,) or (rows, 1): the softmax of 0 and the score."""
    return softmax(graph, graph.op("Pad", graph.column(score), np.array([0, 1, 0, 0]), width=2))


def sigmoid(graph: Graph, score: Tensor) -> Tensor:
    """``1 / (1 + exp(-score))`` without ONNX Runtime's Sigmoid, which is 0 from -18 down (float64: from -40).

    Where exp overflows it is inf and the quotient 0, which is the correctly rounded answer's limit.
    """
    one = np.array(1, score.dtype)
    return graph.op("Div", one, graph.op("Add", one, graph.op("Exp", graph.op("Neg", score))))


def softmax(graph: Graph, scores: Tensor) -> Tensor:
    """``exp(s - max) / sum`` over the classes."""
    return graph.op("Softmax", scores, axis=1)


def boosted_classes(
    graph: Graph, raw: Tensor, classes: Any, *, decide: Callable[[Graph, Tensor], Tensor], slope: float = 1.0
) -> Outputs:
    """A boosting classifier's answers from its raw scores, (rows, 1) for two classes, else (rows, classes).

    ``decide`` gives the index of the class of two; ``slope`` times their raw score is the logit.
    """
    if raw.width == 1:
        logit = raw if slope == 1 else graph.op("Mul", raw, np.array(slope, raw.dtype))
        probabilities = _with_complement(graph, logit)
        raw = graph.flatten(raw)
        index = decide(graph, raw)
    else:
        index, probabilities = highest(graph, raw), softmax(graph, raw)
    return {"predict": label_of(graph, index, classes), "predict_proba": probabilities, "decision_function": raw}
