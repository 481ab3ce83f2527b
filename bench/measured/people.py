"""A made table of people with columns of every kind that pandas has, and what is to be learned of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

FULL = ["height in cm", "weight", "children", "member"]
"""Columns without missing values: float64, float32, int64 and bool."""
NUMBERS = ["age", "height in cm", "Einkünfte", "weight", "children", "visits", "rating"]
WORDS = ["city", "colour", "plan"]
TEXT = "review text"

CITIES = ["Oslo", "Kyōto", "São Paulo", "", "N/A", "北京"]
COLOURS = ["red", "green", "blue", "Blau-Grün"]
PLANS = ["free", "basic", "pro €"]
TERMS = ["good", "bad", "très", "ночь", "quick", "the", "of", "Über", "x1", "don't", "value", "slow"]


def people(rows: int, seed: int, *, unseen: bool = False) -> pd.DataFrame:
    """A made table of all kinds of columns; with ``unseen``, some categories that training did not have."""
    random = np.random.default_rng(seed)
    new = ["Atlantis"] if unseen else []

    def pick(values: list[str], missing: Any = None, share: float = 0.1) -> list[Any]:
        picked = random.choice(np.array(values, object), rows)
        return [missing if lacks else value for value, lacks in zip(picked, random.random(rows) < share, strict=True)]

    def gaps(values: Any, dtype: Any) -> pd.Series:
        return pd.Series(values).astype(dtype).mask(random.random(rows) < 0.1)

    return pd.DataFrame(
        {
            "age": gaps(random.normal(40, 12, rows), float),
            "height in cm": random.normal(172, 9, rows).round(1),
            "Einkünfte": gaps(random.lognormal(8, 1, rows), float),
            "weight": random.normal(70, 12, rows).astype(np.float32),
            "children": random.integers(0, 5, rows),
            "member": random.integers(0, 2, rows).astype(bool),
            "visits": gaps(random.integers(0, 30, rows), "Int64"),
            "rating": gaps(random.integers(2, 11, rows) / 2, "Float64"),
            "active": gaps(random.integers(0, 2, rows).astype(bool), "boolean"),
            "city": pd.Series(pick([*CITIES, *new]), dtype=object),
            "colour": pd.Series(pick([*COLOURS, *new], np.nan), dtype="str"),
            "plan": pd.Series(pd.Categorical(pick([*PLANS, *new]), categories=[*PLANS, *new])),
            "zone": pd.Series(pd.Categorical(random.choice([10, 20, 35], rows), categories=[10, 20, 35])),
            TEXT: [" ".join(random.choice(TERMS, random.integers(0, 9))) for _ in range(rows)],
        }
    )


def targets(frame: pd.DataFrame) -> dict[str, Any]:
    """What is to be learned, of every kind."""
    random = np.random.default_rng(len(frame))
    number = (
        frame["height in cm"].to_numpy() / 10
        + frame["children"].to_numpy()
        + 3 * frame["member"].to_numpy()
        + 4 * (frame["plan"].to_numpy(object) == "free")
        + frame[TEXT].str.count("good").to_numpy()
        + random.normal(size=len(frame))
    )
    ranks = pd.qcut(number, 3, labels=False)
    return {
        "answer": np.where(number > np.median(number), "yes", "no"),
        "flag": (number > np.median(number)).astype(int),
        "grade": np.array(["bas", "élevé", "medium"], object)[ranks],
        "number": number,
        "skewed": np.exp(number / 6),
        "numbers": np.stack([number, frame["weight"].to_numpy(float) + random.normal(size=len(frame))], axis=1),
        "flags": np.stack([number > 20, frame["children"] > 2, frame["member"]], axis=1).astype(int),
        "none": None,
    }
