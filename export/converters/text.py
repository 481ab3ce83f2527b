"""CountVectorizer, HashingVectorizer, TfidfVectorizer and TfidfTransformer: terms and their counts, or columns by
hash, come from the runtime; all else is in the graph, without the columns that are zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Outputs, Sparse, Tensor
from skerry.runtime.manifest import Hashing, RecordExtractor, TextExtractor


def count_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(_counts(estimator, features, scope))}


def tfidf_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(_weighted(estimator._tfidf, _counts(estimator, features, scope), scope))}


def tfidf_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Of counts that are sparse the answer is, too; of a matrix it is a matrix."""
    graph = scope.graph
    if (sparse := _only_sparse(features)) is not None:
        counts = replace(sparse, values=graph.cast(sparse.values, features.float_dtype), finite=False)
        return {"transform": Features.of(_weighted(estimator, counts, scope, guarded=True))}
    X = graph.floats(features)
    scope.refuse_not_finite(X)
    present = graph.op("Not", graph.op("Equal", X, np.array(0, X.dtype), dtype=BOOL))
    values = _tfidf(estimator, X, present, estimator.idf_ if estimator.use_idf else None, scope)
    return {"transform": Features.of(_normalized(values, estimator.norm, scope, guarded=True))}


def hashing_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    hashing = hashing_of(estimator, scope)
    sparse = extracted(_extractor(estimator, features, hashing, scope), hashing.n_features, estimator.dtype, scope)
    if estimator.binary:  # also where two terms have taken each other's value away
        ones = np.ones((1, 1), sparse.dtype)
        sparse = replace(
            sparse, values=graph.op("Where", _known(sparse, scope), ones, sparse.values, dtype=sparse.dtype)
        )
    return {"transform": Features.of(replace(sparse, values=_normalized(sparse.values, estimator.norm, scope)))}


def hashing_of(estimator: Any, scope: Scope) -> Hashing:
    """How names become columns; values are floats, for integers would be cut off one by one."""
    if np.dtype(estimator.dtype) not in (np.float32, np.float64):
        raise scope.refuse(estimator, f"dtype={np.dtype(estimator.dtype)}: only float32 and float64 are converted")
    return Hashing(n_features=int(estimator.n_features), alternate_sign=bool(estimator.alternate_sign))


def extracted(
    extractor: TextExtractor | RecordExtractor,
    width: int,
    dtype: Any,
    scope: Scope,
    vocabulary: np.ndarray | None = None,
) -> Sparse:
    """The columns that the runtime's keys are: by ``vocabulary``, or by their hash."""
    graph = scope.graph
    finite = isinstance(extractor, TextExtractor)  # counts are
    keys, values = graph.extract(extractor)
    if vocabulary is None:
        return Sparse(keys, graph.cast(values, dtype), width, finite)
    codes = graph.lookup(keys, vocabulary, np.arange(width), width)
    known = graph.op("Less", codes, np.array(width), dtype=BOOL)
    kept = graph.op("Where", known, values, np.zeros((1, 1)), dtype=FLOAT64)
    return Sparse(codes, graph.cast(kept, dtype), width, finite)


def in_order(vocabulary: dict[str, int]) -> np.ndarray:
    """The names of the columns, in their order."""
    names = np.empty(len(vocabulary), object)
    names[list(vocabulary.values())] = list(vocabulary)
    return names


def tensors_of(features: Features, estimator: Any, scope: Scope, width: int) -> dict[str, Any]:
    """The fields of an extractor that say what it reads and writes."""
    graph = scope.graph
    if not (graph.names and features.is_input and features.width == 1):
        raise scope.refuse(estimator, "only rows, or a column of a frame, as they came can be split into terms")
    return {
        "input": graph.names[features.origins[0]],
        "keys": graph.fresh("keys"),
        "values": graph.fresh("values"),
        "width": width,
    }


