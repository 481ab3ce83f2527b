"""``wrong_of``: what is no value of a datatype."""

from __future__ import annotations

from skerry.bench.measured.border_models import OPTIONAL

NO_NUMBERS = (
    '"1.5"', "true", "[]", "{}", "NaN", "Infinity", "-Infinity", "1e999", "-1e400", '"NaN"', "1.", ".5", "+1", "0x10", "1_0", "01",
    "--1", "1e", '""', "[1.0]", "undefined", "'1'", "1,5.", "\uff11", "1\u00a0",
)  # fmt: skip
NO_INTEGERS = (
    "1.0", "1.5", "1e2", "9223372036854775808", "-9223372036854775809", '"3"', "true", "null", "1e400", "-", "[]",
)  # fmt: skip
NO_TRUTHS = ("0", "1", '"true"', "True", "null", "2", "[]", "tru")
NO_TEXTS = ("1", "true", "{}", '["x"]', '"\\ud800"', '"a\x01b"', "'x'", '"\\x41"', '"open', "1.5")
WRONG: dict[str, tuple[str, ...]] = {"FP64": NO_NUMBERS, "INT64": NO_INTEGERS, "BOOL": NO_TRUTHS, "BYTES": NO_TEXTS}
"""Datatype → JSON, or what looks like it, that is no value of it."""


def wrong_of(name: str, datatype: str) -> tuple[str, ...]:
    return WRONG[datatype] if name in OPTIONAL else ("null", *WRONG[datatype])
