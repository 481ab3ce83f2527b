"""``PAGES``: the paths that answer something other than inference, and what."""

from __future__ import annotations

from typing import NamedTuple

from skerry.runtime.description.schema import Schema
from skerry.runtime.errors import (
    Conflict,
    Forbidden,
    InferenceError,
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    TooLarge,
)

Errors = tuple[type[InferenceError], ...]

_FINDING: Errors = (ModelNotFound, ModelNotReady)
CHANGE: Errors = (InvalidInput, Forbidden, ModelNotFound, Conflict, TooLarge)

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_VERSIONS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"version": COUNT, "state": {"$ref": "#/components/schemas/State"}, "reason": TEXT},
        "required": ["version", "state", "reason"],
    },
}


def fields(**properties: Schema) -> Schema:
    """An object with all of these, and perhaps others."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_METADATA = fields(name=TEXT, datatype=TEXT, shape={"type": "array", "items": {"type": "integer"}})
_TENSORS: Schema = {"type": "array", "items": _METADATA}
_MODEL = fields(
    name=TEXT,
    default_version={"type": ["integer", "null"]},
    aliases={"type": "object", "additionalProperties": {"type": "integer"}},
    versions=_VERSIONS,
)
_CALL: Schema = {
    "type": "object",
    "properties": {
        "parameters": {
            "type": "object",
            "properties": {
                "version": {"type": ["integer", "string"], "minimum": 1},
                "unload_dependents": {"type": "boolean"},
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}


class Page(NamedTuple):
    """A path that answers something other than inference."""

    tag: str
    summary: str
    answer: Schema | str
    errors: Errors = ()
    body: Schema | None = None
    needs_body: bool = False


_READY = fields(name=TEXT, ready={"const": True})
_CONFIG = fields(name=TEXT, max_batch_size=COUNT, input={"type": "array"}, output={"type": "array"})
_STATS = fields(model_stats={"type": "array", "items": {"type": "object"}})
_ABOUT = fields(name=TEXT, versions={"type": "array", "items": TEXT}, inputs=_TENSORS, outputs=_TENSORS)

PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/v2"): Page("server", "Name, version and extensions of the server", fields(name=TEXT, version=TEXT)),
    ("GET", "/v2/health/live"): Page("server", "Whether the server runs", fields(live={"const": True})),
    ("GET", "/v2/health/ready"): Page(
        "server", "Whether every model that should serve can", fields(ready={"const": True}), (ModelNotReady,)
    ),
    ("GET", "/metrics"): Page("server", "Metrics for Prometheus", "text/plain"),
    ("GET", "/openapi.json"): Page("server", "This description", fields(openapi=TEXT)),
    ("GET", "/docs"): Page("server", "This description, for people", "text/html"),
    ("GET", "/models"): Page("models", "Every model, its aliases and versions", fields(models={"type": "array"})),
    ("GET", "/v2/models/{name}"): Page("models", "Versions, inputs and outputs of a model", _ABOUT, _FINDING),
    ("GET", "/v2/models/{name}/versions/{version}"): Page("models", "The same of one version", _ABOUT, _FINDING),
    ("GET", "/v2/models/{name}/config"): Page("models", "Triton's model configuration", _CONFIG, _FINDING),
    ("GET", "/v2/models/{name}/versions/{version}/config"): Page(
        "models", "The same of one version", _CONFIG, _FINDING
    ),
    ("GET", "/v2/models/{name}/ready"): Page("models", "Whether a model can answer", _READY, _FINDING),
    ("GET", "/v2/models/{name}/versions/{version}/ready"): Page("models", "The same of one version", _READY, _FINDING),
    ("GET", "/v2/models/stats"): Page("models", "What was counted, of every model", _STATS),
    ("GET", "/v2/models/{name}/stats"): Page("models", "The same of one model", _STATS, _FINDING),
    ("GET", "/v2/models/{name}/versions/{version}/stats"): Page("models", "The same of one version", _STATS, _FINDING),
    ("POST", "/v2/repository/index"): Page(
        "repository",
        "Every version of every model, and its state",
        {"type": "array", "items": fields(name=TEXT, version=TEXT, state=TEXT, reason=TEXT)},
        (InvalidInput, TooLarge, Conflict),
        {"type": "object", "properties": {"ready": {"type": "boolean"}}, "additionalProperties": False},
    ),
    ("POST", "/v2/repository/models/{name}/load"): Page("repository", "Load a version", _MODEL, CHANGE, _CALL),
    ("POST", "/v2/repository/models/{name}/unload"): Page("repository", "Unload a version", _MODEL, CHANGE, _CALL),
    ("PUT", "/models/{name}/aliases/{alias}"): Page(
        "repository",
        "Have an alias name a version",
        _MODEL,
        CHANGE,
        {
            "type": "object",
            "properties": {"version": {"type": ["integer", "string"], "minimum": 1}},
            "required": ["version"],
            "additionalProperties": False,
        },
        True,
    ),
    ("DELETE", "/models/{name}/aliases/{alias}"): Page("repository", "Delete an alias", _MODEL, CHANGE),
    ("POST", "/models/{name}/rollback"): Page("repository", "What answered before does so again", _MODEL, CHANGE),
}
"""Method and path → what it is; ``docs/http.md`` says more."""
