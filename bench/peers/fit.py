"""The model that all serve: ``python fit.py FOLDER`` fits it, and writes it and the rows it has not seen."""

import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

TRAINED = 400

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    X, y = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(random_state=0).fit(X[:TRAINED], y[:TRAINED])
    joblib.dump(model, folder / "model.joblib")
    np.savez(folder / "held_out.npz", X=X[TRAINED:], y=y[TRAINED:])
