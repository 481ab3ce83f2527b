"""Which of scikit-learn's estimators can be exported, and how exact they are: every instance its own checks construct.

    python -m skerry.bench.measured.coverage [--dtype float64] [--only NAME ...] [--json FILE] [--markdown FILE]

Each instance is fitted on made data that suits its tags and exported with all its methods, with the
gate that every export has to pass; then the artifact is loaded again and compared on rows that the
export has not seen. An instance counts as exact, refused (no artifact, with a reason), or wrong (there
is an artifact, and it differs: this must never happen).
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

from skerry.bench.measured.conversion import Conversion
from skerry.bench.measured.page import keep_page, page_options
from skerry.export import export
from skerry.export.graph import Ties
from skerry.export.oracle import METHODS, methods_of
from skerry.export.parity import Comparison, compare
from skerry.export.signature import take
from skerry.runtime import Model, load
from skerry.runtime.errors import SkerryError

ROWS, UNSEEN = 120, 60
WIDTH = 6

TITLE = """# Coverage

Every instance that scikit-learn's own estimator checks construct and that can infer, fitted on rows of either dtype,
exported with all its methods, loaded again, and compared with scikit-learn on rows the export has not seen. Errors are
relative above 1, absolute below. Made by `python -m skerry.bench.measured.coverage --markdown docs/measured/coverage.md`.

"""


@dataclass(frozen=True)
class Verdict:
    """What became of an export: ``status`` is exact, partial (methods are lacking), refused, wrong or crashed;
    ``max_error`` is relative above 1, absolute below."""

    status: str
    reason: str = ""
    max_error: float = 0.0
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result(Verdict):
    """That of one instance; ``status`` may also be unfit, where it cannot be fitted on the made rows."""

    estimator: str
    instance: str
    dtype: str
    seconds: float


def instances(only: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """The instances that scikit-learn's checks construct, of every estimator but those that only wrap a fitted one."""
    for name, kind in all_estimators():
        if only and name not in only:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                constructed = list(_construct_instances(kind))
        except SkipTest:  # FrozenEstimator, which takes a fitted estimator
            continue
        for estimator in constructed:
            yield name, estimator


