"""How many known faults of converters and runtimes the gate finds: each put into a conversion of an estimator of its kind.

    python -m skerry.bench.measured.faults [--markdown FILE] [--only NAME ...]

Every fault is real: on some of many rows the faulty model differs from scikit-learn. ``export`` is given
only a few rows, and has to find the rest by itself. Then the golden rows of the right export are run through
the faulty model, as a runtime that errs in this way would run them. The same estimators are exported
without a fault, too: that must not be refused.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, partial
from time import perf_counter
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import onnx
from onnx import helper
from threadpoolctl import threadpool_limits

from skerry.bench.measured.fault_cases import Case, make_case
from skerry.bench.measured.injections import (
    Injection,
    converting,
    fed,
    float32,
    giving,
    growing,
    instead,
    narrowed,
    nodes,
    reading,
    rewriting,
)
from skerry.bench.measured.page import keep_page, page_options
from skerry.export import export, exporter
from skerry.export.converters import (
    binning,
    encoding,
    forest,
    gradient_boosting,
    hist_gradient_boosting,
    linear,
    neighbors,
    quantiles,
    scaling,
    text,
)
from skerry.export.converters.labels import binary_probabilities, not_negative
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import TreeArrays
from skerry.export.graph import BOOL, FLOAT64, INT64, Graph, Tensor
from skerry.export.parity import check_parity, compare
from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import GoldenMismatch, ParityError, SkerryError
from skerry.runtime.golden import Golden, check_golden, decode_golden
from skerry.runtime.model import Model
from skerry.runtime.text import TextAnalyzer

LEAST_CAUGHT = 29 / 30


@dataclass(frozen=True)
class Fault:
    """A known bug, and how to put it into the conversion of a case. ``shows`` are rows on which it shows, where the case's
    own may not."""

    name: str
    case: str
    inject: Injection
    shows: Callable[[Case], Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """``gate`` is what the gate says (empty: it passed the model), ``golden`` whether the golden rows differ."""

    fault: Fault
    real: bool
    gate: str
    golden: bool
    seconds: float


# --- the faults ---------------------------------------------------------------------------------------------------


def _rounded(tree: TreeArrays) -> TreeArrays:
    return replace(tree, threshold=narrowed(tree.threshold))


def _rounded_down(tree: TreeArrays) -> TreeArrays:
    rounded = tree.threshold.astype(np.float32)
    down = np.where(rounded > tree.threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return replace(tree, threshold=down.astype(float))


def _less(tree: TreeArrays) -> TreeArrays:
    return replace(tree, threshold=np.nextafter(tree.threshold, -np.inf))


def _no_directions(tree: TreeArrays) -> TreeArrays:
    return replace(tree, missing_left=np.zeros_like(tree.missing_left))


def _other_directions(tree: TreeArrays) -> TreeArrays:
    return replace(tree, missing_left=~tree.missing_left)


def _one_other_direction(tree: TreeArrays) -> TreeArrays:
    missing_left = np.array(tree.missing_left)
    missing_left[tree.splits[-1]] ^= True
    return replace(tree, missing_left=missing_left)


def _leaves_in_float32(tree: TreeArrays) -> TreeArrays:
    return replace(tree, value=narrowed(tree.value))


def _leaf_off(tree: TreeArrays) -> TreeArrays:
    """The leaf that the fewest training rows reach."""
    assert tree.rows is not None
    value = np.array(tree.value)
    leaves = np.flatnonzero(tree.is_leaf)
    value[leaves[np.argmin(tree.rows[leaves])]] += 1e-3
    return replace(tree, value=value)


def _leaf_of_another_class(tree: TreeArrays) -> TreeArrays:
    target = np.array(np.broadcast_to(tree.target, len(tree.left)))
    leaf = np.flatnonzero(tree.is_leaf)[-1]
    target[leaf] = (target[leaf] + 1) % (target.max() + 1)
    return replace(tree, target=target)


def _sets_as_thresholds(tree: TreeArrays) -> TreeArrays:
    """Categories in a set compared with the highest of them."""
    members = tree.members or {}
    threshold = np.array(tree.threshold)
    for node, values in members.items():
        threshold[node] = values.max(initial=0)
    return replace(tree, threshold=threshold, members={})


def _one_member_less(tree: TreeArrays) -> TreeArrays:
    members = {node: values[:-1] if len(values) > 1 else values for node, values in (tree.members or {}).items()}
    return replace(tree, members=members)


def _last_of_ties(node: onnx.NodeProto) -> None:
    node.attribute.append(helper.make_attribute("select_last_index", 1))


def _single_sigmoid(graph: Graph, score: Tensor) -> Tensor:
    single = graph.op("Sigmoid", graph.cast(score, np.float32))
    return binary_probabilities(graph, graph.cast(single, FLOAT64))


def _softmax_of_exponentials(graph: Graph, scores: Tensor) -> Tensor:
    exponentials = graph.op("Exp", scores)
    return graph.op("Div", exponentials, graph.op("ReduceSum", exponentials, np.array([1]), width=1, keepdims=1))


def _reciprocal_scaler(estimator: Any, features: Any, scope: Scope) -> Any:
    X = scope.graph.cast(scope.graph.floats(features), np.float32)
    X = scope.graph.op("Sub", X, estimator.mean_.astype(np.float32))
    X = scope.graph.op("Mul", X, (1 / estimator.scale_).astype(np.float32))
    return {"transform": type(features).of(scope.graph.cast(X, FLOAT64), features.origins)}


def _after_row_50(graph: Graph, answer: Tensor) -> Tensor:
    count = graph.op("Shape", answer, dtype=INT64, width=None, start=0, end=1)
    ones = graph.op("Expand", count, count, dtype=INT64, width=None)
    row = graph.op("CumSum", graph.op("Div", ones, ones, dtype=INT64), np.array(0))
    late = graph.op("Greater", row, np.array(50), dtype=BOOL)
    return graph.op("Add", answer, graph.cast(late, FLOAT64))


def _squeezed(graph: Graph, answer: Tensor) -> Tensor:
    """All axes of length 1 are dropped: of one row, also that of the rows."""
    return graph.op("Squeeze", answer)


def _weights_with_infinity(graph: Graph, found: Any) -> Tensor:
    """The weight of a neighbour at no distance is infinite, and nothing is done about it."""
    return graph.op("Div", np.array(1, found.distances.dtype), found.distances)


def _slots(change: Any) -> Injection:
    return instead(encoding, "_slots", lambda right: lambda estimator, index: change(right(estimator, index)))


def _infrequent_of_its_own(slots: np.ndarray) -> np.ndarray:
    """The last category is not grouped with the infrequent ones, but ignored."""
    return np.append(slots[:-2], [encoding.UNSET, slots[-1]])


def _terms(**changes: Any) -> Injection:
    """Another setting of the tokenizer."""
    return instead(text, "_extractor", lambda right: lambda *given: msgspec.structs.replace(right(*given), **changes))


def _changed(value: Any, **changes: Any) -> Any:
    other = copy(value)
    vars(other).update(changes)
    return other


def _caseless(right: Any) -> Any:
    """Categories are compared with the same letters, small or not, by another runtime; here one has the other's case."""
    return lambda *given: np.array([key.upper() for key in right(*given)], object)


