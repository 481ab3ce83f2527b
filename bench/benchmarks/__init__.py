"""Skerry beside other servers of scikit-learn models: docs/benchmarks.md and the README's table.

servers ─▶ environments ─▶ workload ─▶ running ─▶ comparison ─▶ page
the table  one for each    the model   started,   what was      as people
                                       stopped    measured      read it
"""
