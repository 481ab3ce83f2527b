"""Clusterings, and NearestCentroid: the nearest centre, by scikit-learn's own formula ``|x|² - 2xy + |y|²``, in its dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from skerry.export.converters.distances import EPSILON, Metric, squared_distances, squared_noise
from skerry.export.converters.labels import highest, label_of, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import TIE
from skerry.export.graph import BOOL, FLOAT64, INT64, Array, Features, Graph, Outputs, Tensor


def k_means(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Labels by ``|y|² - 2xy``, which cannot overflow where the distances do; and the distances themselves."""
    graph = scope.graph
    X, centres = _rows(estimator, features, scope), estimator.cluster_centers_
    scope.ties(lambda X: _centres_tied(X, centres, centres.dtype))
    scores = _scores(centres, X, scope)
    nearest = graph.op("ArgMin", scores, dtype=INT64, width=None, axis=1, keepdims=0)
    return {"predict": nearest, "transform": _distances(centres, X, scope)}


def bisecting_k_means(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Down a binary tree, at each node to the nearer of two centres; of equally near ones to the left."""
    graph = scope.graph
    X = _rows(estimator, features, scope)
    root = estimator._bisecting_tree
    inner = [node for node in _nodes(root) if node.left is not None]
    mean = getattr(estimator, "_X_mean", 0)
    pairs = [np.vstack((node.left.center, node.right.center)) + mean for node in inner]
    if not inner:
        raise scope.refuse(estimator, "it has a single cluster")
    centres = np.concatenate(pairs).astype(X.dtype)
    scores = _scores(centres, X, scope)
    even = graph.columns(scores, np.arange(0, len(centres), 2))
    odd = graph.columns(scores, np.arange(1, len(centres), 2))
    goes_left = graph.op("LessOrEqual", even, odd, dtype=BOOL)
    scope.ties(lambda X: np.any([_centres_tied(X, pair, X.dtype) for pair in pairs], axis=0))
    distances = _distances(estimator.cluster_centers_, X, scope)
    return {"predict": _descend(root, inner, goes_left, scope), "transform": distances}


def birch(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X, centres = scope.finite(features), estimator.subcluster_centers_
    labels = label_of(scope.graph, _nearest(centres, X, scope), estimator.subcluster_labels_)
    return {"predict": labels, "transform": _distances(centres, X, scope)}


def nearest_centre(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """MeanShift and AffinityPropagation: the index of the nearest centre."""
    centres = getattr(estimator, "cluster_centers_", np.empty((0, 0)))
    if not len(centres):
        raise scope.refuse(estimator, "it has no cluster centres")
    return {"predict": _nearest(centres, scope.finite(features), scope)}


def feature_agglomeration(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The features of each cluster pooled into one."""
    graph, X, labels = scope.graph, scope.finite(features), np.asarray(estimator.labels_)
    if estimator.pooling_func is np.mean:
        members = np.eye(labels.max() + 1)[labels]
        sums = graph.op("MatMul", graph.cast(X, np.float64), members, width=members.shape[1])
        return {"transform": Features.of(graph.op("Div", sums, members.sum(axis=0)))}
    kind = _POOLS.get(estimator.pooling_func)
    if kind is None:
        raise scope.refuse(estimator, "features pooled by a function of one's own are not converted")
    clusters = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    pooled = [graph.op(kind, graph.columns(X, cluster), np.array([1]), width=1, keepdims=1) for cluster in clusters]
    return {"transform": Features.of(graph.concat(pooled))}


_POOLS = {np.max: "ReduceMax", np.min: "ReduceMin", np.sum: "ReduceSum"}


def nearest_centroid(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, classes = scope.graph, estimator.classes_
    X, centroids = scope.finite(features), estimator.centroids_
    deviation = estimator.within_class_std_dev_
    scale = np.where(deviation != 0, deviation, 1.0)
    priors = 2.0 * np.log(estimator.class_prior_)
    distances = _to_each(graph, graph.op("Div", graph.cast(X, FLOAT64), scale), centroids / scale, estimator.metric)
    scores = graph.op("Sub", priors.reshape(1, -1), graph.op("Mul", distances, distances), width=len(classes))
    best = highest(graph, scores)
    if np.isclose(estimator.class_prior_, 1 / len(classes)).all():  # then they are compared as they are
        nearby = _to_each(graph, graph.cast(X, FLOAT64), centroids, estimator.metric)
        best = graph.op("ArgMin", nearby, dtype=INT64, width=None, axis=1, keepdims=0)
    scope.ties(lambda X: _centroids_tied(estimator, X))
    decision = scores
    if len(classes) == 2:
        decision = graph.flatten(graph.op("Sub", graph.columns(scores, [1]), graph.columns(scores, [0])))
    outputs: Outputs = {"predict": label_of(graph, best, classes)}
    if estimator.metric == "euclidean":
        outputs |= {"decision_function": decision, "predict_proba": softmax(graph, scores)}
    return outputs


def _rows(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """The rows, in the dtype of the centres, which the compiled code asks for."""
    X, dtype = scope.finite(features), estimator.cluster_centers_.dtype
    if X.dtype != dtype:
        raise scope.refuse(estimator, f"it was fitted on {dtype}, and takes no rows of {X.dtype}")
    return X


def _scores(centres: Array, X: Tensor, scope: Scope) -> Tensor:
    """``|y|² - 2xy``: (rows, centres)."""
    norms = (centres * centres).sum(axis=1)
    return scope.graph.op("Gemm", X, centres, norms, alpha=-2.0, transB=1, width=len(centres))


def _nodes(node: Any) -> list[Any]:
    return [] if node is None else [node, *_nodes(node.left), *_nodes(node.right)]


def _descend(root: Any, inner: list[Any], goes_left: Tensor, scope: Scope) -> Tensor:
    """The label of the leaf that each row comes to, from the leaves up: INT64 (rows,)."""
    graph = scope.graph
    labels: dict[int, Any] = {id(node): np.array(node.label) for node in _nodes(root) if node.left is None}
    for index in reversed(range(len(inner))):
        left = graph.op("Gather", goes_left, np.array(index), axis=1, width=None)
        node = inner[index]
        below = labels[id(node.left)], labels[id(node.right)]
        labels[id(node)] = graph.op("Where", left, *below, dtype=INT64)
    found = labels[id(root)]
    assert isinstance(found, Tensor)
    return found


def _nearest(centres: Array, X: Tensor, scope: Scope) -> Tensor:
    """``pairwise_distances_argmin``: of equally near centres the first."""
    squares = squared_distances(scope.graph, X, centres)
    scope.ties(lambda X: _centres_tied(X, centres, np.float64))
    return scope.graph.op("ArgMin", squares, dtype=INT64, width=None, axis=1, keepdims=0)


def _distances(centres: Array, X: Tensor, scope: Scope) -> Features:
    """``euclidean_distances``, in float32 where both are. Next to a centre they are mostly rounding."""
    graph, dtype = scope.graph, np.result_type(X.dtype, centres.dtype)
    scope.ties(lambda X: _at_a_centre(X, centres))
    return Features.of(graph.op("Sqrt", graph.cast(squared_distances(graph, X, centres), dtype)))


def _centres_tied(X: Any, centres: Array, dtype: Any) -> Array:
    """Where the two nearest centres are as far, but for rounding in ``dtype``."""
    X = np.asarray(X, float)
    if len(centres) < 2:
        return np.zeros(len(X), bool)
    scores = np.sort((centres.astype(float) ** 2).sum(axis=1) - 2 * X @ centres.T.astype(float), axis=1)
    noise = squared_noise(X, centres) * np.finfo(dtype).eps / EPSILON
    return np.asarray(~(scores[:, 1] - scores[:, 0] > noise))


def _at_a_centre(X: Any, centres: Array) -> Array:
    X = np.asarray(X, float)
    squares = cdist(X, centres.astype(float), "sqeuclidean")
    return np.asarray((squared_noise(X, centres)[:, None] > 1e-10 * squares).any(axis=1))


def _to_each(graph: Graph, X: Tensor, centroids: Array, metric: str) -> Tensor:
    """Distances to a few rows: float64 (rows, centroids)."""
    found = Metric(metric, "tree", FLOAT64, centroids)
    alone = graph.op("Unsqueeze", X, np.array([1]))
    surrogates = found.surrogates(graph, alone, Tensor(graph.constant(centroids), FLOAT64, centroids.shape[1]))
    return graph.width_of(found.distances(graph, surrogates), len(centroids))


def _centroids_tied(estimator: Any, X: Any) -> Array:
    """Where two centroids are as near, or what one is nearer than the other is mostly rounding."""
    X = np.asarray(X, float)
    metric = Metric(estimator.metric, "reduction", FLOAT64, estimator.centroids_)
    nearest = np.sort(metric.exact(X), axis=1)
    scores = np.sort(estimator._decision_function(X), axis=1)
    ahead, rounding = scores[:, -1] - scores[:, -2], 16 * EPSILON * np.abs(scores[:, -1])
    as_near = ~(nearest[:, 1] - nearest[:, 0] > np.maximum(metric.noise(X), TIE * nearest[:, 1]))
    return np.asarray(as_near | ~(rounding < 1e-10 * np.maximum(1, ahead)))