def _unseen(city: str) -> Callable[[Case], Any]:
    return lambda case: case.more[:2].assign(city=city)


def _edges(case: Case) -> Any:
    rows = case.more[:3].copy()
    rows[:, 0] = case.estimator.bin_edges_[0][1:4]
    return rows


def _letter_by_letter(right: Any) -> Any:
    """Lower-casing that keeps the number of letters, as runtimes outside of Python have it."""

    def terms(self: TextAnalyzer, text: str) -> list[str]:
        found: list[str] = right(self, "".join(letter.lower()[0] for letter in text))
        return found

    return terms


def _tfidf(**changes: Any) -> Injection:
    def change(estimator: Any) -> dict[str, Any]:
        return {"_tfidf": _changed(estimator._tfidf, **changes)}

    return reading("TfidfVectorizer", change)


def _no_rows_of_zeros(right: Any) -> Any:
    """The norm of a row of zeros is divided by."""

    def normalized(values: Tensor, norm: str, scope: Scope, **_: Any) -> Tensor:
        length = scope.graph.op("ReduceL2", values, np.array([1]), width=1, keepdims=1)
        return scope.graph.op("Div", values, length)

    return normalized


def _normalized_carelessly(estimator: Any, features: Any, scope: Scope) -> Any:
    X = scope.finite(features)
    return {"transform": type(features).of(_no_rows_of_zeros(None)(X, "l2", scope))}


