from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skerry.bench.measured import batching
from skerry.export import export


def test_both_servers_answer_rightly_and_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "ROUNDS", 1)
    monkeypatch.setattr(batching, "SECONDS", 0.2)
    X, y = load_iris(return_X_y=True)
    estimator = LogisticRegression(max_iter=500).fit(X, y)
    export(estimator, X, y, name="model", to=tmp_path)
    many, single = batching.measure(tmp_path, X[:20], estimator)
    assert [list(many), list(single)] == [[batching.BY_DEFAULT, batching.OFF]] * 2
    assert [run.connections for runs in (*many.values(), *single.values()) for run in runs] == [32, 32, 1, 1]
    assert all(run.verified == run.requests > 0 for runs in many.values() for run in runs)
    line = batching._line("iris", many, single)
    assert line.startswith("| iris | ")
    assert line.count("|") == 10