def fitted(estimator: Any, dtype: Any) -> tuple[Any, Any] | None:
    """The estimator fitted on rows that suit its tags, and more rows of that kind; None where it cannot infer."""
    X, y = rows_for(estimator, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if get_tags(estimator).target_tags.one_d_labels or get_tags(estimator).target_tags.two_d_labels:
            estimator.fit(X[:ROWS])  # of labels alone
        else:
            estimator.fit(X[:ROWS], y[:ROWS])
    return (estimator, X[ROWS:]) if any(hasattr(estimator, method) for method in METHODS) else None


def rows_for(estimator: Any, dtype: Any) -> tuple[Any, Any]:
    """Rows and targets as the estimator's tags ask for."""
    labels = _blobs()[1]
    tags = get_tags(estimator)
    for asked, make in _UNUSUAL:
        if asked(tags):
            return make(dtype), labels
    if tags.target_tags.one_d_labels:
        return labels, labels
    X = _numbers(estimator, tags, dtype)
    return X, _targets(estimator, tags, X, labels)


def _blobs() -> tuple[Any, Any]:
    found: tuple[Any, Any] = make_blobs(ROWS + UNSEEN, WIDTH, centers=3, cluster_std=4.0, random_state=0)
    return found


def _texts(_: Any) -> list[str]:
    words = np.array(["red", "green", "blue", "Été", "ночь", "日本", "big", "small", "x1", "a"])
    random = np.random.default_rng(0)
    return [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(ROWS + UNSEEN)]


def _records(_: Any) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    numbers = random.integers(0, 6, ROWS + UNSEEN)
    return [
        {"size": number / 2, "colour": ("red", "blue")[number % 2], f"f{number % 3}": 2} for number in numbers.tolist()
    ]


def _images(dtype: Any) -> Any:
    return np.random.default_rng(0).normal(size=(ROWS + UNSEEN, 10, 10)).astype(dtype)


def _label_sets(_: Any) -> list[tuple[int, ...]]:
    return [tuple(row) for row in np.random.default_rng(0).integers(0, 4, size=(ROWS + UNSEEN, 2)).tolist()]


_UNUSUAL: list[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = [
    (lambda tags: tags.input_tags.string and not tags.input_tags.two_d_array, _texts),
    (lambda tags: tags.input_tags.dict, _records),
    (lambda tags: tags.input_tags.three_d_array, _images),
    (lambda tags: tags.target_tags.two_d_labels, _label_sets),
]
"""Rows that are no numbers in columns: which tags ask for them, and what makes them."""


def _numbers(estimator: Any, tags: Any, dtype: Any) -> Any:
    name = type(estimator).__name__
    X = _blobs()[0]
    if tags.input_tags.positive_only or name in ("AdditiveChi2Sampler", "SkewedChi2Sampler"):
        X = X - X.min()
    if name.startswith("RadiusNeighbors"):
        X = X / 20  # rows that have neighbours within the default radius
    if name == "CategoricalNB":
        X = np.clip(np.rint(np.abs(X)), 0, 5)
    if name == "SparseCoder":
        X = X[:, : estimator.dictionary.shape[1]]
    if name == "MissingIndicator":
        X[::7, 0] = np.nan
    if tags.input_tags.pairwise:
        X = np.linalg.norm(X[:, None] - X[None, :ROWS], axis=2)
    if tags.input_tags.one_d_array and not tags.input_tags.two_d_array:
        X = X[:, 0]
    return X.astype(dtype)


def _targets(estimator: Any, tags: Any, X: Any, labels: Any) -> Any:
    several = tags.target_tags.multi_output and not tags.target_tags.single_output
    if tags.classifier_tags is not None:
        many = tags.classifier_tags.multi_class and type(estimator).__name__ != "ClassifierChain"
        y = labels if many else np.minimum(labels, 1)
        return np.column_stack([y, np.minimum(y, 1)]) if several else y
    if tags.regressor_tags is None and not tags.target_tags.multi_output:
        return labels
    y = np.asarray(X if X.ndim == 1 else X[:, 0], float) * 2 + np.random.default_rng(0).normal(size=len(X))
    if tags.target_tags.positive_only:
        y = y - y.min() + 1
    return np.column_stack([y, y**2]) if several else y


def exported(estimator: Any, rows: Any) -> Model | Verdict:
    """The artifact of a fitted estimator, loaded again; or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            artifact = export(estimator, rows, name="coverage", to=folder)
        except SkerryError as error:
            return Verdict("refused", f"{error.code}: {error.text}")
        except Exception as error:
            return Verdict("crashed", f"{type(error).__name__}: {str(error)[:200]}")
        return load(artifact.directory)


def judged(estimator: Any, model: Model, comparisons: Sequence[Comparison]) -> Verdict:
    """What comparing the loaded artifact on rows that the export has not seen says of it."""
    lacking = set(methods_of(estimator, take(comparisons[0].rows, slice(1)))) - set(model.manifest.methods)
    wrong, rows = (sum(count) for count in zip(*((it.wrong.sum(), len(it.wrong)) for it in comparisons), strict=True))
    return Verdict(
        "wrong" if wrong else "partial" if lacking else "exact",
        f"{wrong} of {rows} rows" if wrong else ", ".join(sorted(lacking)),
        max(model.manifest.parity.max_error, *(it.max_error for it in comparisons)),
        model.manifest.methods,
    )


def measure(name: str, estimator: Any, dtype: Any) -> Result | None:
    """Export one instance and compare the loaded artifact on rows that the export has not seen."""
    start = perf_counter()
    text = " ".join(repr(estimator).split())
    try:
        found = fitted(estimator, dtype)
    except Exception as error:
        verdict = Verdict("unfit", f"{type(error).__name__}: {str(error)[:200]}")
    else:
        if found is None:
            return None
        estimator, rows = found
        model = exported(estimator, rows[: UNSEEN // 2])
        verdict = (
            model
            if isinstance(model, Verdict)
            else judged(estimator, model, [compare(estimator, model, rows, ties_of(estimator, rows))])
        )
    return Result(
        **asdict(verdict), estimator=name, instance=text, dtype=np.dtype(dtype).name, seconds=perf_counter() - start
    )


def ties_of(estimator: Any, rows: Any) -> Sequence[Ties]:
    """What the estimator's converters know of rows at which scikit-learn's own answer hangs on the last bit."""
    return Conversion.of(estimator, rows).graph.ties


def table(results: Sequence[Result]) -> str:
    """Markdown: how many there are of each kind, then what is not exact, then the error of each that is."""
    dtypes = sorted({result.dtype for result in results}, reverse=True)
    counts = Counter((result.status, result.dtype) for result in results)
    kinds = sorted({result.status for result in results})
    lines = [f"| | {' | '.join(dtypes)} |", "| --- " * (1 + len(dtypes)) + "|"]
    lines += [f"| {kind} | {' | '.join(str(counts[kind, dtype]) for dtype in dtypes)} |" for kind in kinds]
    lines += ["", "Not exact:", "", "| instance | dtype | | why |", "| --- | --- | --- | --- |"]
    lines += [_line(result, result.reason) for result in results if result.status != "exact"]
    lines += [
        "",
        "Exact, with the largest error of any score:",
        "",
        "| instance | dtype | error | methods |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{_short(result)}` | {result.dtype} | {result.max_error:.1e} | {', '.join(result.methods)} |"
        for result in results
        if result.status == "exact"
    ]
    return "\n".join(lines) + "\n"


def _line(result: Result, text: str) -> str:
    plain = " ".join(text.replace("|", "\\|").split())
    return f"| `{_short(result)}` | {result.dtype} | {result.status} | {plain[:160]} |"


def _short(result: Result) -> str:
    return result.instance if len(result.instance) <= 72 else result.instance[:71] + "…"


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--dtype", choices=("float64", "float32"), action="append")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    results = []
    for dtype in arguments.dtype or ("float64", "float32"):
        for name, estimator in instances(arguments.only):
            if (result := measure(name, estimator, dtype)) is None:
                continue
            results.append(result)
            said = ",".join(result.methods) if result.status == "exact" else result.reason
            print(
                f"{result.dtype} {result.status:8} {result.seconds:5.1f} s {result.max_error:8.1e} {_short(result):72} {said}",
                flush=True,
            )
    counts = Counter((result.dtype, result.status) for result in results)
    print(*(f"{dtype} {status}: {count}" for (dtype, status), count in sorted(counts.items())), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    keep_page(TITLE + table(results), arguments.markdown)
    sys.exit(any(result.status in ("wrong", "crashed") for result in results))


if __name__ == "__main__":
    main()
