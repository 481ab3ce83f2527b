"""Media types (RFC 9110, section 8.3): what a body is said to be, and what an answer may be."""

from __future__ import annotations

from collections.abc import Sequence

from skerry.runtime.errors import NotAcceptable, UnsupportedMedia

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"

ALIASES = {
    "text/json": JSON,
    "application/jsonl": NDJSON,
    "application/x-jsonlines": NDJSON,
    "application/csv": CSV,
    "application/x-parquet": PARQUET,
    "application/npy": NPY,
}
"""Other names of the same media types."""

_UNSAID = dict.fromkeys(
    ("", "json", "*/*", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"), JSON
)
"""What clients send for lack of anything better: ``curl -d`` a form, others bytes or plain text."""

_CHARSETS = {"utf-8", "utf8", "us-ascii"}


def parse(content_type: str) -> tuple[str, dict[str, str]]:
    """The media type, in lower case and by its own name, and its parameters."""
    name, *parts = content_type.split(";")
    parameters = {}
    for part in parts:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    name = name.strip().lower()
    return _UNSAID.get(name) or ALIASES.get(name, name), parameters


def content(content_type: str, known: Sequence[str]) -> str:
    """Which of ``known`` media types a body is, by its Content-Type.

    Raises:
        UnsupportedMedia: it is none of them, is not in UTF-8, or has no header line where it should.
    """
    name, parameters = parse(content_type)
    if name not in known:
        raise UnsupportedMedia(f"content-type: expected one of {', '.join(known)}, got {content_type!r:.80}")
    charset = parameters.get("charset", "utf-8")
    if charset.lower() not in _CHARSETS:
        raise UnsupportedMedia(f"content-type: expected charset utf-8, got {charset!r:.40}")
    if parameters.get("header", "present").lower() != "present":  # RFC 4180, section 3
        raise UnsupportedMedia("content-type: expected a header line that names the columns, got header=absent")
    return name


def negotiate(accept: str, offered: Sequence[str]) -> str:
    """The best of ``offered`` media types by an Accept header (RFC 9110, section 12.5.1); the first where all are alike.

    Raises:
        NotAcceptable: it accepts none of them.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    quality = {name: _quality(name, ranges) for name in offered}
    best = max(offered, key=lambda name: quality[name])
    if quality[best] <= 0:
        raise NotAcceptable(f"accept: expected one of {', '.join(offered)}, got {accept!r:.80}")
    return best


def _range(part: str) -> tuple[str, float]:
    name, _, parameters = part.partition(";")
    weight = next(
        (value for key, _, value in (p.partition("=") for p in parameters.split(";")) if key.strip() == "q"), "1"
    )
    name = name.strip().lower()
    return ALIASES.get(name, name), _weight(weight.strip())


def _weight(text: str) -> float:
    """A qvalue: 0 to 1 with three decimals at most; what is none counts as 0."""
    plain = text.replace(".", "", 1)
    return min(float(text), 1.0) if plain.isascii() and plain.isdigit() and len(text) <= 5 else 0.0


def _quality(name: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that ``name`` is in."""
    weights = dict(reversed(ranges))
    for pattern in (name, f"{name.partition('/')[0]}/*", "*/*"):
        if pattern in weights:
            return weights[pattern]
    return 0.0
