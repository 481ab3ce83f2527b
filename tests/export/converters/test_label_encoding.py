"""LabelEncoder and LabelBinarizer as models: a label → its place, or its column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer, LabelEncoder

from skerry.export import export
from skerry.runtime.errors import UnsupportedEstimator


@pytest.mark.parametrize(
    ("labels", "ugly"),
    [
        (np.array(["b", "a", "ö", "日本"], object), np.array(["a", "A", "", "a ", "日本"], object)),
        (np.array([3, -1, 2**40]), np.array([3, 0, 2**40, -1, 2**40 + 1])),
        (np.array([0.5, -0.0, 1e300]), np.array([0.0, -0.0, 0.5, np.nextafter(0.5, 1), np.nan, np.inf])),
        (np.array([0.5, 2, np.nan]), np.array([np.nan, 0.5, np.inf])),
        (np.array([True, False]), np.array([False, True])),
    ],
    ids=["strings", "integers", "floats", "floats, missing", "booleans"],
)
def test_labels_become_their_places(labels: Any, ugly: Any, check_same: Callable[..., Any]) -> None:
    check_same(LabelEncoder().fit(labels), labels, ugly)


@pytest.mark.parametrize("ends", [(0, 1), (-1, 5), (-2, 0)])
@pytest.mark.parametrize(
    "labels",
    [np.array([3, -1, 2**40, 0]), np.array([3, -1, 7], np.int32), np.array(["b", "a", "ö", "日本"], object)],
    ids=["integers", "int32", "strings"],
)
def test_labels_become_their_columns(labels: Any, ends: tuple[int, int], check_same: Callable[..., Any]) -> None:
    ugly = np.concatenate([labels, np.array(["c", ""], object) if labels.dtype == object else np.array([5, -3])])
    check_same(LabelBinarizer(neg_label=ends[0], pos_label=ends[1]).fit(labels), labels, ugly.astype(labels.dtype))


@pytest.mark.parametrize(
    ("estimator", "labels", "reason"),
    [
        (LabelEncoder(), np.array(["a", "b"]), "strings of fixed width"),
        (LabelEncoder(), np.array([1, 2**53]), r"2\*\*53"),
        (LabelBinarizer(), np.array([1, 2]), "hangs on the other rows"),
    ],
    ids=["fixed width", "large integers", "columns by batch"],
)
def test_what_cannot_be_exact_is_refused(estimator: Any, labels: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(estimator.fit(labels), labels, name="model", to=tmp_path)
