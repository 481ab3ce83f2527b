"""Which of scikit-learn's estimators can be exported, and how exact they are: every instance its own checks construct.

    python -m skerry.bench.coverage [--dtype float64] [--only NAME ...] [--json FILE]

Each instance is fitted on made data that suits its tags and exported with all its methods, with the
gate that every export has to pass; then the artifact is loaded again and compared on rows that the
export has not seen. An instance counts as exact, refused (no artifact, with a reason), or wrong (there
is an artifact, and it differs: this must never happen).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

from skerry.export import export
from skerry.export.oracle import METHODS, methods_of
from skerry.export.parity import Comparison, compare
from skerry.export.signature import take
from skerry.runtime import Model, load
from skerry.runtime.errors import SkerryError

ROWS, UNSEEN = 120, 60
WIDTH = 6


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
    tags = get_tags(estimator)
    count = ROWS + UNSEEN
    random = np.random.default_rng(0)
    X, labels = make_blobs(n_samples=count, n_features=WIDTH, centers=3, cluster_std=4.0, random_state=0)
    X = X.astype(dtype)
    name = type(estimator).__name__
    if name == "MissingIndicator":
        X[::7, 0] = np.nan
        return X, labels
    if tags.input_tags.string:
        words = np.array(["red", "green", "blue", "Été", "ночь", "日本", "big", "small", "x1", "a"])
        return [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(count)], labels
    if tags.input_tags.dict or name in ("DictVectorizer", "FeatureHasher"):
        return [{"size": float(a), "colour": ("red", "blue")[int(b) % 2], f"f{int(b) % 3}": 2} for a, b in zip(X[:, 0], labels, strict=True)], labels
    if tags.input_tags.three_d_array:
        return random.normal(size=(count, 10, 10)).astype(dtype), labels
    if tags.target_tags.one_d_labels:
        return labels, labels
    if tags.target_tags.two_d_labels:
        return [tuple(row) for row in random.integers(0, 4, size=(count, 2)).tolist()], labels
    if tags.input_tags.positive_only or name in ("AdditiveChi2Sampler", "SkewedChi2Sampler"):
        X = X - X.min()
    if tags.input_tags.pairwise:
        X = np.linalg.norm(X[:, None] - X[None, :ROWS], axis=2).astype(dtype)
    if name.startswith("RadiusNeighbors"):
        X = X / 20  # rows that have neighbours within the default radius
    if tags.input_tags.categorical and not tags.input_tags.allow_nan and name == "CategoricalNB":
        X = np.clip(np.rint(np.abs(X)), 0, 5).astype(dtype)
    if tags.input_tags.one_d_array and not tags.input_tags.two_d_array:
        X = X[:, 0]
    if tags.classifier_tags is not None:
        y = labels if tags.classifier_tags.multi_class else np.minimum(labels, 1)
        if tags.target_tags.multi_output and not tags.target_tags.single_output:
            y = np.column_stack([labels, np.minimum(labels, 1)])
        return X, np.minimum(y, 1) if name == "ClassifierChain" else y
    y = np.asarray(X if X.ndim == 1 else X[:, 0], float) * 2 + random.normal(size=count)
    if tags.target_tags.positive_only:
        y = y - y.min() + 1
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        y = np.column_stack([y, y**2])
    if name in ("IsotonicRegression",):
        X = X if X.ndim == 1 else X[:, :1]
    return X, y if tags.regressor_tags is not None or tags.target_tags.multi_output else labels


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
            model if isinstance(model, Verdict) else judged(estimator, model, [compare(estimator, model, rows)])
        )
    return Result(
        **asdict(verdict), estimator=name, instance=text, dtype=np.dtype(dtype).name, seconds=perf_counter() - start
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
            print(f"{result.dtype} {result.status:8} {result.seconds:5.1f} s {result.max_error:8.1e} {result.instance[:60]:60} {','.join(result.methods) if result.status == 'exact' else result.reason}", flush=True)
    counts = Counter((result.dtype, result.status) for result in results)
    print(*(f"{dtype} {status}: {count}" for (dtype, status), count in sorted(counts.items())), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    sys.exit(any(result.status in ("wrong", "crashed") for result in results))


if __name__ == "__main__":
    main()
