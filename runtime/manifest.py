"""``Manifest``: everything a server or a person must know about an artifact, as a strict value.

An unknown field is an error, in every part: a manifest that says more than its reader understands
must not be served by it. Add a field, and ``FORMAT`` rises by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from skerry.runtime.errors import ManifestError, UnsupportedFormat
from skerry.runtime.tensors import TensorSpec

FORMAT = 3

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a model may be called: it becomes a directory and a part of URLs."""

Task = Literal["classification", "regression", "clustering", "outlier-detection", "transformation"]
Layout = Literal["columns", "matrix", "vector", "records"]

Label = str | bool | int | float

_DIMENSIONS: dict[Layout, int] = {"columns": 2, "matrix": 2, "vector": 1, "records": 1}
"""Dimensions of an input."""


Encoding = Literal["identity", "zstd"]
"""How a file lies there: as it is, or as Zstandard (RFC 8878)."""

Size = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""Bytes of a file: no ONNX model is larger."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of the artifact: ``sha256:<hex>`` and size in bytes, both of the file as it lies there.

    ``unpacked`` is its size when it is decoded; no more bytes are ever made of it.
    """

    digest: str
    size: Size
    encoding: Encoding
    unpacked: Size

    def __post_init__(self) -> None:
        if self.encoding == "identity" and self.unpacked != self.size:
            raise ValueError(f"file: expected {self.size} bytes unpacked, as it is not encoded, got {self.unpacked}")


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model output that is true where scikit-learn would have refused the row.

    The output is BOOL with a column for each of ``columns``, or one if the fault is no single column's;
    ``reason`` says why such a value is refused.
    """

    output: str
    columns: tuple[str, ...]
    reason: str


Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Hashing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names become the columns that scikit-learn's FeatureHasher would give them, under its names of the settings."""

    n_features: Count
    alternate_sign: bool


class Extractor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What the rows of ``input`` become before the model runs: names, or with ``hashing`` columns, each with a value.

    The model is fed both, as the tensors ``keys`` and ``values``. ``width`` is how many columns it makes of them in
    a row, 0 where it makes none.
    """

    input: str
    keys: str
    values: str
    hashing: Hashing | None
    width: int


class TextExtractor(Extractor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="text"):
    """Texts become terms, each with its count. The settings are those of scikit-learn's CountVectorizer, under its names."""

    analyzer: Literal["word", "char", "char_wb"]
    lowercase: bool
    strip_accents: Literal["ascii", "unicode"] | None
    token_pattern: str
    ngram_range: tuple[Count, Count]
    stop_words: tuple[str, ...]


Form = Literal["dict", "pair", "string"]
"""What a record is: a dict of names and values, a list of such pairs, or a list of names that each count one."""


class RecordExtractor(Extractor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="record"):
    """Records become names, each with the sum of its values. A string is part of its name, after ``separator``.

    ``lists`` says whether a value may also be a list of strings, or missing, as DictVectorizer has it.
    """

    form: Form
    separator: str
    lists: bool


def form_of(extractors: Sequence[Extractor]) -> Form:
    """What a record is, of a model that takes them."""
    return next((extractor.form for extractor in extractors if isinstance(extractor, RecordExtractor)), "dict")


class WorstRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the made rows on which an answer was furthest from scikit-learn's."""

    method: str
    kind: str
    error: float
    row: dict[str, str]


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The comparison with scikit-learn that let this artifact be written.

    ``rows`` were compared, ``made`` of them made to break the model; ``refused`` of those are rows
    that scikit-learn refuses, and so does the model. ``mismatches`` counts rows whose label or
    refusal differs (always 0 in an exported artifact); ``tied`` counts rows whose answer differs
    because scikit-learn's own hangs on the last bit (two neighbours at the same distance, a score
    exactly on the boundary); ``max_error`` is the largest difference of any other score,
    ``tolerance`` what was allowed; both are relative above 1 and absolute below.

    Of a model whose graph was rewritten it is the comparison with the parent's answers, and tells how
    far they are; ``tolerance`` is then how exactly its own answers must come out again.
    """

    rows: int
    made: int
    refused: int
    mismatches: int
    tied: int
    max_error: float
    tolerance: float
    methods: tuple[str, ...]
    worst: tuple[WorstRow, ...] = ()


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Quality against y, on the rows that were given to ``export``."""

    rows: int
    metrics: dict[str, float]


Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far the answers are from the teacher's on the same ``rows``.

    ``labels`` is the share of rows with the same label, null where there are none; ``mean_error`` and ``max_error`` are of
    absolute differences of the scores: probabilities, else decisions, else predicted numbers; null where there are none.
    """

    rows: Annotated[int, msgspec.Meta(ge=1)]
    labels: Share | None
    mean_error: float | None
    max_error: float | None


class Loss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a result loses against its teacher, by a metric on the same ``rows``; above 0 is worse than the teacher.

    ``teacher`` and ``result`` are the metric's values. With ``confidence`` the loss on all such rows is at least ``low``, and
    with the same at most ``high``; and what will be seen on as many fresh rows is at most ``fresh``. Each is a
    one-sided limit. ``bound`` is what was asked for, and what ``fresh`` is held against; null where nothing was.
    """

    metric: str
    rows: Annotated[int, msgspec.Meta(ge=1)]
    teacher: float
    result: float
    loss: float
    low: float
    high: float
    fresh: float
    confidence: Share
    bound: float | None


class Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a model compares with the teacher that it was made from, whose answers it does not give exactly.

    ``teacher`` is what that was made of, ``teacher_size`` the bytes of its own exact model.onnx, null where it is not
    known. ``loss`` was measured on rows that neither training nor the choice of this model has seen; null if there were none.
    """

    teacher: str
    teacher_size: Size | None
    agreement: Agreement
    loss: Loss | None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One arrow of the artifact's lineage: what was done, with which settings."""

    arrow: str
    detail: dict[str, str] = {}

    def __str__(self) -> str:
        """In a few words: ``prune (trees 50, depth 8)``."""
        settings = ", ".join(f"{name} {value}" for name, value in self.detail.items())
        return f"{self.arrow} ({settings})" if settings else self.arrow


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Median latency in seconds of one run over ``rows`` rows, where the artifact was written."""

    rows: int
    seconds: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of manifest.json; see docs/artifact-format.md for every field."""

    format: int
    name: str
    version: int
    task: Task
    estimator: str
    layout: Layout
    inputs: tuple[TensorSpec, ...]
    extractors: tuple[TextExtractor | RecordExtractor, ...]
    outputs: tuple[TensorSpec, ...]
    guards: tuple[Guard, ...]
    classes: tuple[Label | tuple[Label, ...], ...] | None
    opsets: dict[str, int]
    files: dict[str, File]
    parent: str | None
    steps: tuple[Step, ...]
    derivation: Derivation | None
    parity: Parity
    evaluation: Evaluation | None
    cost: tuple[Cost, ...]
    license: str | None
    author: str | None
    producers: dict[str, str]
    created: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name: expected {NAME.pattern}, got {self.name!r}")
        if self.version < 1:
            raise ValueError(f"version: expected a positive integer, got {self.version}")
        if not self.inputs or not self.outputs:
            raise ValueError("expected at least one input and one output")
        _check_distinct("inputs", self.inputs)
        _check_distinct("outputs", self.outputs)
        _check_inputs(self.layout, self.inputs)
        _check_extractors(self)

    @property
    def methods(self) -> tuple[str, ...]:
        """The scikit-learn methods this model has, in the order of its outputs; those whose answer is a list of
        arrays, one per target, as ``predict_proba_0``, ``predict_proba_1``, ..."""
        return tuple(output.name for output in self.outputs)

    @property
    def is_rewritten(self) -> bool:
        """Whether the graph is another than export wrote: ``parity`` is then with that one, not with scikit-learn."""
        return self.steps[-1].arrow != "export"

    def parts_of(self, method: str) -> tuple[str, ...]:
        """The outputs that make up a method's answer: itself, or one per target."""
        return tuple(name for name in self.methods if re.fullmatch(rf"{method}(_\d+)?", name))

    def output(self, method: str) -> TensorSpec:
        return next(output for output in self.outputs if output.name == method)


def _check_distinct(part: str, specs: tuple[TensorSpec, ...]) -> None:
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError(f"{part}: expected distinct names, got {names}")


def _check_inputs(layout: Layout, inputs: tuple[TensorSpec, ...]) -> None:
    if layout != "columns" and len(inputs) != 1:
        raise ValueError(f"inputs: expected one with layout {layout!r}, got {len(inputs)}")
    for spec in inputs:
        if len(spec.shape) != _DIMENSIONS[layout] or any(size < 1 for size in spec.shape[1:]):
            raise ValueError(f"shape of {spec.name!r}: {spec.shape} does not fit layout {layout!r}")


def _check_extractors(manifest: Manifest) -> None:
    """Each reads an input there is, of strings, or records where these are the rows; and writes tensors of its own."""
    readable = {spec.name for spec in manifest.inputs if spec.datatype == "BYTES" and spec.shape[1:] in ((), (1,))}
    kind = RecordExtractor if manifest.layout == "records" else TextExtractor
    for extractor in manifest.extractors:
        if extractor.input not in readable or not isinstance(extractor, kind):
            raise ValueError(f"extractors: {extractor.input!r} is no input that can be read so")
        if extractor.width < 0:
            raise ValueError(f"extractors: expected a width of 0 or more, got {extractor.width}")
    tensors = [name for extractor in manifest.extractors for name in (extractor.keys, extractor.values)]
    if len(set(tensors)) != len(tensors):
        raise ValueError(f"extractors: expected distinct tensors, got {tensors}")
    forms = {extractor.form for extractor in manifest.extractors if isinstance(extractor, RecordExtractor)}
    if manifest.layout == "records" and len(forms) != 1:
        raise ValueError(f"extractors: expected records of one form, got {len(forms)}")


class _Header(msgspec.Struct):
    format: int


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON, ready to be read by a person."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes, *, where: str) -> Manifest:
    """Parse and check manifest.json; ``where`` names it in errors.

    Raises:
        UnsupportedFormat: a newer Skerry wrote it.
        ManifestError: it is not JSON, or a field is unknown, missing or wrong.
    """
    try:
        found = msgspec.json.decode(content, type=_Header).format
        if found != FORMAT:
            raise UnsupportedFormat(
                f"{where}: expected format {FORMAT}, got {found}", hint="another version of Skerry wrote it"
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{where}: {error}") from None
