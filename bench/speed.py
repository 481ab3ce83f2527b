"""How fast converted models are, against skl2onnx's graphs of the same estimators, at 1 to 10,000 rows.

    python -m skerry.bench.speed [--only NAME ...] [--markdown FILE]

Both graphs run on one thread of ONNX Runtime, in turns, on rows that change with every call; the figures
are medians. skl2onnx converts for float64 rows, as the estimators were fitted on, where it can; else for
float32 rows, which is marked. A ratio above 1 means that Skerry is faster.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn import cluster, decomposition, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
from sklearn.datasets import make_classification, make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.bench.forest import with_skerry
from skerry.export.signature import read_signature
from skerry.runtime.feeds import FeedBuilder
from skerry.runtime.session import Session, SessionConfig

ROWS = (1, 10, 100, 1_000, 10_000)
SECONDS, FEWEST, MOST = 0.4, 5, 400
"""Spent on each row count and side, and calls in that time at least and at most."""

Run = Callable[[int], object]


@dataclass(frozen=True)
class Case:
    """A fitted estimator and rows it is asked about."""

    name: str
    estimator: Any
    rows: Any


def cases() -> list[Case]:
    """Estimators of every family, on sizes people have."""
    X, y = make_classification(14_000, 30, n_informative=15, n_classes=3, random_state=0)
    _, binary = make_classification(14_000, 30, n_informative=15, random_state=0)
    Xr, yr = make_regression(14_000, 30, noise=10.0, random_state=0)
    train, rows = slice(0, 4_000), slice(4_000, None)
    classifiers = {
        "LogisticRegression": linear_model.LogisticRegression(max_iter=1000),
        "StandardScaler, LogisticRegression": make_pipeline(StandardScaler(), linear_model.LogisticRegression()),
        "GaussianNB": naive_bayes.GaussianNB(),
        "MLPClassifier": neural_network.MLPClassifier(max_iter=20, random_state=0),
        "KNeighborsClassifier": neighbors.KNeighborsClassifier(),
        "SVC": svm.SVC(),
        "DecisionTreeClassifier": tree.DecisionTreeClassifier(random_state=0),
        "RandomForestClassifier": ensemble.RandomForestClassifier(100, random_state=0),
        "RandomForestClassifier, leaves of 5": ensemble.RandomForestClassifier(100, min_samples_leaf=5, random_state=0),
        "ExtraTreesClassifier, depth 10": ensemble.ExtraTreesClassifier(100, max_depth=10, random_state=0),
        "GradientBoostingClassifier": ensemble.GradientBoostingClassifier(n_estimators=50, random_state=0),
        "AdaBoostClassifier": ensemble.AdaBoostClassifier(random_state=0),
    }
    regressors = {
        "LinearRegression": linear_model.LinearRegression(),
        "SVR": svm.SVR(),
        "KNeighborsRegressor": neighbors.KNeighborsRegressor(),
        "RandomForestRegressor": ensemble.RandomForestRegressor(100, random_state=0),
        "GradientBoostingRegressor": ensemble.GradientBoostingRegressor(random_state=0),
        "MLPRegressor": neural_network.MLPRegressor(max_iter=20, random_state=0),
    }
    others = {
        "KMeans": cluster.KMeans(8, n_init=1, random_state=0),
        "PCA": decomposition.PCA(10),
        "StandardScaler": StandardScaler(),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [Case(name, one.fit(X[train], y[train]), X[rows]) for name, one in classifiers.items()]
        found += [
            Case("RandomForestClassifier, 2 classes, leaves of 5", ensemble.RandomForestClassifier(100, min_samples_leaf=5, random_state=0).fit(X[train], binary[train]), X[rows]),
            Case("GradientBoostingClassifier, 2 classes", ensemble.GradientBoostingClassifier(random_state=0).fit(X[train], binary[train]), X[rows]),
        ]
        found += [Case(name, one.fit(Xr[train], yr[train]), Xr[rows]) for name, one in regressors.items()]
        found += [Case(name, one.fit(X[train]), X[rows]) for name, one in others.items()]
    return [*found, one_hot_case()]


def one_hot_case(categories: int = 5_000) -> Case:
    """Three columns of many categories each, and logistic regression."""
    random = np.random.default_rng(0)
    names = np.array([f"category {index}" for index in range(categories)], object)
    frame = pd.DataFrame({name: names[random.integers(categories, size=24_000)] for name in ("city", "product", "user")})
    y = random.integers(2, size=len(frame))
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), linear_model.LogisticRegression(max_iter=30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame[:14_000], y[:14_000])
    return Case("OneHotEncoder (3 × 5,000 strings), LogisticRegression", model, frame[14_000:].reset_index(drop=True))


def skerry_runs(case: Case) -> Run:
    session = Session(with_skerry(case.estimator, case.rows), SessionConfig(intra_op_num_threads=1))
    signature, rows = read_signature(case.estimator, case.rows)
    feeds = FeedBuilder(signature.inputs, signature.layout).from_rows(rows)
    return _calls(session, feeds)


def skl2onnx_runs(case: Case) -> tuple[Run | None, str]:
    """Calls of skl2onnx's graph, and the rows' dtype; or why there are none."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType

    reasons = []
    for dtype in ("float64", "float32"):
        try:
            if isinstance(case.rows, pd.DataFrame):
                types = [(name, StringTensorType([None, 1])) for name in case.rows]
                feeds = {name: case.rows[[name]].to_numpy(object) for name in case.rows}
                model = to_onnx(case.estimator, initial_types=types, options=_options(case.estimator))
            else:
                feeds = {"X": case.rows.astype(dtype)}
                model = to_onnx(case.estimator, feeds["X"][:1], options=_options(case.estimator))
            session = Session(model.SerializeToString(), SessionConfig(intra_op_num_threads=1))
            run = _calls(session, feeds)
            run(1)
            return run, "strings" if isinstance(case.rows, pd.DataFrame) else dtype
        except Exception as error:  # skl2onnx and ONNX Runtime raise whatever they hit
            reasons.append(str(error).splitlines()[0][:80])
    return None, reasons[-1]


