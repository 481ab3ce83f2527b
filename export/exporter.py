"""``export``: fitted estimator and rows → artifact. Converted, compared with scikit-learn, described, written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skerry.export.admission import Admission, admit, probe
from skerry.export.card import write_card
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import EXACT, ROUNDED
from skerry.export.estimators import convert
from skerry.export.evaluation import evaluate
from skerry.export.golden_rows import choose_golden
from skerry.export.graph import OPSETS, STRING, Features, Graph, Outputs, Tensor
from skerry.export.oracle import METHODS, ask, call, method_of, methods_of
from skerry.export.parity import check_parity
from skerry.export.rows import MadeRows, RowMaker, join
from skerry.export.signature import UNKNOWN, Signature, read_signature, take
from skerry.runtime.artifact import CARD, FRONT, GOLDEN, MODEL, Artifact, versions, write_artifact
from skerry.runtime.batching.cost import measure_cost
from skerry.runtime.errors import ExportError, InvalidRows, NotFitted, UnsafeModel, UnsupportedEstimator
from skerry.runtime.feeds import Array
from skerry.runtime.golden import Golden, check_golden, encode_golden
from skerry.runtime.manifest import FORMAT, NAME, Derivation, File, Guard, Manifest, Parity, Step, Task
from skerry.runtime.model import Model
from skerry.runtime.models.directory import RESERVED
from skerry.runtime.session import Session
from skerry.runtime.structure import check_structure
from skerry.runtime.tensors import DATATYPES, TensorSpec

NEAR = 64
"""How many tolerances from where a label changes it has to be the same."""
MOST_COLUMNS = 2**17
"""Columns that a method answers with at most: 1 MiB a row in float64. More of them can still feed a model."""

_TASKS: dict[Task, Callable[[Any], bool]] = {
    "classification": is_classifier,
    "regression": is_regressor,
    "outlier-detection": is_outlier_detector,
    "clustering": is_clusterer,
}


def export(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    name: str,
    to: str | os.PathLike[str] = "artifacts",
    methods: Sequence[str] | None = None,
    tolerance: float | None = None,
    max_rows: int = 100_000,
    license: str | None = None,
    author: str | None = None,
    compress: bool = False,
    seed: int = 0,
    parent: str | None = None,
    steps: Sequence[Step] = (),
    derivation: Derivation | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Artifact:
    """Write a fitted estimator as a new version of the artifact ``name`` in the repository ``to``.

    Args:
        estimator: a fitted scikit-learn estimator, often a Pipeline.
        X: rows in the form the estimator was fitted on, whose names and dtypes become the model's
            inputs: a DataFrame, an array (rows, columns), or a list of texts. Held-out rows are best.
        y: the truth for ``X``; with it the artifact carries an evaluation.
        methods: the methods the model shall have; default all that the estimator has.
        tolerance: how far a score may be from scikit-learn's, relative above 1, absolute below.
            Default 1e-9, or 1e-6 where float32 is involved. Labels must be equal on every row.
        max_rows: how many rows of ``X`` are compared at most, evenly spread.
        license, author: SPDX identifier and name, for the manifest.
        compress: store the model as Zstandard. It is unpacked when it is loaded, and then the same.
        seed: for the made rows.
        parent: digest of the artifact that this estimator was made smaller from, if there is one.
        steps: what was done to it before it came here; the manifest adds this export to them.
        derivation: how the estimator compares with the one it was made from.
        progress: called with one line as each stage begins.

    Raises:
        NotFitted, InvalidRows, UnsupportedEstimator: it cannot be converted; the text says which part.
        ParityError: the conversion is not exact; the text has the worst rows and the step that diverges.

    Nothing is written unless every comparison passed.
    """
    check_name(name)
    _check_tolerance(tolerance)
    check_fitted(estimator)
    _check_labels(estimator)
    signature, rows = read_signature(estimator, X)
    if not len(rows):
        raise InvalidRows("expected at least one row to compare with scikit-learn, got none")
    truth = None if y is None else _check_truth(y, rows)
    wanted = _methods(estimator, take(rows, slice(1)), methods)
    progress(f"converting {describe(estimator)}, asking it what it accepts")
    drafted = Draft.of(
        estimator, signature, rows, wanted, name=name, license=license, author=author, tolerance=tolerance, seed=seed
    )
    compared, made = _spread_rows(rows, max_rows), _made(estimator, drafted, signature)
    progress(f"comparing with scikit-learn on {len(compared):,} rows and {len(made):,} made to break it")
    parity, comparison = check_parity(estimator, drafted.model, compared, made, drafted.graph, signature)
    golden = choose_golden(estimator, drafted.model, made, comparison, drafted.graph.ties)
    progress("measuring")
    manifest = msgspec.structs.replace(
        drafted.manifest,
        parity=parity,
        evaluation=None if truth is None else evaluate(drafted.model, rows, truth),
        cost=measure_cost(drafted.model, golden.feeds),
        parent=parent,
        steps=(*steps, *drafted.manifest.steps),
        derivation=derivation,
        created=now(),
    )
    check_golden(drafted.model, golden)
    return write_model(manifest, drafted.content, golden, to, compress=compress)


def draft(estimator: Any, X: Any, *, methods: Sequence[str] | None = None, seed: int = 0) -> Draft:
    """Convert a fitted estimator and compare nothing: how large its model is and how fast, before it is worth the proof.

    Raises:
        NotFitted, InvalidRows, UnsupportedEstimator: as of ``export``.
    """
    check_fitted(estimator)
    _check_labels(estimator)
    signature, rows = read_signature(estimator, X)
    if not len(rows):
        raise InvalidRows("expected at least one row, got none")
    wanted = _methods(estimator, take(rows, slice(1)), methods)
    return Draft.of(
        estimator, signature, rows, wanted, name="draft", license=None, author=None, tolerance=None, seed=seed
    )


def now() -> str:
    """The time as manifests have it, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe(estimator: Any) -> str:
    """The classes an estimator is made of: ``Pipeline(StandardScaler, LogisticRegression)``."""
    if isinstance(estimator, str):  # a step such as "passthrough"
        return estimator
    name = type(estimator).__name__
    parts = [describe(part) for _, part in getattr(estimator, "steps", ())]
    return f"{name}({', '.join(parts)})" if parts else name


