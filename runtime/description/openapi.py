"""``Description``: what the server answers now, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0).

It is made of the loaded models, once they were changed and somebody asks: paths at which a model answers are there with
the name and version in them, and the model's own inputs, outputs and an example that works.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from skerry.runtime.description.example import Example, Examples, examples_of
from skerry.runtime.description.pages import CHANGE, COUNT, PAGES, TEXT, Errors, Page, fields
from skerry.runtime.description.schema import (
    Schema,
    inference_schema,
    inferred_schema,
    predict_schema,
    predicted_schema,
)
from skerry.runtime.errors import (
    DeadlineExceeded,
    InferenceError,
    InvalidInput,
    ModelFailure,
    ModelNotFound,
    ModelNotReady,
    NotAcceptable,
    Overloaded,
    TooLarge,
    UnsupportedMedia,
)
from skerry.runtime.http.deadline import LONGEST, TIMEOUT_HEADER
from skerry.runtime.limits import Limits
from skerry.runtime.manifest import Manifest
from skerry.runtime.models.served import ServedModel
from skerry.runtime.protocol.binary import JSON_SIZE_HEADER
from skerry.runtime.protocol.inference import OCTETS
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET

_HTTP: dict[int, str] = {
    408: "The request did not arrive in time.",
    413: "The body is larger than the server accepts.",
    414: "The path and query are longer than the server accepts.",
    431: "The headers are larger, or more, than the server accepts.",
    500: "A fault of the server's own; the request was not at fault.",
}
"""What any request may be answered, beside what its errors say."""

_INFERENCE: Errors = (
    InvalidInput,
    ModelNotFound,
    TooLarge,
    UnsupportedMedia,
    NotAcceptable,
    ModelFailure,
    ModelNotReady,
    Overloaded,
    DeadlineExceeded,
)


class Description(NamedTuple):
    """What the server answers now: the document, as JSON, and the models with their examples."""

    openapi: bytes
    models: tuple[Described, ...]


class Described(NamedTuple):
    """A version of a model, an example for each operation, and the paths at which they are answered."""

    manifest: Manifest
    examples: Examples
    paths: tuple[str, ...]


def describe(paths: Mapping[str, tuple[ServedModel, str]], *, version: str, limits: Limits) -> Description:
    """The description of a server where ``paths`` answer inference: path → model, and ``predict`` or ``infer``."""
    served = {_key(one): one for one, _ in paths.values()}
    examples = {key: examples_of(one) for key, one in served.items()}
    schemas: dict[str, Schema] = {**_SCHEMAS}
    for key, one in served.items():
        schemas |= _model_schemas(key, one, limits)
    operations = {
        path: {"post": _operation(path, one, operation, examples[_key(one)])}
        for path, (one, operation) in paths.items()
    }
    first = next(iter(served.values()), None)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Skerry", "version": version, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "paths": operations | _pages(first.model.manifest if first else None),
        "components": {
            "schemas": schemas,
            "responses": _responses(),
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
        },
    }
    models = tuple(
        Described(one.model.manifest, examples[key], tuple(path for path, (at, _) in paths.items() if at is one))
        for key, one in served.items()
    )
    return Description(msgspec.json.encode(document), models)


_INTRODUCTION = (
    "Models answer under `/predict`, in the formats that people have, and by the Open Inference Protocol under `/v2`. "
    'Every error is `{"error": "..."}`.'
)


def _key(served: ServedModel) -> str:
    manifest = served.model.manifest
    return f"{manifest.name}.{manifest.version}"


def _model_schemas(key: str, served: ServedModel, limits: Limits) -> dict[str, Schema]:
    manifest, predict = served.model.manifest, served.predict
    return {
        f"{key}.predict": predict_schema(manifest, predict.fields, predict.extra, limits),
        f"{key}.predicted": predicted_schema(manifest),
        f"{key}.infer": inference_schema(manifest, served.inference.matrix, limits),
        f"{key}.inferred": inferred_schema(manifest),
    }


def _operation(path: str, served: ServedModel, operation: str, examples: Examples) -> dict[str, Any]:
    manifest, key = served.model.manifest, _key(served)
    found = {
        "operationId": operation + path.replace("/", "_").removesuffix(f"_{operation}"),
        "tags": [manifest.name],
        "summary": f"{manifest.name} version {manifest.version}: {manifest.estimator}",
    }
    return found | (_predict(key, manifest, examples) if operation == "predict" else _infer(key, examples))


def _predict(key: str, manifest: Manifest, examples: Examples) -> dict[str, Any]:
    answers: dict[str, Any] = {
        JSON: {"schema": _ref(f"{key}.predicted")},
        **{media_type: {} for media_type in (NDJSON, CSV, ARROW, PARQUET, NPY)},
    }
    success = _answered(answers, _INFERENCE)
    success["200"]["headers"] |= {name: _header(name) for name in ("model-name", "model-version")}
    return {
        "parameters": [
            *_common("Timeout", "ContentEncoding"),
            {
                "name": "outputs",
                "in": "query",
                "description": "What to answer with; in JSON the body may say it.",
                "style": "form",
                "explode": False,
                "schema": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": manifest.methods}},
            },
        ],
        "requestBody": {"required": True, "content": _predict_content(key, examples)},
        "responses": success,
    }


def _predict_content(key: str, examples: Examples) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": _ref(f"{key}.predict")}, NDJSON: {}, CSV: {}}
    content |= {ARROW: {}, PARQUET: {}, NPY: {}}
    for media_type, found in _by_media_type(examples.predict).items():
        content[media_type]["examples"] = found
    return content


def _infer(key: str, examples: Examples) -> dict[str, Any]:
    answers = {JSON: {"schema": _ref(f"{key}.inferred")}, OCTETS.decode(): {}}
    body = {"schema": _ref(f"{key}.infer"), "examples": _by_media_type(examples.infer).get(JSON, {})}
    success = _answered(answers, _INFERENCE)
    success["200"]["headers"][JSON_SIZE_HEADER] = _header(JSON_SIZE_HEADER)
    return {
        "parameters": _common("Timeout", "ContentEncoding", "JsonSize"),
        "requestBody": {"required": True, "content": {JSON: body, OCTETS.decode(): {}}},
        "responses": success,
    }


def _by_media_type(examples: Iterable[Example]) -> dict[str, dict[str, Any]]:
    """Media type → examples, JSON as what it says and others as text."""
    found: dict[str, dict[str, Any]] = {}
    for example in examples:
        value = json.loads(example.body) if example.media_type == JSON else example.body
        there = found.setdefault(example.media_type, {})
        there[f"example_{len(there) + 1}"] = {"value": value}
    return found


def _pages(manifest: Manifest | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (method, path), page in PAGES.items():
        found.setdefault(path, {})[method.lower()] = _page(method, path, page, manifest)
    return found


def _page(method: str, path: str, page: Page, manifest: Manifest | None) -> dict[str, Any]:
    content = {page.answer: {}} if isinstance(page.answer, str) else {JSON: {"schema": page.answer}}
    if path == "/metrics":
        content["application/openmetrics-text"] = {}
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}{path.replace('/', '_')}".replace("{", "").replace("}", ""),
        "tags": [page.tag],
        "summary": page.summary,
        "parameters": [*_places(path, manifest), *_common()],
        "responses": _answered(content, page.errors),
    }
    if page.body is not None:
        operation["requestBody"] = {"required": page.needs_body, "content": {JSON: {"schema": page.body}}}
    return operation


def _places(path: str, manifest: Manifest | None) -> list[dict[str, Any]]:
    """The parameters in a path, with what is there as an example."""
    there = {"name": manifest.name, "version": str(manifest.version)} if manifest else {}
    return [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        | ({"example": there[name]} if name in there else {})
        for name in ("name", "version", "alias")
        if f"{{{name}}}" in path
    ]


def _common(*names: str) -> list[dict[str, Any]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in (*names, "RequestId")]


def _answered(content: dict[str, Any], errors: Errors) -> dict[str, Any]:
    """An answer, or one of what may go wrong."""
    statuses = sorted({*_HTTP, *(error.status_hint for error in errors), InvalidInput.status_hint})
    headers = {name: _header(name) for name in ("Server-Timing", "X-Request-ID")}
    success = {"description": "The answer.", "headers": headers, "content": content}
    return {"200": success} | {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _responses() -> dict[str, Any]:
    """Status → what it means; errors of one status share it."""
    texts = {status: [text] for status, text in _HTTP.items()}
    for error in _errors():
        texts.setdefault(error.status_hint, []).append(f"`{error.code}`: {_first_line(error)}")
    return {str(status): _response(status, " ".join(text)) for status, text in texts.items()}


def _errors() -> list[type[InferenceError]]:
    return list(dict.fromkeys((*_INFERENCE, *CHANGE)))


def _first_line(error: type[InferenceError]) -> str:
    return (error.__doc__ or "").split("\n")[0]


def _response(status: int, text: str) -> dict[str, Any]:
    names = ["Server-Timing", "X-Request-ID"] + ["Retry-After"] * (status == Overloaded.status_hint)
    return {
        "description": text,
        "headers": {name: _header(name) for name in names},
        "content": {JSON: {"schema": _ref("Error")}},
    }


def _header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_SCHEMAS: dict[str, Schema] = {
    "Error": fields(error={"type": "string", "description": "What was expected, what came, and where."}),
    "State": {"enum": ["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]},
}

_HEADERS: dict[str, Any] = {
    "Server-Timing": {"description": "Milliseconds of each step.", "schema": TEXT},
    "X-Request-ID": {"description": "The request's own, or of an error one by which it is found.", "schema": TEXT},
    "Retry-After": {"description": "Seconds after which to come again.", "schema": {"type": "string"}},
    "model-name": {"description": "Who answered, where the body has no place for it.", "schema": TEXT},
    "model-version": {"description": "Which version of it.", "schema": TEXT},
    JSON_SIZE_HEADER: {"description": "Bytes of JSON, before the binary tensors.", "schema": {"type": "string"}},
}

_PARAMETERS: dict[str, Any] = {
    "Timeout": {
        "name": TIMEOUT_HEADER.decode(),
        "in": "header",
        "description": "Seconds within which an answer is wanted.",
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST},
    },
    "RequestId": {
        "name": "x-request-id",
        "in": "header",
        "description": "Said again in the answer and in the access log.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
    },
    "ContentEncoding": {
        "name": "content-encoding",
        "in": "header",
        "description": "How the body is compressed.",
        "schema": {"enum": ["gzip", "deflate"]},
    },
    "JsonSize": {
        "name": JSON_SIZE_HEADER,
        "in": "header",
        "description": "Bytes of JSON, before binary tensors; 0 where the body is one tensor and nothing else.",
        "schema": COUNT,
    },
}
