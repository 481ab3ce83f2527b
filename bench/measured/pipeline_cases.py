"""Composed pipelines as people write them, by name."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
    mutual_info_classif,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDClassifier,
)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.bench.measured.people import FULL, NUMBERS, TEXT, WORDS, people, targets


@dataclass(frozen=True)
class Case:
    """A pipeline, the ``columns`` of ``people`` it is fitted on (all where none are named), and its ``target``.

    ``weights`` is the parameter of ``fit`` that takes weights of the rows, ``form`` makes of the frame what the pipeline
    takes. Where not ``unseen``, it is not asked about categories that training did not have.
    """

    estimator: Any
    target: str = "answer"
    columns: tuple[str, ...] = ()
    weights: str = ""
    form: Callable[[pd.DataFrame], Any] = pd.DataFrame.copy
    unseen: bool = True

    def rows(self, count: int, seed: int, *, unseen: bool = False) -> Any:
        """Rows as the pipeline takes them."""
        frame = people(count, seed, unseen=unseen and self.unseen)
        return self.form(frame[list(self.columns)] if self.columns else frame)

    def fitted(self, count: int, seed: int) -> Any:
        """A copy of the pipeline, fitted on so many rows."""
        y = targets(people(count, seed))[self.target]
        weights = {self.weights: np.arange(count) % 5 + 0.5} if self.weights else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return deepcopy(self.estimator).fit(self.rows(count, seed), y, **weights)  # CatBoost's cannot be cloned


def prepared(numbers: Any = None, words: Any = None, **options: Any) -> ColumnTransformer:
    """The usual preparation: numbers filled and scaled, words one-hot."""
    return ColumnTransformer(
        [
            ("numbers", numbers or make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("words", words or OneHotEncoder(handle_unknown="ignore"), WORDS),
        ],
        **options,
    )


def dense(numbers: Any = None, words: Any = None, **options: Any) -> ColumnTransformer:
    """The same for steps that take no sparse matrices."""
    words = words or OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return prepared(numbers, words, sparse_threshold=0, **options)


def gappy(words: Any = None) -> ColumnTransformer:
    """Numbers as they are, for trees that take gaps; as a frame, or pandas' nullable numbers would not pass."""
    return dense("passthrough", words).set_output(transform="pandas")


def filled(*steps: Any) -> Any:
    """Numbers without gaps, and what comes after that."""
    return make_pipeline(SimpleImputer(strategy="median"), *steps)


def logistic(**settings: Any) -> LogisticRegression:
    return LogisticRegression(max_iter=300, **settings)


