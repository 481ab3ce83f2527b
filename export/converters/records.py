"""DictVectorizer and FeatureHasher: names and values come from the runtime, the columns they are from the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.converters.text import extracted, hashing_of, in_order, tensors_of
from skerry.export.graph import Features, Outputs
from skerry.runtime.manifest import RecordExtractor


def dict_vectorizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    if not all(isinstance(name, str) for name in estimator.feature_names_):
        raise scope.refuse(estimator, "names that are not strings cannot be served")
    if np.dtype(estimator.dtype) not in (np.float32, np.float64):
        raise scope.refuse(estimator, f"dtype={np.dtype(estimator.dtype)}: only float32 and float64 are converted")
    names = in_order(estimator.vocabulary_)
    scope.knows(features, [names])
    extractor = RecordExtractor(
        **tensors_of(features, estimator, scope, len(names)),
        hashing=None,
        form="dict",
        separator=estimator.separator,
        lists=True,
    )
    return {"transform": Features.of(extracted(extractor, len(names), estimator.dtype, scope, names))}


def feature_hasher(estimator: Any, features: Features, scope: Scope) -> Outputs:
    hashing = hashing_of(estimator, scope)
    extractor = RecordExtractor(
        **tensors_of(features, estimator, scope, hashing.n_features),
        hashing=hashing,
        form=estimator.input_type,
        separator="=",
        lists=False,
    )
    return {"transform": Features.of(extracted(extractor, hashing.n_features, estimator.dtype, scope))}