@dataclass(frozen=True)
class Draft:
    """A converted model that has not been compared yet: ``content`` is the graph, ``model`` answers with it, ``manifest``
    describes it; the rest is what rows are made from to break it."""

    graph: Graph
    content: bytes
    model: Model
    manifest: Manifest
    maker: RowMaker
    base: MadeRows
    admission: Admission

    @classmethod
    def of(
        cls,
        estimator: Any,
        signature: Signature,
        rows: Any,
        methods: tuple[str, ...],
        *,
        tolerance: float | None,
        seed: int,
        **described: Any,
    ) -> Draft:
        graph = Graph(given=rows)
        features = signature.features(graph)
        outputs = convert(estimator, features, Scope(graph, convert, rows=lambda X: X))
        if lacking := [method for method in methods if method not in outputs]:
            raise UnsupportedEstimator(
                f"{type(estimator).__name__}: no exact conversion of {', '.join(lacking)}",
                hint=f"leave it out: methods={tuple(method for method in methods if method in outputs)}",
            )
        _check_widths(outputs, methods)
        maker = RowMaker(signature, graph, rows, seed=seed)
        base, answers = _base(estimator, maker, methods)
        tensors = {method: _shaped(graph, outputs[method], answers[method]) for method in methods}
        admission = probe(estimator, signature, take(base.rows, slice(1)), methods)
        inputs = admit(signature, admission, features, graph)
        guards = {f"guard_{index}": guard for index, guard in enumerate(graph.guards)}
        content = graph.model(tensors | {output: guard.tensor for output, guard in guards.items()})
        manifest = _manifest(
            estimator,
            signature,
            inputs=inputs,
            extractors=tuple(graph.extractors),
            outputs=tuple(_output(method, answers[method]) for method in methods),
            guards=tuple(
                Guard(output=output, columns=guard.columns, reason=guard.reason) for output, guard in guards.items()
            ),
            notes=graph.notes | ({"skl2onnx": ", ".join(graph.stock)} if graph.stock else {}),
            tolerance=_tolerance(graph) if tolerance is None else tolerance,
            **described,
        )
        check_structure(content)
        return cls(graph, content, Model(manifest, _session(content, graph)), manifest, maker, base, admission)


