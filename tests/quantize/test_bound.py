"""The bound holds: of what is chosen, at most one in twenty loses more than the bound on a third, fresh split."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from skerry.quantize.front import Point
from skerry.quantize.loss import Comparison
from skerry.quantize.metrics import METRICS
from skerry.quantize.proof import order, passes, prove
from skerry.runtime.manifest import Loss

BOUND, TREES, SEARCHES = 0.01, 60, 80
TEACHER = Point(name="all trees", family="teacher", steps=(), bytes=TREES)


def ladder(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A truth, and what the first 1, 2, ... trees of a forest answer, (trees, rows): each a little worse than the next."""
    if name == "r2":
        X, y = make_friedman1(30_000, noise=2, random_state=1)
        forest = RandomForestRegressor(TREES, random_state=0, min_samples_leaf=3).fit(X[:2000], y[:2000])
        each = np.stack([tree.predict(X[2000:]) for tree in forest.estimators_])
    else:
        X, y = make_classification(30_000, 12, n_informative=6, flip_y=0.1, weights=[0.7], random_state=1)
        forest = RandomForestClassifier(TREES, random_state=0, min_samples_leaf=3).fit(X[:2000], y[:2000])
        each = np.stack([tree.predict_proba(X[2000:])[:, 1] for tree in forest.estimators_])
    means = np.cumsum(each, axis=0) / np.arange(1, TREES + 1)[:, None]
    return y[2000:], (means > 0.5).astype(int) if name == "accuracy" else means


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "r2"])
@pytest.mark.parametrize("rows", [500, 2000])
def test_few_of_the_chosen_lose_more_than_the_bound_on_fresh_rows(name: str, rows: int) -> None:
    """Candidates as dense as they come, so that one always lies just at the bound: the hardest case."""
    metric = METRICS[name]
    y, answers = ladder(name)
    places = list(range(0, TREES - 1, 5))

    def compared(part: np.ndarray, seed: int) -> list[Loss]:
        comparison = Comparison(metric, y[part], answers[-1, part], classes=2, seed=seed, bound=BOUND)
        return [comparison.loss(answers[place, part]) for place in places]

    written = over = 0
    for seed in range(SEARCHES):
        parts = np.random.default_rng(seed).permutation(len(y))[: 3 * rows].reshape(3, rows)
        judged, proved = compared(parts[0], seed), compared(parts[1], seed)
        points = [
            Point(name=f"{place:02d}", family="first", steps=(), bytes=place + 1, loss=loss)
            for place, loss in zip(places, judged, strict=True)
        ]
        tried = prove(order(points, TEACHER, "size"), proved.__getitem__)
        passed = [place for place, loss in tried.items() if passes(loss)]
        if passed:
            written += 1
            fresh = metric.value(y[parts[2]], answers[-1, parts[2]], 2)
            lost = metric.sign * (fresh - metric.value(y[parts[2]], answers[places[passed[-1]], parts[2]], 2))
            over += lost > BOUND
    assert written > 0 or rows == 500
    assert over <= binom.ppf(0.95, written, 0.05), (over, written)
