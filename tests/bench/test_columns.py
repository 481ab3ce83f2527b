"""Feeds of a model with named columns, by their names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skerry.bench.columns import columns_of
from skerry.runtime import Model


def test_columns_come_back_in_the_order_of_the_inputs(passengers_model: Model, passengers_rows: pd.DataFrame) -> None:
    columns = columns_of(passengers_model.feeds.from_rows(passengers_rows), passengers_model.manifest)
    assert list(columns) == list(passengers_rows.columns)
    for name in ("age", "relatives", "member"):
        np.testing.assert_array_equal(columns[name].astype(float), passengers_rows[name].astype(float))
    assert columns["city"].tolist() == passengers_rows["city"].tolist()
