"""Every error Skerry raises on purpose.

    SkerryError
    ├─ ArtifactError      ManifestError, DigestMismatch, GoldenMismatch, UnsupportedFormat, UnsafeModel
    ├─ ExportError        UnsupportedEstimator, NotFitted, InvalidRows, ParityError, UntrustedInput, NoGain
    ├─ InferenceError     InvalidInput 400, Forbidden 403, ModelNotFound 404, NotAcceptable 406, Conflict 409, TooLarge 413, UnsupportedMedia 415, ModelFailure 500, ModelNotReady 503,
    │                   Overloaded 503, DeadlineExceeded 504
    ├─ FileError          rows or answers cannot be read or written
    ├─ ServerError        the server cannot start
    └─ BenchError         what is to be measured does not answer, or not as it should

A message says what was expected, what came, and where. ``code`` is stable and meant for programs;
``hint``, where there is one, says what to do next.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class SkerryError(Exception):
    """The root: a text for a person, a stable ``code`` for a program, a ``hint`` for the next step."""

    code: ClassVar[str] = "error"

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class ArtifactError(SkerryError):
    """A directory is not an artifact that may be served."""

    code = "bad_artifact"


class ManifestError(ArtifactError):
    """manifest.json is missing, malformed, or contradicts the files beside it."""

    code = "bad_manifest"


class DigestMismatch(ArtifactError):
    """A file is not the one the manifest describes."""

    code = "digest_mismatch"


class GoldenMismatch(ArtifactError):
    """The golden rows do not come out again on this machine."""

    code = "golden_mismatch"


class UnsupportedFormat(ArtifactError):
    """The artifact was written in a format this version does not read."""

    code = "unsupported_format"


class UnsafeModel(ArtifactError):
    """model.onnx has something in it that no exported model needs."""

    code = "unsafe_model"


class ExportError(SkerryError):
    """A model cannot become an artifact."""

    code = "export_failed"


class UnsupportedEstimator(ExportError):
    """An estimator, or one setting of it, has no exact conversion."""

    code = "unsupported_estimator"


class NotFitted(ExportError):
    """The estimator has not been fitted."""

    code = "not_fitted"


class InvalidRows(ExportError):
    """The rows given to ``export`` do not fit the estimator, or cannot be read."""

    code = "invalid_rows"


class ParityError(ExportError):
    """The converted model does not answer as scikit-learn does; nothing was written."""

    code = "parity_failed"


class UntrustedInput(ExportError):
    """A model file could run code when it is loaded, and nobody said that it may."""

    code = "untrusted_input"


class NoGain(ExportError):
    """A model would be no smaller and no faster, or would lose more than it may; nothing was written."""

    code = "no_gain"


class InferenceError(SkerryError):
    """A request got no answer. ``status_hint`` is what an HTTP server should say; a text is at most 600 characters."""

    code = "inference_failed"
    status_hint: ClassVar[int] = 500

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        # Names that a client made up are quoted, and one may be as long as a body.
        super().__init__(text if len(text) <= 600 else f"{text[:599]}…", hint=hint)


class InvalidInput(InferenceError):
    """The request, or one of its rows, is not what the model takes."""

    code = "invalid_input"
    status_hint = 400


class Forbidden(InferenceError):
    """What was asked for is turned off at this server."""

    code = "forbidden"
    status_hint = 403


class ModelNotFound(InferenceError):
    """There is no model or version of that name."""

    code = "model_not_found"
    status_hint = 404


class NotAcceptable(InferenceError):
    """The answer cannot be written as any of the media types that the client accepts."""

    code = "not_acceptable"
    status_hint = 406


class Conflict(InferenceError):
    """A model cannot be changed so: another change is under way, or what lies in the repository is refused."""

    code = "conflict"
    status_hint = 409


class UnsupportedMedia(InferenceError):
    """The body is of a media type, or in an encoding, that is not read here."""

    code = "unsupported_media"
    status_hint = 415


class TooLarge(InferenceError):
    """The request is larger than the server accepts."""

    code = "too_large"
    status_hint = 413


class ModelFailure(InferenceError):
    """The model itself failed on rows that were valid: our fault, never the client's."""

    code = "model_failure"


class Overloaded(InferenceError):
    """Too many requests wait already. ``retry_after`` is in how many seconds, at least 1, there will be room."""

    code = "overloaded"
    status_hint = 503

    def __init__(self, text: str, *, retry_after: int = 1, hint: str | None = None) -> None:
        super().__init__(text, hint=hint)
        self.retry_after = retry_after


class DeadlineExceeded(InferenceError):
    """The time that the request had was over before the model ran; it has not run."""

    code = "deadline_exceeded"
    status_hint = 504


class ModelNotReady(InferenceError):
    """The model should serve, and cannot."""

    code = "model_not_ready"
    status_hint = 503


class FileError(SkerryError):
    """A file of rows cannot be read, or one of answers cannot be written."""

    code = "bad_file"


class ServerError(SkerryError):
    """The server cannot start: the port is taken, or there is nothing to serve."""

    code = "server_failed"


class BenchError(SkerryError):
    """What is to be measured does not answer, or not as it should."""

    code = "bench_failed"


def nearest(name: str, names: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the closest of ``names``, or nothing; of a long name or many it is too dear to say."""
    close = get_close_matches(name, list(names)[:1000], n=1) if len(name) <= 200 else []
    return f" (did you mean {close[0]!r}?)" if close else ""