def _made(estimator: Any, draft: Draft, signature: Signature) -> MadeRows:
    """Rows made to break a converted model."""
    maker, base, missing = draft.maker, draft.base, draft.admission.missing
    unmarked = missing & [marker is UNKNOWN for marker in signature.missing]
    parts = [
        base,
        maker.special(base, unmarked),
        maker.whole(base),
        maker.gaps(base, missing),
        maker.crossing(base, missing),
        maker.kept(base),
    ]
    if "predict" in draft.manifest.methods:
        near = NEAR * max(draft.manifest.parity.tolerance, EXACT)
        parts.append(maker.boundaries(base, partial(call, estimator, "predict"), nearness=near))
    return join(*parts)


def _check_widths(outputs: Outputs, methods: Sequence[str]) -> None:
    for method in methods:
        if isinstance(value := outputs[method], Features) and value.width > MOST_COLUMNS:
            raise UnsupportedEstimator(
                f"{method} would answer {value.width:,} numbers a row; at most {MOST_COLUMNS:,} are answered",
                hint="export it together with the model that it feeds, or with fewer features",
            )


def _session(content: bytes, graph: Graph) -> Session:
    try:
        return Session(content)
    except UnsafeModel as error:
        raise UnsupportedEstimator(f"what skl2onnx made of {', '.join(graph.stock)} does not run: {error}") from None


def _base(estimator: Any, maker: RowMaker, methods: tuple[str, ...]) -> tuple[MadeRows, dict[str, Array]]:
    """Ordinary made rows that scikit-learn answers, and its answers."""
    made = maker.ordinary()
    answers = ask(estimator, made.rows, methods)
    if answers.refused.all():
        raise InvalidRows(
            "scikit-learn answers none of the rows made from the columns of X; are they the columns it was fitted on?"
        )
    return made.take(np.flatnonzero(~answers.refused)), answers.outputs


def _shaped(graph: Graph, value: Tensor | Features, expected: Array) -> Tensor:
    """A value as scikit-learn returns it: as many dimensions, the same dtype."""
    tensor = graph.matrix(value) if isinstance(value, Features) else value
    width = expected.shape[1] if expected.ndim == 2 else None
    if expected.ndim > 2:
        raise UnsupportedEstimator(f"answers of {expected.ndim} dimensions are not converted")
    if tensor.width != 0 and (tensor.width or 1) != (width or 1):  # 0: skl2onnx does not say
        raise UnsupportedEstimator(
            f"no exact conversion: scikit-learn answers {width or 1} values a row, the graph {tensor.width}"
        )
    if (tensor.width is None) != (width is None):
        tensor = graph.op("Reshape", tensor, np.array([-1] if width is None else [-1, width]), width=width)
    if (expected.dtype.kind in "USO") != (tensor.dtype == STRING):
        raise UnsupportedEstimator(
            f"no exact conversion: scikit-learn answers {expected.dtype}, the graph {tensor.dtype}"
        )
    if expected.dtype.kind in "USO":
        return tensor
    return graph.cast(graph.width_of(tensor, width), expected.dtype)


def _output(method: str, answer: Array) -> TensorSpec:
    text = answer.dtype.kind == "U"
    datatype = "BYTES" if text else DATATYPES.get(answer.dtype)
    if datatype is None:
        raise UnsupportedEstimator(
            f"{method} returns {answer.dtype}, which has no datatype in the Open Inference Protocol"
        )
    return TensorSpec(
        name=method, datatype=datatype, shape=(-1, *answer.shape[1:]), dtype=answer.dtype.str if text else ""
    )


def _manifest(
    estimator: Any, signature: Signature, *, notes: dict[str, str], tolerance: float, **known: Any
) -> Manifest:
    classes = getattr(estimator, "classes_", None)
    return Manifest(
        format=FORMAT,
        version=1,
        task=next((task for task, matches in _TASKS.items() if matches(estimator)), "transformation"),
        estimator=describe(estimator),
        layout=signature.layout,
        classes=_labels(classes) if is_classifier(estimator) and classes is not None else None,
        opsets=dict(OPSETS),
        files={},
        parent=None,
        steps=(Step(arrow="export", detail=notes),),
        derivation=None,
        parity=Parity(rows=0, made=0, refused=0, mismatches=0, tied=0, max_error=0.0, tolerance=tolerance, methods=()),
        evaluation=None,
        cost=(),
        producers={
            package: installed(package) for package in ("skerry", "scikit-learn", "onnx", "onnxruntime", "numpy")
        },
        created="",
        **known,
    )


