"""A BentoML service with a scikit-learn model."""

import os
from typing import Annotated

import bentoml
import joblib
import numpy as np
from bentoml.validators import DType, Shape

Rows = Annotated[np.ndarray, DType("float64"), Shape((-1, 30))]


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Classifier:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    async def predict(self, X: Rows) -> np.ndarray:
        return self.model.predict_proba(X)