def preparations() -> dict[str, Case]:
    """Every way to prepare numbers and words, before a linear model."""
    return {
        "impute and scale, one-hot": Case(make_pipeline(prepared(), logistic())),
        "median with indicator": Case(
            make_pipeline(
                dense(make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())), logistic()
            )
        ),
        "constant fill of numbers and words": Case(
            make_pipeline(
                prepared(
                    SimpleImputer(strategy="constant", fill_value=-1),
                    make_pipeline(
                        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
                    ),
                ),
                MaxAbsScaler(),
                logistic(),
            )
        ),
        "most frequent words of each column": Case(
            make_pipeline(
                make_column_transformer(
                    (
                        make_pipeline(
                            SimpleImputer(missing_values=None, strategy="most_frequent"),
                            OneHotEncoder(handle_unknown="ignore"),
                        ),
                        ["city"],
                    ),
                    (
                        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                        ["colour", "plan"],
                    ),
                    (make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler()), NUMBERS),
                ),
                logistic(),
            )
        ),
        "most frequent words together": Case(
            make_pipeline(
                prepared(
                    words=make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
                ),
                logistic(),
            )
        ),
        "nearest donors": Case(
            make_pipeline(
                dense(make_pipeline(StandardScaler(), KNNImputer(n_neighbors=3, add_indicator=True))), logistic()
            )
        ),
        "iterative imputer": Case(
            make_pipeline(
                dense(make_pipeline(IterativeImputer(max_iter=4, random_state=0), StandardScaler())), logistic()
            )
        ),
        "iterative imputer of trees": Case(
            make_pipeline(
                dense(
                    make_pipeline(
                        IterativeImputer(DecisionTreeRegressor(max_depth=3, random_state=0), max_iter=2, random_state=0)
                    )
                ),
                Ridge(),
            ),
            "number",
        ),
        "robust scaling": Case(
            make_pipeline(
                dense(make_pipeline(RobustScaler(quantile_range=(10, 90)), SimpleImputer())), logistic(), memory=None
            )
        ),
        "power transform": Case(make_pipeline(dense(filled(PowerTransformer())), logistic())),
        "Box-Cox of skewed numbers": Case(
            make_pipeline(
                ColumnTransformer(
                    [("skewed", filled(PowerTransformer(method="box-cox")), ["Einkünfte", "weight"])], remainder="drop"
                ),
                Ridge(),
            ),
            "number",
        ),
        "quantiles, uniform": Case(
            make_pipeline(dense(filled(QuantileTransformer(n_quantiles=50, random_state=0))), logistic())
        ),
        "quantiles, normal": Case(
            make_pipeline(
                dense(filled(QuantileTransformer(n_quantiles=50, output_distribution="normal", random_state=0))),
                logistic(),
            )
        ),
        "bins, one-hot": Case(
            make_pipeline(prepared(filled(KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"))), logistic())
        ),
        "splines": Case(
            make_pipeline(
                dense(filled(MinMaxScaler(), SplineTransformer(n_knots=4, extrapolation="linear"))), logistic()
            )
        ),
        "polynomials": Case(
            make_pipeline(dense(filled(StandardScaler(), PolynomialFeatures(2, include_bias=False))), Ridge(alpha=10)),
            "number",
        ),
        "interactions of everything": Case(
            make_pipeline(
                dense(), PolynomialFeatures(2, interaction_only=True), SelectKBest(k=30), StandardScaler(), Ridge()
            ),
            "number",
        ),
        "logarithms": Case(
            make_pipeline(
                dense(make_pipeline(FunctionTransformer(np.log1p), SimpleImputer(), StandardScaler())), logistic()
            )
        ),
        "rows of length one": Case(make_pipeline(dense(), Normalizer(), SVC())),
        "one-hot without the first": Case(
            make_pipeline(prepared(words=OneHotEncoder(drop="first", handle_unknown="ignore")), logistic())
        ),
        "one-hot of two categories": Case(
            make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(drop="if_binary", handle_unknown="ignore"), ["member", "active", "plan"]),
                    remainder="drop",
                ),
                logistic(),
            )
        ),
        "infrequent categories": Case(
            make_pipeline(
                prepared(words=OneHotEncoder(min_frequency=40, handle_unknown="infrequent_if_exist")), logistic()
            )
        ),
        "unknown categories refused": Case(make_pipeline(prepared(words=OneHotEncoder()), logistic())),
        "ordinal codes": Case(
            make_pipeline(
                dense(
                    words=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
                ),
                RandomForestClassifier(5, max_depth=5, random_state=0),
            )
        ),
        "ordinal codes of frequent ones": Case(
            make_pipeline(
                dense(words=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=30)),
                SimpleImputer(),
                logistic(),
            )
        ),
        "target means of three classes": Case(
            make_pipeline(dense(words=TargetEncoder(random_state=0, smooth=5.0)), logistic()), "grade"
        ),
        "target means of a number": Case(make_pipeline(dense(words=TargetEncoder(random_state=0)), Ridge()), "number"),
        "whole numbers as categories": Case(
            make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(handle_unknown="ignore"), ["children", "zone", "visits"]),
                    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["rating", "active"]),
                    remainder="drop",
                ),
                SimpleImputer(),
                logistic(),
            )
        ),
        "columns by dtype": Case(
            make_pipeline(
                make_column_transformer(
                    (filled(StandardScaler()), make_column_selector(dtype_include=np.number)),
                    (
                        OneHotEncoder(handle_unknown="ignore"),
                        make_column_selector(dtype_include=["object", "category"]),
                    ),
                    sparse_threshold=1.0,
                ),
                logistic(C=0.5),
            ),
            columns=("age", "weight", "children", "visits", "city", "plan", "colour"),
        ),
        "columns by pattern, rest passed through": Case(
            make_pipeline(
                make_column_transformer(
                    (StandardScaler(), make_column_selector(pattern="height|weight")),
                    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
                    remainder="passthrough",
                ),
                SimpleImputer(),
                logistic(),
            ),
            columns=("age", "height in cm", "weight", "children", "member", "plan"),
        ),
        "parts passed through and dropped": Case(
            make_pipeline(
                ColumnTransformer(
                    [
                        ("as it is", "passthrough", FULL),
                        ("not", "drop", ["city", TEXT]),
                        ("filled", SimpleImputer(), ["age", "visits"]),
                    ],
                    transformer_weights={"filled": 0.5},
                ),
                MinMaxScaler(),
                logistic(),
            )
        ),
        "rest scaled": Case(
            make_pipeline(
                ColumnTransformer([("plan", OrdinalEncoder(), ["plan"])], remainder=StandardScaler()),
                SimpleImputer(),
                logistic(),
            ),
            columns=("plan", "age", "rating", "height in cm", "children"),
        ),
        "indicator beside values": Case(
            make_pipeline(
                make_column_transformer(
                    (make_union(SimpleImputer(), MissingIndicator(features="all")), NUMBERS),
                    verbose_feature_names_out=False,
                ),
                StandardScaler(),
                logistic(),
            )
        ),
        "union of projections": Case(
            make_pipeline(
                dense(),
                FeatureUnion(
                    [("pca", PCA(3)), ("best", SelectKBest(k=5)), ("all", "passthrough"), ("not", "drop")],
                    transformer_weights={"pca": 2.0},
                ),
                logistic(),
            )
        ),
        "step passed through": Case(
            Pipeline([("prepare", prepared()), ("reduce", "passthrough"), ("learn", logistic())])
        ),
        "pipelines in pipelines": Case(
            make_pipeline(
                make_pipeline(
                    ColumnTransformer([("outer", make_pipeline(dense(), StandardScaler()), [*NUMBERS, *WORDS])]), PCA(5)
                ),
                make_pipeline(StandardScaler(), make_pipeline(logistic())),
            )
        ),
        "pandas between the steps": Case(
            make_pipeline(dense(), VarianceThreshold(0.01), StandardScaler(), logistic()).set_output(transform="pandas")
        ),
        "pandas by name in the second step": Case(
            make_pipeline(
                make_column_transformer(
                    (SimpleImputer(), NUMBERS), remainder="passthrough", verbose_feature_names_out=False
                ).set_output(transform="pandas"),
                make_column_transformer(
                    (StandardScaler(), ["age", "Einkünfte"]),
                    (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
                    ("passthrough", ["weight"]),
                ),
                logistic(),
            ),
            columns=(*NUMBERS, "city", "plan"),
        ),
        "steps cached on disk": Case(
            make_pipeline(
                prepared(),
                TruncatedSVD(4, random_state=0),
                logistic(),
                memory=str(Path(tempfile.gettempdir()) / "skerry-pipelines"),
            )
        ),
        "weights of the rows": Case(make_pipeline(prepared(), logistic()), weights="logisticregression__sample_weight"),
        "a function of one's own": Case(
            make_pipeline(FunctionTransformer(lambda X: X.fillna(0).astype(float)), logistic()),
            columns=("age", "weight"),
        ),
    }


