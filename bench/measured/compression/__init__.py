"""Smaller and faster within a stated loss: measured on data sets, against baselines, bounds and goals."""
