"""RANSACRegressor, which answers with the estimator fitted on its inliers."""

from __future__ import annotations

from typing import Any

from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs


def ransac(estimator: Any, features: Features, scope: Scope) -> Outputs:
    outputs = scope.convert("estimator_", estimator.estimator_, features)
    return {"predict": outputs["predict"]}
