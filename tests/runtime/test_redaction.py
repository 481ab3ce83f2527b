from __future__ import annotations

import pytest

from skerry.runtime.redaction import redact

NAMES = {"age", "it's", "predict", "X", "records"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input 'age' row 3: expected a number, got 'secret'", "input 'age' row 3: expected a number"),
        ("input 'age' row 3: expected a number, got 'a, got b\nc'", "input 'age' row 3: expected a number"),
        ("input 'agf' row 3: unknown (did you mean 'age'?)", "input '…' row 3: unknown (did you mean 'age'?)"),
        ('input "it\'s": missing', 'input "it\'s": missing'),
        ("input 'Jane\\'s 5': unknown", "input '…': unknown"),
        ("field '': unknown", "field '…': unknown"),
        ('expected one of "X", "records", got none', 'expected one of "X", "records"'),
        ("output 'x': expected some of predict", "output '…': expected some of predict"),
        ("expected a Parquet file: Invalid: secret", "expected a Parquet file"),
        ("expected JSON: invalid character (byte 0)", "expected JSON: invalid character (byte 0)"),
    ],
)
def test_places_and_expectations_stay_and_values_go(text: str, expected: str) -> None:
    assert redact(text, NAMES) == expected
