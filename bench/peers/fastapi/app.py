"""FastAPI with a scikit-learn model."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["MODEL"])


class Rows(BaseModel):
    X: list[list[float]]


class Probabilities(BaseModel):
    probabilities: list[list[float]]


@app.post("/predict")
async def predict(rows: Rows) -> Probabilities:
    return Probabilities(probabilities=model.predict_proba(np.array(rows.X)).tolist())