def _through_floor(graph: onnx.GraphProto) -> None:
    """Numbers lose their fraction before they are looked up, as ONNX Runtime's set splits have it."""
    for index, node in reversed(list(enumerate(graph.node))):
        if node.op_type == "LabelEncoder":
            floor = helper.make_node("Floor", [node.input[0]], [f"{node.input[0]}_floor_{index}"])
            node.input[0] = floor.output[0]
            graph.node.insert(index, floor)


def _flipped_outputs(graph: Graph, answer: Tensor) -> Tensor:
    return graph.columns(answer, np.arange(answer.width or 1)[::-1])


def _not_infinite(admission: Any) -> Any:
    return replace(admission, infinite=np.ones_like(admission.infinite))


def _passed_on(estimator: Any, features: Any, scope: Scope) -> Any:
    return {"transform": features}


def _of_another_seed(kind: str, case: str) -> Injection:
    """The trees of the same estimator, fitted with another seed."""

    return reading(kind, lambda _: vars(make_case(case, random_state=1).estimator))


# fmt: off
FAULTS: tuple[Fault, ...] = (
    # trees
    Fault("thresholds compared in float64, as the rows are (sklearn-onnx#1150)", "tree", instead(forest, "before_rounding", lambda _: lambda thresholds: thresholds)),
    Fault("thresholds rounded to the nearest float32 (onnxruntime#4130)", "boosted pipeline", growing(hist_gradient_boosting, _rounded)),
    Fault("thresholds rounded down (sklearn-onnx#1192)", "boosted", growing(hist_gradient_boosting, _rounded_down)),
    Fault("the threshold of one split a last bit off", "boosted", growing(hist_gradient_boosting, _less, slice(40, 41))),
    Fault("x < t instead of x <= t", "scaled tree", growing(forest, _less)),
    Fault("routing of NaN dropped (sklearn-onnx#1253)", "tree", growing(forest, _no_directions)),
    Fault("directions of NaN flipped", "boosted", growing(hist_gradient_boosting, _other_directions)),
    Fault("the direction of NaN of one split flipped", "tree", growing(forest, _one_other_direction)),
    Fault("sets of categories as <= (sklearn-onnx#1051)", "boosted", growing(hist_gradient_boosting, _sets_as_thresholds)),
    Fault("one category less in each set", "boosted", growing(hist_gradient_boosting, _one_member_less)),
    Fault("sets of categories cut off fractions (onnxruntime, BRANCH_MEMBER)", "boosted", rewriting(_through_floor)),
    Fault("leaves summed in float32", "200 trees", growing(gradient_boosting, _leaves_in_float32)),
    Fault("one leaf of 200 trees off by 1e-3", "200 trees", growing(gradient_boosting, _leaf_off, slice(138, 139))),
    Fault("one leaf of 50 deep trees of another class", "forest", growing(forest, _leaf_of_another_class, slice(33, 34))),
    Fault("the constant to start from forgotten", "200 trees", reading("GradientBoostingRegressor", lambda _: {"init_": "zero"})),
    Fault("the learning rate forgotten", "200 trees", reading("GradientBoostingRegressor", lambda _: {"learning_rate": 1.0})),
    Fault("trees of another seed", "forest", _of_another_seed("RandomForestClassifier", "forest")),
    Fault("of equal probabilities the last (onnxruntime, ArgMax)", "two trees", nodes("ArgMax", _last_of_ties)),
    Fault("the offset of scores forgotten", "isolation", reading("IsolationForest", lambda _: {"offset_": -0.5})),
    # linear models and probabilities
    Fault("coefficients in float32 (ONNX LinearRegressor)", "linear", reading("LinearRegression", lambda fitted: {"coef_": narrowed(fitted.coef_)})),
    Fault("probabilities by a float32 sigmoid (onnxruntime#26281)", "logistic", instead(linear, "logistic", lambda _: _single_sigmoid)),
    Fault("softmax without the maximum subtracted", "logistic of three", instead(linear, "softmax", lambda _: _softmax_of_exponentials)),
    Fault("class labels permuted", "logistic", reading("LogisticRegression", lambda fitted: {"classes_": fitted.classes_[::-1]})),
    Fault("a score of 0 taken for the second class", "logistic without intercept", instead(linear, "positive", lambda _: not_negative), lambda _: np.zeros((2, 4))),
    Fault("columns of two outputs swapped", "two outputs", giving("Ridge", "predict", _flipped_outputs)),
    Fault("the weights of a vote ignored", "voters", reading("VotingClassifier", lambda _: {"weights": None})),
    Fault("a tuned threshold ignored (sklearn-onnx#1226)", "tuned threshold", reading("TunedThresholdClassifierCV", lambda _: {"best_threshold_": 0.5})),
    Fault("a tuned threshold off by a millionth", "tuned threshold", reading("TunedThresholdClassifierCV", lambda fitted: {"best_threshold_": fitted.best_threshold_ * (1 + 1e-6)})),
    # kernels and neighbours
    Fault("the sign of the decision flipped", "support vectors", giving("SVC", "decision_function", lambda graph, score: graph.op("Neg", score))),
    Fault("class against class instead of one against the rest (sklearn-onnx#990)", "support vectors of three", reading("SVC", lambda _: {"decision_function_shape": "ovo"})),
    Fault("support vectors in float32 (onnxruntime#11284)", "support vectors", reading("SVC", lambda fitted: {"support_vectors_": narrowed(fitted.support_vectors_)})),
    Fault("a Gaussian process in float32 (sklearn-onnx#969)", "gaussian process", fed("GaussianProcessRegressor", float32)),
    Fault("neighbours at no distance weigh infinitely", "neighbours", instead(neighbors, "_weights", lambda _: _weights_with_infinity), lambda case: case.training),
    Fault("neighbours weigh alike", "neighbours", reading("KNeighborsClassifier", lambda _: {"weights": "uniform"})),
    Fault("one neighbour more", "neighbours", reading("KNeighborsClassifier", lambda fitted: {"n_neighbors": fitted.n_neighbors + 1})),
    # scaling and projections
    Fault("scaled by (x - m) * (1 / s) in float32 (ONNX Scaler)", "scaled tree", converting("StandardScaler", lambda _: _reciprocal_scaler)),
    Fault("the scales of columns mixed up", "scaler", reading("StandardScaler", lambda fitted: {"scale_": fitted.scale_[::-1]})),
    Fault("a step of a pipeline skipped", "support vectors", converting("StandardScaler", lambda _: _passed_on)),
    Fault("columns fed in another order", "linear", fed("LinearRegression", _flipped_outputs)),
    Fault("components without the mean", "principal components", reading("PCA", lambda fitted: {"mean_": 0 * fitted.mean_})),
    Fault("components not whitened", "principal components", reading("PCA", lambda _: {"whiten": False})),
    Fault("quantiles not clipped at their ends", "quantiles", instead(quantiles, "BOUNDS_THRESHOLD", lambda _: 1e-9)),
    Fault("a row of zeros divided by its norm", "normalizer", converting("Normalizer", lambda _: _normalized_carelessly), lambda _: np.zeros((2, 4))),
    Fault("at an edge, the bin below", "bins", instead(binning, "searched", lambda right: partial(right, side="left")), _edges),
    Fault("at the threshold, 1", "binarizer", nodes("Greater", lambda node: setattr(node, "op_type", "GreaterOrEqual")), lambda _: np.full((2, 4), 0.1)),
    Fault("a mean instead of a median", "imputer", reading("SimpleImputer", lambda fitted: {"statistics_": fitted.statistics_ * 1.01})),
    Fault("the indicators of two columns swapped", "imputer", reading("SimpleImputer", lambda fitted: {"indicator_": _changed(fitted.indicator_, features_=fitted.indicator_.features_[::-1])})),
    # numbers at their limits, and the shape of a batch
    Fault("int64 through float32 (sklearn-onnx#958)", "whole numbers", fed("StandardScaler", float32)),
    Fault("-0.0 taken for 0.0", "reciprocal", fed("FunctionTransformer", lambda graph, X: graph.op("Add", X, np.array(0.0))), lambda _: np.full((2, 4), -0.0)),
    Fault("inf accepted where it is refused", "linear", instead(exporter, "probe", lambda right: lambda *given: _not_infinite(right(*given))), lambda _: np.full((2, 4), np.inf)),
    Fault("what a step made infinite is not refused", "log1p", instead(scaling, "_numbers", lambda _: lambda features, scope: scope.graph.floats(features)), lambda _: np.full((2, 4), -1.0)),
    Fault("what a step made NaN is not refused", "logarithm", instead(Scope, "refuse_not_finite", lambda _: lambda *given: None), lambda _: -np.ones((2, 4))),
    Fault("only the first 50 rows are right (onnxruntime's parallel blocks)", "linear", giving("LinearRegression", "predict", _after_row_50)),
    Fault("one row loses its axis (Squeeze)", "two outputs", giving("Ridge", "predict", _squeezed), lambda case: case.more[:1]),
    # categories
    Fault("an unseen category taken for the first", "categories into logistic", _slots(lambda slots: np.append(slots[:-1], 0)), _unseen("Nowhere")),
    Fault("an unseen category accepted", "known categories", instead(Graph, "guard", lambda _: lambda *given: None), _unseen("Nowhere")),
    Fault("an infrequent category ignored (sklearn-onnx#1029)", "categories", _slots(_infrequent_of_its_own)),
    Fault("the wrong category dropped (sklearn-onnx#402)", "categories", reading("OneHotEncoder", lambda fitted: {"_drop_idx_after_grouping": np.array([0, 2], object)})),
    Fault("the columns of categories in another order", "categories", giving("OneHotEncoder", "transform", _flipped_outputs)),
    Fault("capitals and small letters taken for the same", "known categories", instead(encoding, "_keys", _caseless), _unseen("OSLO")),
    Fault("a missing category taken for one of the others (sklearn-onnx#681)", "ordinals", reading("OrdinalEncoder", lambda _: {"_missing_indices": {}})),
    # texts
    Fault("words of ASCII letters only (sklearn-onnx#1175)", "texts", _terms(token_pattern=r"[a-zA-Z0-9_]+")),
    Fault("words of one letter lost", "texts", _terms(token_pattern=r"(?u)\b\w\w+\b")),
    Fault("İ made small letter by letter (onnx#6078)", "texts", instead(TextAnalyzer, "terms", _letter_by_letter)),
    Fault("words without a space on either side", "characters", _terms(analyzer="char")),
    Fault("pairs of words lost", "texts", _terms(ngram_range=(1, 1))),
    Fault("sublinear_tf forgotten", "texts", _tfidf(sublinear_tf=False)),
    Fault("idf of the next term", "weighed texts", reading("TfidfVectorizer", lambda fitted: {"_tfidf": _changed(fitted._tfidf, idf_=np.roll(fitted.idf_, 1))})),
    Fault("a text of no known term divided by its norm", "counts", instead(text, "_normalized", _no_rows_of_zeros), lambda _: np.zeros((2, 5))),
)
# fmt: on