def texts() -> dict[str, Case]:
    """Texts beside numbers and words, and records."""
    beside = [("numbers", filled(StandardScaler()), NUMBERS), ("words", OneHotEncoder(handle_unknown="ignore"), WORDS)]
    return {
        "tf-idf beside numbers": Case(
            make_pipeline(ColumnTransformer([("text", TfidfVectorizer(), TEXT), *beside]), logistic())
        ),
        "pairs of words, sublinear": Case(
            make_pipeline(
                ColumnTransformer(
                    [("text", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=3), TEXT), *beside]
                ),
                LinearSVC(),
            )
        ),
        "characters within words": Case(
            make_pipeline(
                make_column_transformer((TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), TEXT)),
                SGDClassifier(loss="log_loss", random_state=0),
            )
        ),
        "hashed words beside numbers": Case(
            make_pipeline(
                ColumnTransformer([("text", HashingVectorizer(n_features=2**10), TEXT), *beside]),
                SGDClassifier(random_state=0),
            )
        ),
        "latent semantic analysis": Case(
            make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "text",
                            make_pipeline(TfidfVectorizer(strip_accents="unicode"), TruncatedSVD(5, random_state=0)),
                            TEXT,
                        ),
                        *beside,
                    ]
                ),
                RandomForestClassifier(5, max_depth=5, random_state=0),
            )
        ),
        "counts and naive Bayes": Case(
            make_pipeline(
                make_column_transformer((make_pipeline(CountVectorizer(), TfidfTransformer()), TEXT)), MultinomialNB()
            ),
            "grade",
        ),
        "counts that tell most": Case(
            make_pipeline(
                make_column_transformer((CountVectorizer(binary=True), TEXT)), SelectKBest(chi2, k=8), ComplementNB()
            )
        ),
        "two vocabularies": Case(
            make_pipeline(
                make_column_transformer(
                    (make_union(TfidfVectorizer(), CountVectorizer(analyzer="char", max_features=30)), TEXT),
                    ("passthrough", ["children"]),
                ),
                logistic(),
            )
        ),
        "texts alone": Case(
            make_pipeline(TfidfVectorizer(stop_words=["the", "of"]), LinearSVC()), "grade", form=_texts
        ),
        "records": Case(
            make_pipeline(DictVectorizer(), MaxAbsScaler(), logistic()),
            columns=("children", "height in cm", "member", TEXT),
            form=_records,
        ),
        "hashed records": Case(
            make_pipeline(FeatureHasher(n_features=64), logistic()), columns=("children", "height in cm"), form=_records
        ),
    }


