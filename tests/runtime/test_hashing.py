"""Names fall into the columns that scikit-learn's hashers give them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction import FeatureHasher
from sklearn.utils import murmurhash3_32

from skerry.runtime.hashing import Hasher, murmurhash3
from skerry.runtime.manifest import Hashing

TEXTS = ["", "a", "ab", "abc", "abcd", "abcde", "Привет", "日本語", "😀", "é" * 64, "x" * 64, "x" * 65, "y" * 1003]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:4]}:{len(text)}")
def test_the_hash_is_murmurhash3(text: str) -> None:
    assert murmurhash3(text.encode()) == murmurhash3_32(text.encode(), seed=0)


def test_random_bytes_of_all_lengths() -> None:
    random = np.random.default_rng(0)
    for length in range(200):
        data = random.bytes(length)
        assert murmurhash3(data) == murmurhash3_32(data, seed=0)


@pytest.mark.parametrize("alternate_sign", [True, False])
@pytest.mark.parametrize("n_features", [1, 2, 7, 2**20, 2**31 - 1])
def test_columns_and_signs_are_feature_hashers(n_features: int, alternate_sign: bool) -> None:
    values = {f"name {index}": float(index - 40) for index in range(80)}
    expected = FeatureHasher(n_features, alternate_sign=alternate_sign).transform([values]).tocoo()
    got = Hasher(Hashing(n_features=n_features, alternate_sign=alternate_sign))(values)
    assert got == dict(zip(expected.coords[1].tolist(), expected.data.tolist(), strict=True))


def test_the_smallest_hash_has_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.runtime.hashing.murmurhash3", lambda data: -(2**31))
    assert Hasher(Hashing(n_features=7, alternate_sign=True))({"a": 1.0}) == {(2**31 - 1 - 6) % 7: -1.0}