# --- running them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """A case exported without a fault."""

    case: Case
    golden: Golden
    seconds: float


@cache
def exported(name: str) -> Right:
    """Raises: ParityError: a false alarm."""
    case, start = make_case(name), perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        artifact: Artifact = export(case.estimator, case.rows, name="right", to=folder)
        seconds = perf_counter() - start
        return Right(case, decode_golden(artifact.read()["golden.npz"]), seconds)


def outcome(fault: Fault) -> Outcome:
    right, start, gate = exported(fault.case), perf_counter(), ""
    seen: list[Model] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(fault.inject())
        stack.enter_context(patch.object(exporter, "check_parity", _watched(seen)))
        try:
            export(right.case.estimator, right.case.rows, name="faulty", to=folder)
        except ParityError as error:
            gate = error.text
        except GoldenMismatch:  # the gate has passed it
            pass
        seconds = perf_counter() - start
        is_real = bool(gate) or _is_real(fault, right.case, seen[0])  # the gate has shown it, on some row
        return Outcome(fault, is_real, gate, _differs(seen[0], right.golden), seconds)


def _watched(seen: list[Model]) -> Any:
    def check(estimator: Any, model: Model, *others: Any) -> Any:
        seen.append(model)
        return check_parity(estimator, model, *others)

    return check