def _labels(classes: Any) -> tuple[Any, ...]:
    """``classes_`` as it goes into the manifest: labels, or of several targets a tuple of them for each."""
    if isinstance(classes, list) and all(isinstance(labels, np.ndarray) for labels in classes):
        return tuple(tuple(labels.tolist()) for labels in classes)
    return tuple(np.asarray(classes).tolist())


def _tolerance(graph: Graph) -> float:
    """What is asked for where the user does not say: the widest of the estimators', at least 1e-6 where float32 is involved."""
    values = [value for trace in graph.traces for value in trace.outputs.values()]
    dtypes = {dtype for value in values for dtype in (value.dtypes if isinstance(value, Features) else [value.dtype])}
    return max(graph.tolerance, ROUNDED) if np.dtype(np.float32) in dtypes else graph.tolerance


def write_model(
    manifest: Manifest,
    model: bytes,
    golden: Golden,
    to: str | os.PathLike[str],
    *,
    compress: bool = False,
    front: bytes | None = None,
) -> Artifact:
    """Write a described model, its golden rows and its card as a new version; ``files`` and ``version`` are filled in. ``front``
    is a picture, SVG, of what else there was to choose from; it is shown in the card.

    The card is written before the version is taken, so it speaks of the next one.
    """
    expected = (versions(Path(to) / manifest.name) or [0])[-1] + 1
    described = msgspec.structs.replace(manifest, version=expected)
    card = write_card(described, size=len(model), picture=FRONT if front else None).encode()

    def numbered(version: int, files: dict[str, File]) -> Manifest:
        return msgspec.structs.replace(manifest, version=version, files=files)

    content = {MODEL: model, GOLDEN: encode_golden(golden), CARD: card} | ({FRONT: front} if front else {})
    return write_artifact(to, content, numbered, name=manifest.name, compressed=[MODEL] if compress else [])


def check_name(name: str) -> None:
    """Raises ExportError: a model cannot be called so."""
    if not NAME.fullmatch(name):
        raise ExportError(
            f"name: expected lower-case letters, digits, '.', '_' and '-', starting with a letter or digit, at most 64; got {name!r}"
        )
    if name in RESERVED:
        raise ExportError(f"name: a model cannot be called {name!r}, for the server's own paths are")


def _check_truth(y: Any, rows: Any) -> Array:
    truth = np.asarray(y)
    if truth.ndim not in (1, 2) or len(truth) != len(rows):
        raise InvalidRows(f"y: expected one value for each of {len(rows)} rows, got shape {truth.shape}")
    return truth


def _check_tolerance(tolerance: float | None) -> None:
    if tolerance is not None and not 0 <= tolerance < 1:
        raise ExportError(f"tolerance: expected a number from 0 to below 1, got {tolerance}")


def check_fitted(estimator: Any) -> None:
    """Raises UnsupportedEstimator or NotFitted: it is no estimator of scikit-learn's, or has not been fitted."""
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise UnsupportedEstimator(f"expected a fitted scikit-learn estimator, got {estimator!r:.80}")
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        raise NotFitted(f"{type(estimator).__name__} is not fitted", hint="call fit before you export it") from None


def _check_labels(estimator: Any) -> None:
    """Labels become constants of the graph and JSON: text that is neither is refused."""
    classes = getattr(estimator, "classes_", ())
    each = classes if isinstance(classes, list) else [classes]  # a list: one for each of several targets
    labels = [label for found in each for label in np.ravel(found) if isinstance(label, str)]
    if any("\x00" in label or label != label.encode(errors="ignore").decode() for label in labels):
        raise UnsupportedEstimator("expected class labels without NUL and lone surrogates")


def _methods(estimator: Any, row: Any, wanted: Sequence[str] | None) -> tuple[str, ...]:
    available = methods_of(estimator, row)
    if not available:
        raise UnsupportedEstimator(f"{type(estimator).__name__} cannot infer: it has none of {', '.join(METHODS)}")
    for method in wanted or ():
        if method not in available and method not in map(method_of, available):
            raise ExportError(f"method {method!r}: expected some of {', '.join(available)}")
    return tuple(part for part in available if wanted is None or part in wanted or method_of(part) in wanted)


def _spread_rows(rows: Any, limit: int) -> Any:
    return rows if len(rows) <= limit else take(rows, np.linspace(0, len(rows) - 1, limit).astype(int))