def _texts(frame: pd.DataFrame) -> list[str]:
    return list(frame[TEXT])


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")


def selections() -> dict[str, Case]:
    """Selectors, projections and kernels between the preparation and the model."""
    return {
        "best columns by information": Case(
            make_pipeline(
                dense(),
                SelectPercentile(partial(mutual_info_classif, random_state=0), percentile=40),
                KNeighborsClassifier(weights="distance"),
            )
        ),
        "columns of a forest": Case(
            make_pipeline(prepared(), SelectFromModel(ExtraTreesClassifier(10, random_state=0)), logistic())
        ),
        "columns of a lasso": Case(
            make_pipeline(dense(), SelectFromModel(LassoCV(cv=3)), GradientBoostingRegressor(n_estimators=10)), "number"
        ),
        "recursive elimination": Case(make_pipeline(dense(), RFE(logistic(), n_features_to_select=5), logistic())),
        "sequential selection": Case(
            make_pipeline(
                dense(), SequentialFeatureSelector(RidgeClassifier(), n_features_to_select=2, cv=2), RidgeClassifier()
            )
        ),
        "principal components": Case(make_pipeline(dense(), PCA(0.9, whiten=True), logistic())),
        "singular vectors of sparse rows": Case(
            make_pipeline(prepared(), TruncatedSVD(5, random_state=0), ElasticNetCV(cv=3)), "number"
        ),
        "Nyström": Case(make_pipeline(dense(), Nystroem(n_components=30, random_state=0), LinearSVC())),
        "random Fourier features": Case(
            make_pipeline(dense(), RBFSampler(n_components=30, random_state=0), SGDClassifier(random_state=0))
        ),
        "distances to clusters": Case(make_pipeline(dense(), KMeans(5, random_state=0, n_init=2), logistic())),
        "binarized": Case(make_pipeline(dense(), Binarizer(threshold=0.2), BernoulliNB())),
    }


