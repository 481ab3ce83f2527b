"""Steps that give fewer columns: the same values in those that are kept, from the same rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skerry.quantize.pruning.narrowing import Steps, narrowed

TEXTS = np.array(["red fox", "a red red hen", "old hen", "nothing known", "", "fox hen old cat"], object)
RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "c": 3}, {"b": "y", "d": 4}]
NUMBERS = np.random.default_rng(0).normal(size=(40, 5)) * [1, 10, 0.1, 3, 5]
CITIES = np.random.default_rng(1).choice(["Oslo", "Bern", "Rome", "Kyiv"], (40, 3)).astype(object)


def _steps(*steps: Any) -> Steps:
    return tuple((f"step{index}", step) for index, step in enumerate(steps))


def _through(steps: Steps, X: Any) -> np.ndarray:
    for _, step in steps:
        X = step.transform(X)
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def _check(steps: Steps, X: Any, keep: Any, *, lossy: bool = False, names: Any = None, unseen: Any = None) -> Steps:
    """What is given is what was given, in the columns it says, and these are those that are kept."""
    before = _through(steps, X)
    keep = np.isin(np.arange(before.shape[1]), keep)
    fewer, given = narrowed(steps, keep, lossy=lossy, names=names)
    np.testing.assert_array_equal(given, keep)
    for rows in (X, X if unseen is None else unseen):
        np.testing.assert_array_equal(_through(fewer, rows), _through(steps, rows)[:, given])
    return fewer


def _stays(steps: Steps, X: Any, keep: Any) -> None:
    width = _through(steps, X).shape[1]
    fewer, given = narrowed(steps, np.isin(np.arange(width), keep), lossy=False)
    assert fewer is steps
    assert given.all()


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), SimpleImputer(), FunctionTransformer()]
)
def test_scalers_take_and_give_only_the_columns_kept(scaler: Any) -> None:
    X = NUMBERS.copy()
    if isinstance(scaler, SimpleImputer):
        X[::3, 1:4] = np.nan
    fewer = _check(_steps(scaler.fit(X)), X, [1, 4])
    assert fewer[-1][1].n_features_in_ == 2
    assert fewer[0][1].n_features_in_ == 5  # callers still send all columns


def test_steps_one_after_the_other_are_all_cut() -> None:
    imputer = SimpleImputer().fit(NUMBERS)
    scaler = StandardScaler().fit(NUMBERS)
    projection = PCA(4, whiten=True).fit(scaler.transform(NUMBERS))
    fewer = _check(_steps(imputer, scaler), NUMBERS, [0, 2])
    assert [step.n_features_in_ for _, step in fewer] == [5, 2, 2]
    kept = _check(_steps(imputer, scaler, projection), NUMBERS, [1, 3])
    assert kept[-1][1].components_.shape == (2, 5)


def test_without_steps_columns_are_selected() -> None:
    fewer, given = narrowed((), np.array([False, True, False, True, False]), lossy=False)
    np.testing.assert_array_equal(_through(fewer, NUMBERS), NUMBERS[:, given])
    rows = sparse.csr_matrix(np.where(NUMBERS > 0, NUMBERS, 0))
    np.testing.assert_array_equal(_through(fewer, rows), rows.toarray()[:, given])


def test_columns_of_a_frame_are_selected_by_name() -> None:
    frame = pd.DataFrame(NUMBERS, columns=list("abcde"))
    fewer, _ = narrowed((), np.array([False, True, False, True, False]), lossy=False, names=np.array(list("abcde")))
    np.testing.assert_array_equal(_through(fewer, frame), frame[["b", "d"]].to_numpy())
    assert fewer[0][1].feature_names_in_.tolist() == list("abcde")


@pytest.mark.parametrize("drop", [None, "first", "if_binary"])
def test_categories_leave_an_encoder_that_ignores_unknown_ones(drop: Any) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore", drop=drop).fit(CITIES)
    unseen = np.array([["Oslo", "Paris", "Rome"], ["Bern", "Bern", "Lima"]], object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that unknown categories are ignored, where one is dropped
        fewer = _check(_steps(encoder), CITIES, [0, 2, 5], unseen=unseen)
    assert sum(map(len, fewer[-1][1].categories_)) == 3


def test_a_column_of_which_no_category_is_kept_is_not_taken() -> None:
    encoder = OneHotEncoder(handle_unknown="ignore").fit(CITIES)
    fewer = _check(_steps(encoder), CITIES, [4, 5])
    assert [len(categories) for categories in fewer[-1][1].categories_] == [2]


def test_an_encoder_that_refuses_unknown_categories_keeps_all_unless_lossy() -> None:
    steps = _steps(OneHotEncoder().fit(CITIES))
    _stays(steps, CITIES, [0, 2, 5])
    fewer = _check(steps, CITIES, [0, 2, 5, 9], lossy=True)
    assert _through(fewer, np.array([["Lima"] * 3], object)).tolist() == [[0, 0, 0, 0]]


def test_an_encoder_with_infrequent_categories_keeps_all() -> None:
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=11).fit(CITIES)
    _stays(_steps(encoder), CITIES, [0])


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), TfidfVectorizer(norm=None), CountVectorizer(binary=True)])
def test_terms_leave_a_vocabulary(vectorizer: Any) -> None:
    fewer = _check(_steps(vectorizer.fit(TEXTS)), TEXTS, [1, 2, 5])
    assert sorted(fewer[0][1].vocabulary_.values()) == [0, 1, 2]


def test_terms_stay_where_rows_are_divided_by_a_norm() -> None:
    vectorizer = TfidfVectorizer().fit(TEXTS)
    _stays(_steps(vectorizer), TEXTS, [1, 2])
    counter = CountVectorizer().fit(TEXTS)
    _stays(_steps(counter, TfidfTransformer().fit(counter.transform(TEXTS))), TEXTS, [1, 2])
    _stays(_steps(counter, Normalizer().fit(counter.transform(TEXTS))), TEXTS, [1, 2])


def test_of_a_norm_over_fewer_terms_the_rest_is_what_a_smaller_vocabulary_gives() -> None:
    vectorizer = TfidfVectorizer().fit(TEXTS)
    keep = np.isin(np.arange(len(vectorizer.vocabulary_)), [1, 2, 5])
    fewer, given = narrowed(_steps(vectorizer), keep, lossy=True)
    np.testing.assert_array_equal(given, keep)
    names = vectorizer.get_feature_names_out()[keep]
    other = TfidfVectorizer(vocabulary=names).fit(TEXTS)
    np.testing.assert_allclose(_through(fewer, TEXTS), other.transform(TEXTS).toarray())


def test_counts_before_idf_are_cut_with_it() -> None:
    counter = CountVectorizer().fit(TEXTS)
    weighting = TfidfTransformer(norm=None).fit(counter.transform(TEXTS))
    fewer = _check(_steps(counter, weighting), TEXTS, [0, 3])
    assert len(fewer[0][1].vocabulary_) == 2


def test_names_leave_a_dict_vectorizer() -> None:
    fewer = _check(_steps(DictVectorizer().fit(RECORDS)), RECORDS, [0, 2])
    assert fewer[0][1].get_feature_names_out().tolist() == ["a", "b=y"]


def test_a_projection_takes_all_and_gives_less() -> None:
    counter = CountVectorizer().fit(TEXTS)
    projection = TruncatedSVD(3, random_state=0).fit(counter.transform(TEXTS))
    fewer = _check(_steps(counter, projection), TEXTS, [0, 2])
    assert fewer[0][1] is counter


def test_what_nothing_is_known_of_keeps_all() -> None:
    _stays(_steps(QuantileTransformer(n_quantiles=10).fit(NUMBERS)), NUMBERS, [0])
    _stays(_steps(FunctionTransformer(np.sort).fit(NUMBERS)), NUMBERS, [0])


@pytest.fixture
def frame() -> pd.DataFrame:
    frame = pd.DataFrame(NUMBERS[:, :3], columns=["age", "pay", "size"])
    frame.loc[::4, "age"] = np.nan
    return frame.assign(city=CITIES[:, 0], home=CITIES[:, 1], note=np.resize(TEXTS, 40))


@pytest.fixture
def columns(frame: pd.DataFrame) -> ColumnTransformer:
    """3 numbers, 4 + 4 categories, 8 terms and a number as it is."""
    parts = [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "pay", "size"]),
        ("cities", OneHotEncoder(handle_unknown="ignore"), ["city", "home"]),
        ("terms", CountVectorizer(), "note"),
    ]
    return ColumnTransformer([*parts, ("as it is", "passthrough", ["pay"])]).fit(frame)


def test_each_part_of_a_column_transformer_is_cut(columns: ColumnTransformer, frame: pd.DataFrame) -> None:
    names = frame.columns.to_numpy()
    fewer = _check(_steps(columns), frame, [1, 2, 4, 6, 12, 14], names=names)
    (_, smaller), *_ = fewer
    assert smaller.feature_names_in_.tolist() == names.tolist()
    assert smaller._transformer_to_input_indices["numbers"] == [1, 2]
    assert smaller._transformer_to_input_indices["cities"] == [3]


def test_a_part_of_which_nothing_is_kept_is_dropped(columns: ColumnTransformer, frame: pd.DataFrame) -> None:
    fewer = _check(_steps(columns), frame, [0, 19], names=frame.columns)
    parts = {name: part for name, part, _ in fewer[0][1].transformers_}
    assert (parts["cities"], parts["terms"]) == ("drop", "drop")
    _check(_steps(columns), frame, [13], names=frame.columns)


def test_columns_by_number_are_cut_as_well() -> None:
    transformer = ColumnTransformer([("a", StandardScaler(), [0, 1, 2]), ("b", MinMaxScaler(), [3, 4])]).fit(NUMBERS)
    _check(_steps(transformer), NUMBERS, [1, 4])


def test_parts_of_a_union_are_cut_or_dropped() -> None:
    union = make_union(CountVectorizer(), TfidfVectorizer(norm=None), TfidfVectorizer()).fit(TEXTS)
    width = len(union.get_feature_names_out()) // 3
    fewer = _check(_steps(union), TEXTS, [0, 2, width])
    assert fewer[0][1].transformer_list[2][1] == "drop"


def test_a_frame_that_goes_into_a_scaler_keeps_its_columns() -> None:
    frame = pd.DataFrame(NUMBERS, columns=list("abcde"))
    steps = _steps(StandardScaler().fit(frame))
    fewer, given = narrowed(steps, np.arange(5) < 2, lossy=False, names=frame.columns)
    assert fewer is steps
    assert given.all()
