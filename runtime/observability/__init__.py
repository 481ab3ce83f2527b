"""What is seen from outside: times, counts, metrics, logs and traces, made off the hot path."""