def classifiers() -> dict[str, Case]:
    """Final classifiers of all families."""
    return {
        "balanced classes": Case(make_pipeline(prepared(), logistic(class_weight="balanced")), "grade"),
        "support vectors with probabilities": Case(make_pipeline(dense(), SVC(C=2, class_weight="balanced")), "grade"),
        "a tree on passed-through gaps": Case(
            make_pipeline(
                make_column_transformer(
                    ("passthrough", ["age", "Einkünfte", "weight", "children"]),
                    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), WORDS),
                ),
                DecisionTreeClassifier(max_depth=6, random_state=0),
            ),
            "grade",
        ),
        "a forest on one-hot": Case(
            make_pipeline(prepared(), RandomForestClassifier(8, class_weight="balanced_subsample", random_state=0)),
            "grade",
        ),
        "gradient boosting": Case(
            make_pipeline(dense(), GradientBoostingClassifier(n_estimators=10, subsample=0.8, random_state=0)), "grade"
        ),
        "categories of the frame": Case(
            HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype"),
            "grade",
            ("age", "weight", "children", "visits", "member", "plan", "zone"),
        ),
        "categories behind a pandas preparation": Case(
            make_pipeline(
                make_column_transformer(
                    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), WORDS),
                    remainder="passthrough",
                    verbose_feature_names_out=False,
                ).set_output(transform="pandas"),
                HistGradientBoostingClassifier(max_iter=8, categorical_features=WORDS),
            ),
            columns=(*NUMBERS, *WORDS),
        ),
        "category columns passed through": Case(
            make_pipeline(
                make_column_transformer(
                    (StandardScaler(), NUMBERS), ("passthrough", ["plan", "zone"]), verbose_feature_names_out=False
                ).set_output(transform="pandas"),
                HistGradientBoostingClassifier(max_iter=8),
            )
        ),
        "neighbours": Case(make_pipeline(dense(), KNeighborsClassifier(7)), "grade"),
        "Gaussian process": Case(make_pipeline(dense(), GaussianProcessClassifier(1.0 * RBF(3.0), optimizer=None))),
        "neural network": Case(make_pipeline(prepared(), MLPClassifier((16, 8), max_iter=60, random_state=0)), "grade"),
        "Gaussian naive Bayes": Case(make_pipeline(dense(), GaussianNB()), "grade"),
        "discriminants": Case(
            make_pipeline(dense(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")), "grade"
        ),
    }


def regressors() -> dict[str, Case]:
    """Final regressors of all families, and targets that are transformed."""
    return {
        "ridge": Case(make_pipeline(prepared(), RidgeCV()), "number"),
        "robust loss": Case(make_pipeline(dense(), HuberRegressor(max_iter=1000)), "number"),
        "Bayesian ridge of two columns": Case(
            make_pipeline(SimpleImputer(), StandardScaler(), BayesianRidge()), "number", ("age", "rating")
        ),
        "counts": Case(make_pipeline(prepared(), PoissonRegressor(max_iter=300)), "skewed"),
        "positive numbers": Case(make_pipeline(prepared(), GammaRegressor(max_iter=300)), "skewed"),
        "support vectors": Case(make_pipeline(dense(), SVR(C=5)), "number"),
        "extra trees": Case(make_pipeline(dense(), ExtraTreesRegressor(6, random_state=0)), "number"),
        "histogram boosting": Case(make_pipeline(gappy(), HistGradientBoostingRegressor(max_iter=8)), "number"),
        "histogram boosting of counts": Case(
            make_pipeline(dense(), HistGradientBoostingRegressor(loss="poisson", max_iter=8)), "skewed"
        ),
        "neighbours by distance": Case(make_pipeline(dense(), KNeighborsRegressor(5, weights="distance")), "number"),
        "Gaussian process regression": Case(
            make_pipeline(
                dense(), GaussianProcessRegressor(Matern(3.0) + WhiteKernel(), normalize_y=True, optimizer=None)
            ),
            "number",
        ),
        "neural network of numbers": Case(
            make_pipeline(dense(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=60, random_state=0)), "numbers"
        ),
        "logarithm of the target": Case(
            TransformedTargetRegressor(make_pipeline(prepared(), Ridge()), func=np.log1p, inverse_func=np.expm1),
            "skewed",
        ),
        "logarithm of the target of boosting": Case(
            make_pipeline(
                dense(),
                TransformedTargetRegressor(
                    GradientBoostingRegressor(n_estimators=10), func=np.log, inverse_func=np.exp
                ),
            ),
            "skewed",
        ),
        "quantiles of the target": Case(
            TransformedTargetRegressor(
                make_pipeline(dense(), Ridge()), transformer=QuantileTransformer(n_quantiles=50)
            ),
            "number",
        ),
        "normal quantiles of the target": Case(
            TransformedTargetRegressor(
                make_pipeline(dense(), Ridge()),
                transformer=QuantileTransformer(n_quantiles=50, output_distribution="normal"),
            ),
            "number",
        ),
        "scaled targets": Case(
            TransformedTargetRegressor(make_pipeline(dense(), SVR()), transformer=StandardScaler()), "number"
        ),
        "linear model, no intercept": Case(make_pipeline(dense(), LinearRegression(fit_intercept=False)), "numbers"),
        "a forest of numbers": Case(
            make_pipeline(dense(), RandomForestRegressor(6, max_depth=6, random_state=0)), "numbers"
        ),
    }


def composed() -> dict[str, Case]:
    """Estimators made of estimators: searches, ensembles, calibration, thresholds, several targets."""
    members = [
        ("linear", logistic()),
        ("forest", RandomForestClassifier(5, max_depth=5, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    whole = [
        ("linear", make_pipeline(prepared(), logistic())),
        (
            "tree",
            make_pipeline(
                dense(words=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
                DecisionTreeClassifier(max_depth=4),
            ),
        ),
    ]
    numbers = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)), ("svr", SVR())]
    return {
        "grid search of the whole": Case(
            GridSearchCV(
                make_pipeline(prepared(), logistic()),
                {
                    "logisticregression__C": [0.1, 1],
                    "columntransformer__numbers__simpleimputer__strategy": ["mean", "median"],
                },
                cv=2,
            )
        ),
        "random search of a forest": Case(
            RandomizedSearchCV(
                make_pipeline(dense(), RandomForestClassifier(5, max_depth=5, random_state=0)),
                {"randomforestclassifier__max_depth": [3, 5, None]},
                n_iter=2,
                cv=2,
                random_state=0,
            )
        ),
        "halving search": Case(
            HalvingGridSearchCV(make_pipeline(dense(), SVC()), {"svc__C": [0.1, 1, 10]}, cv=2, random_state=0)
        ),
        "search within a pipeline": Case(
            make_pipeline(dense(), GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3, 5]}, cv=2)), "grade"
        ),
        "soft votes": Case(
            make_pipeline(dense(), VotingClassifier(members, voting="soft", weights=[2, 1, 1])), "grade"
        ),
        "hard votes of pipelines": Case(VotingClassifier(whole)),
        "averaged regressors": Case(make_pipeline(dense(), VotingRegressor(numbers, weights=[1, 2, 1])), "number"),
        "stacked classifiers": Case(make_pipeline(dense(), StackingClassifier(members, logistic(), cv=2)), "grade"),
        "stacked with the rows": Case(
            make_pipeline(
                dense(),
                StackingClassifier(
                    members, RandomForestClassifier(5, max_depth=5, random_state=0), cv=2, passthrough=True
                ),
            )
        ),
        "stacked pipelines": Case(StackingClassifier(whole, logistic(), cv=2)),
        "stacked regressors with the rows": Case(
            make_pipeline(dense(), StackingRegressor(numbers, Ridge(), cv=2, passthrough=True)), "number"
        ),
        "calibrated by a sigmoid": Case(make_pipeline(dense(), CalibratedClassifierCV(LinearSVC(), cv=2)), "grade"),
        "calibrated pipeline, isotonic": Case(
            CalibratedClassifierCV(
                make_pipeline(dense(), RandomForestClassifier(5, max_depth=5, random_state=0)), method="isotonic", cv=2
            )
        ),
        "calibrated by temperature": Case(
            CalibratedClassifierCV(make_pipeline(prepared(), logistic()), method="temperature", cv=2), "grade"
        ),
        "bagged neighbours": Case(
            make_pipeline(dense(), BaggingClassifier(KNeighborsClassifier(), 4, max_features=0.7, random_state=0))
        ),
        "bagged trees": Case(make_pipeline(dense(), BaggingRegressor(n_estimators=4, random_state=0)), "number"),
        "AdaBoost": Case(make_pipeline(dense(), AdaBoostClassifier(n_estimators=8, random_state=0)), "grade"),
        "AdaBoost of a number": Case(
            make_pipeline(dense(), AdaBoostRegressor(n_estimators=4, random_state=0)), "number"
        ),
        "one against the rest": Case(OneVsRestClassifier(make_pipeline(prepared(), logistic())), "grade"),
        "one against one": Case(make_pipeline(dense(), OneVsOneClassifier(SVC())), "grade"),
        "several labels": Case(make_pipeline(dense(), OneVsRestClassifier(logistic())), "flags"),
        "a classifier for each label": Case(MultiOutputClassifier(make_pipeline(prepared(), logistic())), "flags"),
        "a forest of several labels": Case(
            make_pipeline(dense(), RandomForestClassifier(5, max_depth=5, random_state=0)), "flags"
        ),
        "a regressor for each target": Case(
            make_pipeline(dense(), MultiOutputRegressor(GradientBoostingRegressor(n_estimators=6))), "numbers"
        ),
        "chained labels": Case(make_pipeline(dense(), ClassifierChain(logistic(), order=[2, 0, 1])), "flags"),
        "chained targets": Case(make_pipeline(dense(), RegressorChain(Lasso(0.1))), "numbers"),
        "tuned threshold": Case(
            TunedThresholdClassifierCV(make_pipeline(prepared(), logistic()), cv=2, random_state=0), "flag"
        ),
        "fixed threshold": Case(
            FixedThresholdClassifier(
                make_pipeline(dense(), RandomForestClassifier(5, max_depth=5, random_state=0)),
                threshold=0.3,
                pos_label="yes",
            )
        ),
        "outliers of prepared rows": Case(
            make_pipeline(dense(), IsolationForest(n_estimators=10, random_state=0)), "none"
        ),
        "outliers by support vectors": Case(make_pipeline(dense(), OneClassSVM(nu=0.1)), "none"),
        "clusters of scaled rows": Case(
            make_pipeline(StandardScaler(), KMeans(4, random_state=0, n_init=2)),
            "none",
            ("height in cm", "weight", "children"),
        ),
        "clusters of prepared rows": Case(make_pipeline(prepared(), KMeans(4, random_state=0, n_init=2)), "none"),
        "mixture of components": Case(make_pipeline(dense(), PCA(3), GaussianMixture(3, random_state=0)), "none"),
        "preparation alone": Case(prepared(), "none"),
        "preparation alone, dense": Case(dense(remainder="passthrough"), "none", (*NUMBERS, *WORDS, "member")),
    }


