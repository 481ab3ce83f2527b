"""LitServe with a scikit-learn model."""

import os
import sys

import joblib
import litserve
import numpy as np


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return np.array(request["X"])

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def encode_response(self, probabilities):
        return {"probabilities": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