def _is_real(fault: Fault, case: Case, model: Model) -> bool:
    """Whether the model differs from scikit-learn on a row at all."""
    given = [case.more] if fault.shows is None else [fault.shows(case), case.more]
    try:
        return any(compare(case.estimator, model, rows).wrong.any() for rows in given)
    except ParityError:  # it fails
        return True


def _differs(model: Model, golden: Golden) -> bool:
    try:
        check_golden(model, golden)
    except SkerryError:
        return True
    return False


def table(outcomes: list[Outcome]) -> str:
    """Markdown: a line for each fault, and how many were found."""
    lines = ["| fault | in | gate | golden rows | what the gate says |", "|---|---|---|---|---|"]
    for found in outcomes:
        says = ";".join(found.gate.split("; row")[:1]).replace("|", "\\|") or "-"
        gate = "no fault" if not found.real else "caught" if found.gate else "**missed**"
        lines.append(
            f"| {found.fault.name} | {found.fault.case} | {gate} | {'caught' if found.golden else 'missed'} | {says} |"
        )
    by_gate, by_golden = sum(bool(found.gate) for found in outcomes), sum(found.golden for found in outcomes)
    lines += ["", f"The gate caught {by_gate} of {len(outcomes)} faults, the golden rows alone {by_golden}."]
    return "\n".join(lines)


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument(
        "--only", nargs="*", default=(), metavar="NAME", help="faults whose name has one of these in it"
    )
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if not arguments.only or any(part in fault.name for part in arguments.only)]
    start = perf_counter()
    with threadpool_limits(1), patch("skerry.runtime.batching.cost.SECONDS", 0.0):
        alarms = [alarm for name in dict.fromkeys(fault.case for fault in chosen) if (alarm := _alarm(name))]
        outcomes = [] if alarms else [outcome(fault) for fault in chosen]
    text = table(outcomes)
    print(text, *alarms, f"{perf_counter() - start:.0f} s", sep="\n")
    keep_page(text + "\n", arguments.markdown)
    caught = sum(bool(found.gate) and found.real for found in outcomes)
    sys.exit(bool(alarms) or caught < LEAST_CAUGHT * len(outcomes))


def _alarm(name: str) -> str:
    try:
        exported(name)
    except SkerryError as error:
        return f"false alarm: {name}: {error.text}"
    return ""


if __name__ == "__main__":
    main()
