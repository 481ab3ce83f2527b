"""What makes one ONNX graph smaller or faster: artifact in, artifact out."""
