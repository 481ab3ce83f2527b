"""``inputs_for``: steps that make of rows what a student can learn from, where the teacher's own steps do not."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

Wanted = Literal["numbers", "trees"]
"""What a student takes: numbers without gaps, or what boosted trees take (gaps, and categories of their own)."""

MOST_CATEGORIES = 255
"""That boosted trees of scikit-learn take in a column."""
ONE_HOT = 64
"""Columns that one of strings becomes at most; the others are one together."""


def inputs_for(rows: Any, wanted: Wanted, *, gaps: bool) -> Any:
    """A transformer fitted on ``rows``; None where they can be learned from as they are.

    Args:
        rows: a frame, an array of numbers or strings, a sparse matrix, or a list of texts.
        gaps: numbers may be missing later on, if not in these rows.
    """
    if sparse.issparse(rows):
        return None
    if not isinstance(rows, pd.DataFrame | np.ndarray) or (rows.ndim == 1 and rows.dtype.kind in "OU"):
        return TfidfVectorizer(min_df=2, sublinear_tf=True).fit(rows)
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    names = list(frame.columns)
    told = [name for name in names if not is_numeric_dtype(frame[name].dtype)]
    missing = [name for name in names if name not in told and _may_miss(frame[name], gaps)]
    if not (told if wanted == "trees" else told + missing):
        return None
    if wanted == "trees" and all(_is_native(frame[name]) for name in told):
        return None
    whole = [name for name in names if name not in told and (wanted == "trees" or name not in missing)]
    parts = [("whole", "passthrough", whole), *_parts(told, missing, wanted)]
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0).fit(rows)


def _parts(told: list[Any], missing: list[Any], wanted: Wanted) -> list[tuple[str, Any, list[Any]]]:
    if wanted == "trees":
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        return [("categories", codes, told)]
    columns = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=ONE_HOT, sparse_output=False)
    return [("gaps", SimpleImputer(strategy="median", add_indicator=True), missing), ("categories", columns, told)]


def coded_columns(inputs: Any) -> list[int]:
    """Of what ``inputs_for`` made for trees, the columns that are codes of few enough categories."""
    if inputs is None:
        return []
    encoder = inputs.named_transformers_["categories"]
    start = inputs.output_indices_["categories"].start
    return [start + place for place, known in enumerate(encoder.categories_) if len(known) <= MOST_CATEGORIES]


def _may_miss(column: pd.Series, gaps: bool) -> bool:
    floats = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    return bool(column.isna().any()) or (floats and gaps)


def _is_native(column: pd.Series) -> bool:
    """A column of categories that boosted trees take as they are."""
    return isinstance(column.dtype, pd.CategoricalDtype) and len(column.cat.categories) <= MOST_CATEGORIES
