from __future__ import annotations

import re

import pytest

from skerry.runtime.errors import NotAcceptable, UnsupportedMedia
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NPY, content, negotiate, parse

KNOWN = (JSON, CSV, ARROW, NPY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (JSON, {})),
        ("application/json", (JSON, {})),
        ("Application/JSON ; Charset=\"utf-8\"", (JSON, {"charset": "utf-8"})),
        ("application/x-www-form-urlencoded", (JSON, {})),
        ("text/plain;charset=UTF-8", (JSON, {"charset": "UTF-8"})),
        ("text/csv; header=present; charset=utf-8", (CSV, {"header": "present", "charset": "utf-8"})),
        ("application/csv;", (CSV, {"": ""})),
        ("image/png", ("image/png", {})),
    ],
)  # fmt: skip
def test_a_content_type_is_a_media_type_and_parameters(text: str, expected: tuple[str, dict[str, str]]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("image/png", f"content-type: expected one of {', '.join(KNOWN)}, got 'image/png'"),
        ("application/vnd.bentoml+pickle", f"content-type: expected one of {', '.join(KNOWN)}, got 'application/vnd.bentoml+pickle'"),
        ("multipart/form-data; boundary=x", f"content-type: expected one of {', '.join(KNOWN)}, got 'multipart/form-data; boundary=x'"),
        ("application/json; charset=utf-16", "content-type: expected charset utf-8, got 'utf-16'"),
        ("text/csv; header=absent", "content-type: expected a header line that names the columns, got header=absent"),
    ],
)  # fmt: skip
def test_other_content_is_refused(text: str, error: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"^{re.escape(error)}$"):
        content(text, KNOWN)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", None),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("application/json;q=0.5, text/csv;q=0.4", JSON),
        ("text/csv;q=0, */*;q=0.1", JSON),
        ("application/json;q=0, */*", CSV),
        (f"{NPY}, {ARROW}", ARROW),
        ("application/csv", CSV),
        ("text/csv;header=present;q=0.9", CSV),
        ("image/png", None),
        ("text/plain", None),
        ("text/csv;q=0", None),
        ("text/csv;q=nan", None),
        ("text/csv;q=-1", None),
        (",;,", None),
    ],
)
def test_the_answer_is_in_the_best_type_that_is_accepted(accept: str, expected: str | None) -> None:
    if expected:
        assert negotiate(accept, KNOWN) == expected
        return
    with pytest.raises(NotAcceptable, match=r"^accept: expected one of application/json, text/csv, "):
        negotiate(accept, KNOWN)