def _options(estimator: Any) -> dict[Any, Any] | None:
    return {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None


def _calls(session: Session, feeds: dict[str, np.ndarray]) -> Run:
    """A call with so many rows, others each time."""
    total = len(next(iter(feeds.values())))
    place = 0

    def run(rows: int) -> object:
        nonlocal place
        place = place + rows if place + 2 * rows <= total else 0
        return session.run({name: array[place : place + rows] for name, array in feeds.items()}, session.outputs)

    return run


def in_turns(runs: Sequence[Run], rows: int) -> list[float]:
    """Median seconds of each call, taken in turns."""
    taken: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run(rows)
    began = perf_counter()
    while len(taken[0]) < FEWEST or (perf_counter() - began < SECONDS * len(runs) and len(taken[0]) < MOST):
        for times, run in zip(taken, runs, strict=True):
            start = perf_counter()
            run(rows)
            times.append(perf_counter() - start)
    return [median(times) for times in taken]


def line(case: Case) -> str:
    """A row of the table: Skerry's microseconds, and in brackets how many times skl2onnx takes them."""
    ours = skerry_runs(case)
    stock, kind = skl2onnx_runs(case)
    cells = []
    for rows in ROWS:
        if stock is None:
            cells.append(f"{_micro(in_turns([ours], rows)[0])}")
            continue
        mine, theirs = in_turns([ours, stock], rows)
        cells.append(f"{_micro(mine)} ({theirs / mine:.2f})")
    return f"| {case.name} | {kind if stock else 'none: ' + kind} | {' | '.join(cells)} |"


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="parts of names")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    lines = [f"| estimator | skl2onnx takes | {' | '.join(f'{rows:,} rows' for rows in ROWS)} |", "| --- " * (len(ROWS) + 2) + "|"]
    print("\n".join(lines), flush=True)
    for case in cases():
        if not arguments.only or any(part in case.name for part in arguments.only):
            lines.append(line(case))
            print(lines[-1], flush=True)
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
