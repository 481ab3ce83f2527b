"""How schemathesis writes the media types of rows, which it does not know: texts as they are, anything else as JSON."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer(
    "application/x-ndjson",
    "text/csv",
    "application/x-npy",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
)
def rows(context: schemathesis.SerializationContext, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")
