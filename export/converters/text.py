"""CountVectorizer, TfidfVectorizer and TfidfTransformer: terms come from the runtime, all else is in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Outputs, Tensor
from skerry.runtime.manifest import Analyzer


def count_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(scope.graph.cast(_counts(estimator, features, scope), estimator.dtype))}


def tfidf_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {
        "transform": Features.of(
            _weighted(estimator._tfidf, scope.graph.cast(_counts(estimator, features, scope), estimator.dtype), scope)
        )
    }


def tfidf_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(_weighted(estimator, scope.graph.floats(features), scope))}


def _counts(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """How often each term of the vocabulary is in each text: float64 (rows, terms)."""
    graph = scope.graph
    size = len(estimator.vocabulary_)
    vocabulary = np.empty(size, object)
    vocabulary[list(estimator.vocabulary_.values())] = list(estimator.vocabulary_)
    scope.knows(features, [vocabulary])
    terms = graph.terms(_analyzer(estimator, features, scope))
    codes = graph.lookup(terms, vocabulary, np.arange(size), size)  # an extra column, for every other term
    shape = graph.op("Shape", codes, dtype=INT64, width=None)
    rows = graph.op("Shape", codes, dtype=INT64, width=None, start=0, end=1)
    wanted = graph.op("Concat", rows, np.array([size + 1]), width=None, axis=0)
    zeros = graph.op(
        "ConstantOfShape", wanted, dtype=FLOAT64, width=size + 1, value=helper.make_tensor("zero", 11, [1], [0.0])
    )
    ones = graph.op(
        "ConstantOfShape", shape, dtype=FLOAT64, width=size + 1, value=helper.make_tensor("one", 11, [1], [1.0])
    )
    counts = graph.op("ScatterElements", zeros, codes, ones, axis=1, reduction="add")
    known = graph.op("Slice", counts, np.array([0]), np.array([size]), np.array([1]), width=size)
    return graph.op("Min", known, np.array(1.0)) if estimator.binary else known


def _analyzer(estimator: Any, features: Features, scope: Scope) -> Analyzer:
    for setting in ("preprocessor", "tokenizer"):
        if getattr(estimator, setting) is not None:
            raise scope.refuse(estimator, f"{setting} is code of your own, which an artifact cannot carry")
    if callable(estimator.analyzer) or callable(estimator.strip_accents):
        raise scope.refuse(estimator, "analyzer or strip_accents is code of your own, which an artifact cannot carry")
    if estimator.input != "content":
        raise scope.refuse(estimator, f"input={estimator.input!r} reads files; only input='content' can be served")
    if not (scope.graph.names and features.is_input and features.width == 1):
        raise scope.refuse(
            estimator, "only a list of texts, or a column of a frame as it came, can be split into terms"
        )
    return Analyzer(
        input=scope.graph.names[features.origins[0]],
        tensor=scope.graph.fresh("terms"),
        analyzer=estimator.analyzer,
        lowercase=estimator.lowercase,
        strip_accents=estimator.strip_accents,
        token_pattern=estimator.token_pattern or "",
        ngram_range=tuple(estimator.ngram_range),
        stop_words=tuple(sorted(estimator.get_stop_words() or ())),
    )


def _weighted(estimator: Any, counts: Tensor, scope: Scope) -> Tensor:
    """``TfidfTransformer.transform``: logarithm, idf, norm; a row of zeros stays one."""
    graph = scope.graph
    one, zero = np.array(1, counts.dtype), np.array(0, counts.dtype)
    if estimator.sublinear_tf:
        present = graph.op("Greater", counts, zero, dtype=BOOL)
        logarithm = graph.op("Add", graph.op("Log", graph.op("Where", present, counts, one, dtype=counts.dtype)), one)
        counts = graph.op("Where", present, logarithm, zero, dtype=counts.dtype)
    if estimator.use_idf:
        counts = graph.op("Mul", counts, estimator.idf_.astype(counts.dtype))
    if estimator.norm is None:
        return counts
    norm = graph.op(_NORMS[estimator.norm], counts, np.array([1]), width=1, keepdims=1)
    empty = graph.op("Equal", norm, zero, dtype=BOOL)
    return graph.op("Div", counts, graph.op("Where", empty, one, norm, dtype=counts.dtype))


_NORMS = {"l1": "ReduceL1", "l2": "ReduceL2"}