def boosted() -> dict[str, Case]:
    """LightGBM, XGBoost and CatBoost: on frames with categories and gaps, and behind a preparation.

    Of a category that training did not have, XGBoost makes another one or fails; the model refuses it.
    """
    from catboost import CatBoostClassifier, CatBoostRegressor
    from lightgbm import LGBMClassifier, LGBMRegressor
    from xgboost import XGBClassifier, XGBRegressor

    light: dict[str, Any] = {"n_estimators": 8, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
    extreme: dict[str, Any] = {"n_estimators": 8, "max_depth": 4, "n_jobs": 1}
    cat: dict[str, Any] = {
        "iterations": 8,
        "depth": 4,
        "verbose": False,
        "thread_count": 1,
        "allow_writing_files": False,
        "random_seed": 0,
    }
    frame = ("age", "weight", "children", "member", "visits", "plan", "zone")
    gaps = ("age", "Einkünfte", "weight", "children", "rating", "plan")
    words = make_pipeline(SimpleImputer(missing_values=None, strategy="constant", fill_value="none"))
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    passed = make_column_transformer(
        (SimpleImputer(), ["age", "Einkünfte"]),
        ("passthrough", ["plan", "zone", "children"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    return {
        "LightGBM of a frame with categories": Case(LGBMClassifier(**light), columns=frame),
        "LightGBM of three classes": Case(LGBMClassifier(**light, class_weight="balanced"), "grade", frame),
        "LightGBM behind one-hot": Case(make_pipeline(prepared(StandardScaler()), LGBMClassifier(**light)), "grade"),
        "LightGBM behind ordinal codes": Case(make_pipeline(gappy(ordinal), LGBMRegressor(**light)), "number"),
        "LightGBM with categories passed through": Case(make_pipeline(passed, LGBMClassifier(**light))),
        "LightGBM of counts": Case(make_pipeline(dense(), LGBMRegressor(objective="poisson", **light)), "skewed"),
        "LightGBM calibrated": Case(CalibratedClassifierCV(make_pipeline(dense(), LGBMClassifier(**light)), cv=2)),
        "LightGBM with a logarithmic target": Case(
            TransformedTargetRegressor(
                make_pipeline(gappy(), LGBMRegressor(**light)), func=np.log1p, inverse_func=np.expm1
            ),
            "skewed",
        ),
        "XGBoost of a frame with categories": Case(
            XGBClassifier(enable_categorical=True, **extreme), "flag", frame, unseen=False
        ),
        "XGBoost of a number with categories": Case(
            XGBRegressor(enable_categorical=True, **extreme), "number", gaps, unseen=False
        ),
        "XGBoost behind one-hot": Case(make_pipeline(gappy(), XGBClassifier(**extreme)), "flag"),
        "XGBoost behind sparse one-hot": Case(make_pipeline(prepared(), XGBRegressor(**extreme)), "number"),
        "XGBoost in a grid search": Case(
            GridSearchCV(
                make_pipeline(gappy(ordinal), XGBClassifier(**extreme)),
                {"xgbclassifier__max_depth": [2, 3]},
                cv=2,
            ),
            "flag",
        ),
        "XGBoost with categories passed through": Case(
            make_pipeline(passed, XGBRegressor(enable_categorical=True, **extreme)), "number", unseen=False
        ),
        "CatBoost of numbers with gaps": Case(
            CatBoostRegressor(**cat), "number", ("age", "Einkünfte", "weight", "children")
        ),
        "CatBoost of categories": Case(
            make_pipeline(
                make_column_transformer(
                    (words, ["city"]), ("passthrough", ["age", "weight", "children"]), verbose_feature_names_out=False
                ).set_output(transform="pandas"),
                CatBoostClassifier(cat_features=["city"], **cat),
            ),
        ),
        "CatBoost of category columns": Case(
            CatBoostClassifier(cat_features=["zone", "children"], **cat), "grade", ("age", "weight", "children", "zone")
        ),
        "CatBoost behind one-hot": Case(make_pipeline(gappy(), CatBoostClassifier(**cat)), "grade"),
        "boosters stacked": Case(
            make_pipeline(
                dense(),
                StackingClassifier(
                    [
                        ("light", LGBMClassifier(**light)),
                        ("extreme", XGBClassifier(**extreme)),
                        ("hist", HistGradientBoostingClassifier(max_iter=8)),
                    ],
                    logistic(),
                    cv=2,
                ),
            ),
            "grade",
        ),
        "boosters vote": Case(
            make_pipeline(
                gappy(),
                VotingRegressor(
                    [
                        ("light", LGBMRegressor(**light)),
                        ("extreme", XGBRegressor(**extreme)),
                        ("cat", CatBoostRegressor(**cat)),
                    ]
                ),
            ),
            "number",
        ),
    }


def all_cases() -> dict[str, Case]:
    """All pipelines by name."""
    return preparations() | texts() | selections() | classifiers() | regressors() | composed() | boosted()
