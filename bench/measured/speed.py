"""How fast converted models are, against skl2onnx's graphs of the same estimators, at 1 to 10,000 rows.

    python -m skerry.bench.measured.speed [--only NAME ...] [--markdown FILE]

Both graphs run on one thread of ONNX Runtime, in turns, on rows that change with every call, and give as
many outputs; ours gives its guards as well. The figures are medians. skl2onnx converts for float64 rows, as
the estimators were fitted on, where it can; else for float32 rows, which is marked. A ratio above 1 means
that Skerry is faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
    cluster,
    decomposition,
    discriminant_analysis,
    ensemble,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    random_projection,
    svm,
    tree,
)
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import make_classification, make_regression
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skerry.bench.measured.conversion import Conversion
from skerry.bench.measured.page import keep_page, page_options
from skerry.bench.stock import ANSWERS, StockConversion
from skerry.export.admission import admit, probe
from skerry.export.oracle import methods_of
from skerry.runtime.errors import BenchError
from skerry.runtime.feeds import FeedBuilder
from skerry.runtime.session import Session, SessionConfig

ROWS = (1, 10, 100, 1_000, 10_000)
SECONDS, FEWEST, MOST, LONG = 0.25, 5, 400, 0.5
"""Spent on each row count and side, and calls in that time at least and at most; of long calls fewer are enough."""

TRAINED = 4_000

Run = Callable[[int], object]


@dataclass(frozen=True)
class Data:
    """Rows, the first ``trained`` of which are for training, and what is to be predicted."""

    X: Any
    y: Any
    trained: int = TRAINED


def datasets() -> dict[str, Data]:
    """What the cases are fitted on, by the names that ``CASES`` uses."""
    random = np.random.default_rng(0)
    X, y = make_classification(14_000, 30, n_informative=15, n_redundant=0, n_classes=3, random_state=0)
    _, binary = make_classification(14_000, 30, n_informative=15, n_redundant=0, random_state=0)
    Xr, yr = make_regression(14_000, 30, noise=10.0, random_state=0)
    gaps = np.where(random.random(X.shape) < 0.1, np.nan, X)
    numbers = random.integers(50, size=(14_000, 10)).astype(float)
    return {
        "classes": Data(X, y),
        "binary": Data(X, binary),
        "small": Data(X, binary, 200),
        "numbers": Data(Xr, yr),
        "few numbers": Data(Xr[:, :8], yr, 500),
        "gaps": Data(gaps, binary),
        "counts": Data(np.abs(X).round(), y),
        "categories": Data(numbers, binary),
        "strings": Data(_strings(random, 50, 10), binary),
        "many strings": Data(_strings(random, 5_000, 3), binary),
        "frame": Data(_frame(random, gaps[:, :10]), binary),
        "texts": Data(_texts(random), binary),
    }


def _strings(random: np.random.Generator, categories: int, width: int) -> pd.DataFrame:
    names = np.array([f"category {index}" for index in range(categories)], object)
    return pd.DataFrame({f"column_{index}": names[random.integers(categories, size=14_000)] for index in range(width)})


def _frame(random: np.random.Generator, numbers: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(numbers, columns=[f"number_{index}" for index in range(numbers.shape[1])])
    return frame.join(_strings(random, 20, 4))


def _texts(random: np.random.Generator) -> np.ndarray:
    words = np.array([f"word{index}" for index in range(2_000)], object)
    picked = words[np.minimum(random.zipf(1.3, size=(14_000, 20)) - 1, 1_999)]
    return np.array([" ".join(row) for row in picked], object)


def _of_columns() -> Any:
    """Gaps filled, numbers scaled, strings one-hot: what most pipelines over frames begin with."""
    return make_column_transformer(
        (
            make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()),
            [f"number_{index}" for index in range(10)],
        ),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), [f"column_{index}" for index in range(4)]),
    )


def _logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=200)


def _members() -> list[tuple[str, Any]]:
    return [
        ("linear", _logistic()),
        ("bayes", naive_bayes.GaussianNB()),
        ("tree", tree.DecisionTreeClassifier(max_depth=8, random_state=0)),
    ]


CASES: dict[str, tuple[str, Any]] = {
    # linear models
    "LogisticRegression": ("classes", _logistic()),
    "LogisticRegression, 2 classes": ("binary", _logistic()),
    "LinearRegression": ("numbers", linear_model.LinearRegression()),
    "LinearSVC": ("classes", svm.LinearSVC()),
    "SGDClassifier, log loss": ("classes", linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "PoissonRegressor": ("counts", linear_model.PoissonRegressor()),
    "LinearDiscriminantAnalysis": ("classes", discriminant_analysis.LinearDiscriminantAnalysis()),
    "QuadraticDiscriminantAnalysis": ("classes", discriminant_analysis.QuadraticDiscriminantAnalysis()),
    # preprocessing
    "StandardScaler": ("classes", preprocessing.StandardScaler()),
    "MinMaxScaler": ("classes", preprocessing.MinMaxScaler()),
    "RobustScaler": ("classes", preprocessing.RobustScaler()),
    "Normalizer": ("classes", preprocessing.Normalizer()),
    "Binarizer": ("classes", preprocessing.Binarizer()),
    "KBinsDiscretizer": ("classes", preprocessing.KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf")),
    "PolynomialFeatures": ("few numbers", preprocessing.PolynomialFeatures(2)),
    "PowerTransformer": ("classes", preprocessing.PowerTransformer()),
    "QuantileTransformer": ("classes", preprocessing.QuantileTransformer(n_quantiles=100)),
    "SimpleImputer": ("gaps", impute.SimpleImputer()),
    "KNNImputer": ("gaps", impute.KNNImputer()),
    "OneHotEncoder, numbers": ("categories", preprocessing.OneHotEncoder(sparse_output=False)),
    "OneHotEncoder, strings": ("strings", preprocessing.OneHotEncoder(sparse_output=False)),
    "OrdinalEncoder, numbers": ("categories", preprocessing.OrdinalEncoder()),
    "OrdinalEncoder, strings": ("strings", preprocessing.OrdinalEncoder()),
    "TargetEncoder": ("categories", preprocessing.TargetEncoder()),
    # projections
    "PCA": ("classes", decomposition.PCA(10)),
    "TruncatedSVD": ("classes", decomposition.TruncatedSVD(10)),
    "PLSRegression": ("numbers", PLSRegression(5)),
    "GaussianRandomProjection": ("classes", random_projection.GaussianRandomProjection(10, random_state=0)),
    # probability
    "GaussianNB": ("classes", naive_bayes.GaussianNB()),
    "MultinomialNB": ("counts", naive_bayes.MultinomialNB()),
    "ComplementNB": ("counts", naive_bayes.ComplementNB()),
    "BernoulliNB": ("classes", naive_bayes.BernoulliNB()),
    "CategoricalNB": ("categories", naive_bayes.CategoricalNB()),
    "GaussianMixture": ("classes", mixture.GaussianMixture(4, random_state=0)),
    "GaussianMixture, diagonal": ("classes", mixture.GaussianMixture(4, covariance_type="diag", random_state=0)),
    # networks
    "MLPClassifier": ("classes", neural_network.MLPClassifier(max_iter=20, random_state=0)),
    "MLPRegressor": ("numbers", neural_network.MLPRegressor(max_iter=20, random_state=0)),
    # neighbours and clusters
    "KNeighborsClassifier": ("classes", neighbors.KNeighborsClassifier()),
    "KNeighborsRegressor": ("numbers", neighbors.KNeighborsRegressor()),
    "RadiusNeighborsRegressor": ("few numbers", neighbors.RadiusNeighborsRegressor(5.0)),
    "NearestNeighbors": ("classes", neighbors.KNeighborsTransformer()),
    "KMeans": ("classes", cluster.KMeans(8, n_init=1, random_state=0)),
    # kernels
    "SVC": ("classes", svm.SVC()),
    "SVC, 200 rows": ("small", svm.SVC()),
    "SVC, poly": ("classes", svm.SVC(kernel="poly")),
    "SVC, linear": ("small", svm.SVC(kernel="linear")),
    "SVR": ("numbers", svm.SVR(C=100.0)),
    "OneClassSVM": ("classes", svm.OneClassSVM(nu=0.1)),
    "GaussianProcessRegressor": ("few numbers", gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF(3.0), alpha=0.1, optimizer=None)),
    "GaussianProcessClassifier": ("small", gaussian_process.GaussianProcessClassifier(gaussian_process.kernels.RBF(3.0), optimizer=None)),
    # trees
    "DecisionTreeClassifier": ("classes", tree.DecisionTreeClassifier(random_state=0)),
    "RandomForestClassifier": ("classes", ensemble.RandomForestClassifier(100, random_state=0)),
    "RandomForestClassifier, leaves of 5": ("classes", ensemble.RandomForestClassifier(100, min_samples_leaf=5, random_state=0)),
    "RandomForestClassifier, 2 classes, leaves of 5": ("binary", ensemble.RandomForestClassifier(100, min_samples_leaf=5, random_state=0)),
    "RandomForestRegressor": ("numbers", ensemble.RandomForestRegressor(100, random_state=0)),
    "ExtraTreesClassifier, depth 10": ("classes", ensemble.ExtraTreesClassifier(100, max_depth=10, random_state=0)),
    "GradientBoostingClassifier": ("classes", ensemble.GradientBoostingClassifier(n_estimators=50, random_state=0)),
    "GradientBoostingClassifier, 2 classes": ("binary", ensemble.GradientBoostingClassifier(random_state=0)),
    "GradientBoostingRegressor": ("numbers", ensemble.GradientBoostingRegressor(random_state=0)),
    "HistGradientBoostingClassifier": ("binary", ensemble.HistGradientBoostingClassifier(random_state=0)),
    "AdaBoostClassifier": ("classes", ensemble.AdaBoostClassifier(random_state=0)),
    "AdaBoostRegressor": ("numbers", ensemble.AdaBoostRegressor(random_state=0)),
    "IsolationForest": ("classes", ensemble.IsolationForest(random_state=0)),
    # estimators made of estimators
    "BaggingClassifier of LogisticRegression": ("classes", ensemble.BaggingClassifier(_logistic(), 10, random_state=0)),
    "BaggingRegressor of trees": ("numbers", ensemble.BaggingRegressor(random_state=0)),
    "CalibratedClassifierCV of LogisticRegression": ("classes", calibration.CalibratedClassifierCV(_logistic())),
    "CalibratedClassifierCV of LinearSVC, 2 classes": ("binary", calibration.CalibratedClassifierCV(svm.LinearSVC())),
    "CalibratedClassifierCV of forests, isotonic": ("binary", calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(30, random_state=0), method="isotonic")),
    "OneVsRestClassifier of LogisticRegression": ("classes", multiclass.OneVsRestClassifier(_logistic())),
    "OneVsOneClassifier of LogisticRegression": ("classes", multiclass.OneVsOneClassifier(_logistic())),
    "VotingClassifier": ("classes", ensemble.VotingClassifier(_members(), voting="soft", flatten_transform=False)),
    "VotingClassifier, hard": ("classes", ensemble.VotingClassifier(_members(), flatten_transform=False)),
    "VotingRegressor": ("numbers", ensemble.VotingRegressor([("linear", linear_model.LinearRegression()), ("tree", tree.DecisionTreeRegressor(max_depth=8))])),
    "StackingClassifier": ("classes", ensemble.StackingClassifier(_members(), cv=3)),
    # pipelines
    "StandardScaler, LogisticRegression": ("classes", make_pipeline(preprocessing.StandardScaler(), _logistic())),
    "StandardScaler, PCA, SVC": ("binary", make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(10), svm.SVC())),
    "SimpleImputer, RandomForestClassifier": ("gaps", make_pipeline(impute.SimpleImputer(), ensemble.RandomForestClassifier(50, max_depth=10, random_state=0))),
    "OneHotEncoder (3 × 5,000 strings), LogisticRegression": ("many strings", make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), _logistic())),
    "frame: imputer, scaler, one-hot, LogisticRegression": ("frame", make_pipeline(_of_columns(), _logistic())),
    "frame: imputer, scaler, one-hot, GradientBoostingClassifier": ("frame", make_pipeline(_of_columns(), ensemble.GradientBoostingClassifier(random_state=0))),
    "TfidfVectorizer, LogisticRegression": ("texts", make_pipeline(TfidfVectorizer(), _logistic())),
}  # fmt: skip
"""Estimators of every family that skl2onnx converts, and the data they are fitted on, in sizes people have."""


@dataclass(frozen=True)
class Case:
    """A fitted estimator and rows it is asked about."""

    name: str
    estimator: Any
    rows: Any

    @classmethod
    def fitted(cls, name: str, data: Mapping[str, Data]) -> Case:
        kind, estimator = CASES[name]
        known = data[kind]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(known.X[: known.trained], known.y[: known.trained])
        rows = known.X[TRAINED:]
        return cls(name, estimator, rows.reset_index(drop=True) if isinstance(rows, pd.DataFrame) else rows)


def skerry_runs(case: Case, answers: int = 2) -> Run:
    """Calls of our graph, which gives so many of ``ANSWERS``."""
    builder, content = skerry_graph(case, answers)
    session = Session(content, SessionConfig(intra_op_num_threads=1))
    if not isinstance(case.rows[0] if isinstance(case.rows, np.ndarray) else None, str):
        return _calls(session, builder.from_rows(case.rows))
    part = _parts(len(case.rows))
    return lambda count: session.run(builder.from_rows(case.rows[part(count)]), session.outputs)


def skerry_graph(case: Case, answers: int) -> tuple[FeedBuilder, bytes]:
    """What feeds it, and the graph that ``export`` writes with these methods, guards included, without its gate."""
    conversion = Conversion.of(case.estimator, case.rows)
    signature, graph = conversion.signature, conversion.graph
    known = methods_of(case.estimator, case.rows[:1])
    asked = [method for method in ANSWERS if method in known][:answers]
    inputs = admit(signature, probe(case.estimator, signature, case.rows[:1], tuple(asked)), conversion.features, graph)
    return FeedBuilder(inputs, signature.layout, graph.extractors), conversion.content(asked)


def skl2onnx_runs(case: Case) -> tuple[Run | None, str, int]:
    """Calls of skl2onnx's graph, the rows' dtype and the number of outputs; or why there are none."""
    try:
        stock = StockConversion.of(case.estimator, case.rows)
    except BenchError as error:
        return None, error.text.partition(": ")[2][:80], 2
    session = Session(stock.content, SessionConfig(intra_op_num_threads=1))
    return _calls(session, stock.feeds(case.rows)), stock.dtype, len(stock.outputs)


def _calls(session: Session, feeds: dict[str, np.ndarray]) -> Run:
    """A call with so many rows, others each time."""
    part = _parts(len(next(iter(feeds.values()))))

    def run(rows: int) -> object:
        place = part(rows)
        return session.run({name: array[place] for name, array in feeds.items()}, session.outputs)

    return run


def _parts(total: int) -> Callable[[int], slice]:
    """Which rows are next."""
    place = 0

    def part(rows: int) -> slice:
        nonlocal place
        place = place + rows if place + 2 * rows <= total else 0
        return slice(place, place + rows)

    return part


def in_turns(runs: Sequence[Run], rows: int) -> list[float]:
    """Median seconds of each call, taken in turns."""
    taken: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run(rows)
    began = perf_counter()
    while _goes_on(taken[0], perf_counter() - began, SECONDS * len(runs)):
        for times, run in zip(taken, runs, strict=True):
            start = perf_counter()
            run(rows)
            times.append(perf_counter() - start)
    return [median(times) for times in taken]


def _goes_on(taken: Sequence[float], spent: float, allowed: float) -> bool:
    fewest = FEWEST if spent < LONG * FEWEST else 1
    return len(taken) < fewest or (spent < allowed and len(taken) < MOST)


def line(case: Case) -> str:
    """A row of the table: Skerry's microseconds, and in brackets how many times skl2onnx takes them."""
    stock, kind, answers = skl2onnx_runs(case)
    ours = skerry_runs(case, answers)
    cells = []
    for rows in ROWS:
        mine, *theirs = in_turns([ours, stock] if stock else [ours], rows)
        cells.append(f"{mine * 1e6:,.0f}" + "".join(f" ({each / mine:.2f})" for each in theirs))
    return f"| {case.name} | {kind if stock else 'none: ' + kind} | {' | '.join(cells)} |"


def _tried(name: str, data: Mapping[str, Data]) -> str:
    try:
        return line(Case.fitted(name, data))
    except Exception as error:  # a case that does not run is a line that says why, and not the end of the table
        return f"| {name} | {type(error).__name__}: {error!s:.120} {'| ' * len(ROWS)}|".replace("\n", " ")


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="parts of names")
    arguments = parser.parse_args()
    lines = [
        f"| estimator | skl2onnx takes | {' | '.join(f'{rows:,} rows' for rows in ROWS)} |",
        "| --- " * (len(ROWS) + 2) + "|",
    ]
    print("\n".join(lines), flush=True)
    data = datasets()
    for name in CASES:
        if not arguments.only or any(part in name for part in arguments.only):
            lines.append(_tried(name, data))
            print(lines[-1], flush=True)
    keep_page("\n".join(lines) + "\n", arguments.markdown)


if __name__ == "__main__":
    main()