def _counts(estimator: Any, features: Features, scope: Scope) -> Sparse:
    """How often each term of the vocabulary is in each text."""
    vocabulary = in_order(estimator.vocabulary_)
    scope.knows(features, [vocabulary])
    sparse = extracted(
        _extractor(estimator, features, None, scope), len(vocabulary), estimator.dtype, scope, vocabulary
    )
    if not estimator.binary:
        return sparse
    return replace(sparse, values=scope.graph.cast(_known(sparse, scope), estimator.dtype))


def _known(sparse: Sparse, scope: Scope) -> Tensor:
    return scope.graph.op("Less", sparse.codes, np.array(sparse.width), dtype=BOOL)


def _extractor(estimator: Any, features: Features, hashing: Hashing | None, scope: Scope) -> TextExtractor:
    for setting in ("preprocessor", "tokenizer"):
        if getattr(estimator, setting) is not None:
            raise scope.refuse(estimator, f"{setting} is code of your own, which an artifact cannot carry")
    if callable(estimator.analyzer) or callable(estimator.strip_accents):
        raise scope.refuse(estimator, "analyzer or strip_accents is code of your own, which an artifact cannot carry")
    if estimator.input != "content":
        raise scope.refuse(estimator, f"input={estimator.input!r} reads files; only input='content' can be served")
    return TextExtractor(
        **tensors_of(features, estimator, scope, hashing.n_features if hashing else len(estimator.vocabulary_)),
        hashing=hashing,
        analyzer=estimator.analyzer,
        lowercase=estimator.lowercase,
        strip_accents=estimator.strip_accents,
        token_pattern=estimator.token_pattern or "",
        ngram_range=tuple(estimator.ngram_range),
        stop_words=tuple(sorted(estimator.get_stop_words() or ())),
    )


def _only_sparse(features: Features) -> Sparse | None:
    """The sparse columns that are all the features, in their order."""
    if len(features.pieces) != 1 or not features.pieces[0].whole:
        return None
    tensor = features.pieces[0].tensor
    return tensor if isinstance(tensor, Sparse) else None


def _weighted(estimator: Any, counts: Sparse, scope: Scope, *, guarded: bool = False) -> Sparse:
    graph = scope.graph
    idf = None
    if estimator.use_idf:
        table = np.append(estimator.idf_, 1.0).astype(counts.dtype)
        idf = graph.op("Gather", table, counts.codes, axis=0, dtype=counts.dtype)
    values = _tfidf(estimator, counts.values, _known(counts, scope), idf, scope)
    return replace(counts, values=_normalized(values, estimator.norm, scope, guarded=guarded))


def _tfidf(estimator: Any, counts: Tensor, present: Tensor, idf: Tensor | np.ndarray | None, scope: Scope) -> Tensor:
    """``TfidfTransformer.transform`` before the norm: logarithm of what is ``present``, times idf."""
    graph = scope.graph
    one, zero = np.ones((1, 1), counts.dtype), np.zeros((1, 1), counts.dtype)
    if estimator.sublinear_tf:
        logarithm = graph.op("Log", graph.op("Where", present, counts, one, dtype=counts.dtype))
        counts = graph.op("Where", present, graph.op("Add", logarithm, one), zero, dtype=counts.dtype)
    if idf is not None:
        counts = graph.op("Mul", counts, idf if isinstance(idf, Tensor) else idf.astype(counts.dtype))
    return counts


def _normalized(values: Tensor, norm: str | None, scope: Scope, *, guarded: bool = False) -> Tensor:
    """Each row divided by its norm; a row of zeros stays one. scikit-learn refuses what is not finite, such as the
    logarithm of a negative number: ``guarded`` where there may be any."""
    if norm is None:
        return values
    graph = scope.graph
    if guarded:
        scope.refuse_values(values)
    length = graph.op(_NORMS[norm], values, np.array([1]), width=1, keepdims=1)
    empty = graph.op("Equal", length, np.array(0, values.dtype), dtype=BOOL)
    one = np.array(1, values.dtype)
    return graph.op("Div", values, graph.op("Where", empty, one, length, dtype=values.dtype))


_NORMS = {"l1": "ReduceL1", "l2": "ReduceL2"}
