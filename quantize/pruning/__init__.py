"""What makes one estimator smaller: one file a family."""
