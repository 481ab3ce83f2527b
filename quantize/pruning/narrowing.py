"""``narrowed``: the steps before a final estimator, made to give it only the columns that it still uses.

What is removed are terms of a vocabulary, categories of an encoder, columns of a scaler, down to the columns that come
in. Those stay in the model's signature: its callers send the same rows. What is wrong in a column that nothing looks
at any more, such as a missing value, is no longer refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skerry.quantize.teacher import Array

Steps = tuple[tuple[str, Any], ...]
WHOLE = np.ones(1, bool)
"""The inputs of a step that takes texts or records: they are one column."""


@dataclass(frozen=True)
class Narrowed:
    """A step that gives only the columns ``given`` of those it gave, and takes only ``taken`` of those it took; masks."""

    step: Any
    given: Array
    taken: Array


def narrowed(steps: Steps, keep: Array, *, lossy: bool, names: Any = None) -> tuple[Steps, Array]:
    """Steps that give the columns ``keep``, and such as cannot be left out.

    Args:
        steps: the fitted steps, named; none, where the final estimator is all there is.
        keep: bool (columns), the columns that are used of those the last step gives; at least one.
        lossy: whether columns may be left out that change others: terms before a norm, and categories of an encoder
            that refuses those it does not know, which it ignores from then on.
        names: of the columns that come in, where the model was fitted on a frame.

    Returns:
        The steps, and which of the columns they still give: bool (columns).
    """
    if not steps:
        return (("columns", _selector(keep, names)),), keep
    found = _chained([step for _, step in steps], keep, lossy)
    if found is None:
        return steps, np.ones(len(keep), bool)
    chain, given, taken = found
    if not taken.all():
        if (
            names is not None
        ):  # columns of a frame may be of different kinds, and stay apart only in a ColumnTransformer
            return steps, np.ones(len(keep), bool)
        return (("columns", _selector(taken, None)), *_named(steps, chain)), given
    return _named(steps, chain), given


def _named(steps: Steps, chain: Sequence[Any]) -> Steps:
    return tuple((name, step) for (name, _), step in zip(steps, chain, strict=True))


def _selector(keep: Array, names: Any) -> Any:
    """The columns that are kept, as they are."""
    rows: Any = np.zeros((1, len(keep)))
    columns: list[Any] = np.flatnonzero(keep).tolist()
    if names is not None:
        rows, columns = pd.DataFrame(rows, columns=list(names)), [str(names[index]) for index in columns]
    return ColumnTransformer([("kept", "passthrough", columns)], sparse_threshold=1.0).fit(rows)


def _chained(steps: list[Any], keep: Array, lossy: bool) -> tuple[list[Any], Array, Array] | None:
    """The steps one after the other, what the last gives, and what the first takes; None where nothing can go."""
    *before, last = steps
    found = _narrow(last, keep, lossy)
    if found is None:
        return None
    if not before:
        return [found.step], found.given, found.taken
    earlier = _chained(before, found.taken, lossy) if not found.taken.all() else (before, found.taken, WHOLE)
    if earlier is None or not np.array_equal(earlier[1], found.taken):
        got = np.ones(len(found.taken), bool) if earlier is None else earlier[1]
        found = _narrow(last, got, lossy) if _name(last) in _COLUMNWISE else None
        if found is None or found.given.all():
            return None
        earlier = (before, got, WHOLE) if earlier is None else earlier
    return [*earlier[0], found.step], found.given, earlier[2]


def _narrow(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    narrow = _TABLE.get(_name(step))
    found = None if narrow is None else narrow(step, keep, lossy)
    return None if found is None or found.given.all() else found


def _name(step: Any) -> str:
    return f"{type(step).__module__.partition('.')[0]}.{type(step).__name__}"


def _fewer_inputs(step: Any, taken: Array) -> Any:
    """A copy that takes fewer columns."""
    smaller = copy(step)
    smaller.n_features_in_ = int(taken.sum())
    if hasattr(step, "feature_names_in_"):
        smaller.feature_names_in_ = step.feature_names_in_[taken]
    return smaller


def _columnwise(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """What treats each column by itself: its statistics are cut."""
    if getattr(step, "func", None) is not None or getattr(step, "add_indicator", False):
        return None
    smaller = _fewer_inputs(step, keep)
    for attribute in _COLUMNWISE[_name(step)]:
        values = getattr(step, attribute, None)
        if isinstance(values, np.ndarray) and values.ndim == 1:
            if len(values) != len(keep):
                return None
            setattr(smaller, attribute, values[keep])
    if getattr(step, "statistics_", None) is not None and pd.isna(step.statistics_).any():
        return None  # an imputer drops columns that were empty in training
    return Narrowed(smaller, keep, keep)


def _components(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """A projection: each of its columns is a row of ``components_``."""
    smaller = copy(step)
    for attribute in ("components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"):
        if hasattr(step, attribute):
            setattr(smaller, attribute, getattr(step, attribute)[keep])
    smaller.n_components = int(keep.sum())
    if hasattr(step, "n_components_"):
        smaller.n_components_ = int(keep.sum())
    return Narrowed(smaller, keep, np.ones(step.n_features_in_, bool))


def _one_hot(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """An encoder that ignores what it does not know: a category that is left out is unknown, and sets no column."""
    if step._infrequent_enabled or (step.handle_unknown != "ignore" and not lossy):
        return None
    dropped = step._drop_idx_after_grouping
    kept, start = [], 0
    for index, categories in enumerate(step.categories_):
        shown = np.ones(len(categories), bool)
        if dropped is not None and dropped[index] is not None:
            shown[dropped[index]] = False
        end = start + int(shown.sum())
        kept.append(categories[shown][keep[start:end]])
        start = end
    taken = np.array([len(categories) > 0 for categories in kept])
    smaller = _fewer_inputs(step, taken)
    smaller.categories_ = [categories for categories in kept if len(categories)]
    smaller._n_features_outs = [len(categories) for categories in smaller.categories_]
    smaller.drop, smaller.drop_idx_, smaller._drop_idx_after_grouping = None, None, None
    smaller.handle_unknown = "ignore"
    return Narrowed(smaller, keep, taken)


def _vocabulary(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """Counts of terms, or values of records: those left out are unknown, and ignored."""
    weighted = hasattr(step, "_tfidf")
    if weighted and step.norm is not None and not lossy:
        return None  # the others are divided by a norm to which every term counts
    smaller, places = copy(step), np.cumsum(keep) - 1
    smaller.vocabulary_ = {term: int(places[index]) for term, index in step.vocabulary_.items() if keep[index]}
    if hasattr(step, "feature_names_"):
        smaller.feature_names_ = [name for name, kept in zip(step.feature_names_, keep, strict=True) if kept]
    if weighted:
        smaller._tfidf = _weighting(step._tfidf, keep)
    return Narrowed(smaller, keep, WHOLE)


def _tfidf(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    return Narrowed(_weighting(step, keep), keep, keep) if step.norm is None or lossy else None


def _weighting(step: Any, keep: Array) -> Any:
    smaller = copy(step)
    if step.use_idf:
        smaller.idf_ = step.idf_[keep]
    if hasattr(step, "n_features_in_"):
        smaller.n_features_in_ = int(keep.sum())
    return smaller


def _pipeline(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    parts = [(name, part) for name, part in step.steps if part not in (None, "passthrough")]
    found = _chained([part for _, part in parts], keep, lossy) if parts else None
    if found is None:
        return None
    chain, given, taken = found
    return Narrowed(Pipeline(list(_named(tuple(parts), chain))), given, taken)


def _column_transformer(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """Each part for itself; one of which nothing is used is dropped. It takes all columns that come in still."""
    smaller, given = copy(step), np.zeros(len(keep), bool)
    indices = dict(step._transformer_to_input_indices)
    parts, places, start = [], {}, 0
    for name, part, columns in step.transformers_:
        place = step.output_indices_[name]
        wanted = keep[place]
        if isinstance(part, str) or not len(wanted):
            parts.append((name, part, columns))
        elif not wanted.any():
            parts.append((name, "drop", columns))
        else:
            found = _narrow(part, wanted, lossy)
            if found is not None and not found.taken.all():
                indices[name] = np.asarray(indices[name])[found.taken].tolist()
                columns = _specified(step, columns, indices[name])
            parts.append((name, part if found is None else found.step, columns))
            given[place] = True if found is None else found.given
        end = start + int(given[place].sum())
        places[name], start = slice(start, end), end
    smaller.transformers_, smaller.output_indices_ = parts, places
    smaller._transformer_to_input_indices = indices
    smaller._columns = [columns for _, _, columns in parts]
    return Narrowed(smaller, given, np.ones(step.n_features_in_, bool))


def _specified(step: Any, columns: Any, indices: list[int]) -> Any:
    """Columns as they were specified: by name or by index."""
    first = columns[0] if isinstance(columns, list | tuple | np.ndarray | pd.Index) and len(columns) else columns
    return [str(step.feature_names_in_[index]) for index in indices] if isinstance(first, str) else indices


def _union(step: Any, keep: Array, lossy: bool) -> Narrowed | None:
    """Parts that all take the same columns; one of which nothing is used gives nothing."""
    widths = [0 if isinstance(part, str) else _width(part) for _, part in step.transformer_list]
    if None in widths or sum(widths) != len(keep):  # type: ignore[arg-type]
        return None
    smaller, given, parts, start = copy(step), np.ones(len(keep), bool), [], 0
    for (name, part), width in zip(step.transformer_list, widths, strict=True):
        place = slice(start, start + (width or 0))
        start = place.stop
        found = None if isinstance(part, str) or not keep[place].any() else _narrow(part, keep[place], lossy)
        if not isinstance(part, str) and not keep[place].any():
            part, given[place] = "drop", False
        elif found is not None and found.taken.all():
            part, given[place] = found.step, found.given
        parts.append((name, part))
    smaller.transformer_list = parts
    return Narrowed(smaller, given, WHOLE)


def _width(part: Any) -> int | None:
    """How many columns a step gives; None where it does not say."""
    if hasattr(part, "vocabulary_"):
        return len(part.vocabulary_)
    try:
        return len(part.get_feature_names_out())
    except (AttributeError, ValueError):
        return None


_COLUMNWISE: dict[str, tuple[str, ...]] = {
    "sklearn.FunctionTransformer": (),
    "sklearn.MaxAbsScaler": ("scale_", "max_abs_"),
    "sklearn.MinMaxScaler": ("min_", "scale_", "data_min_", "data_max_", "data_range_"),
    "sklearn.RobustScaler": ("center_", "scale_"),
    "sklearn.SimpleImputer": ("statistics_",),
    "sklearn.StandardScaler": ("mean_", "scale_", "var_", "n_samples_seen_"),
}
"""Steps that treat each column by itself, and what they know of each."""

_TABLE: dict[str, Callable[[Any, Array, bool], Narrowed | None]] = {
    **dict.fromkeys(_COLUMNWISE, _columnwise),
    "sklearn.ColumnTransformer": _column_transformer,
    "sklearn.CountVectorizer": _vocabulary,
    "sklearn.DictVectorizer": _vocabulary,
    "sklearn.FeatureUnion": _union,
    "sklearn.OneHotEncoder": _one_hot,
    "sklearn.PCA": _components,
    "sklearn.Pipeline": _pipeline,
    "sklearn.TfidfTransformer": _tfidf,
    "sklearn.TfidfVectorizer": _vocabulary,
    "sklearn.TruncatedSVD": _components,
}
"""Steps of which columns can be left out."""
