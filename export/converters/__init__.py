"""Estimator → graph: a function per estimator, by family. ``estimators.py`` has the table of them."""
