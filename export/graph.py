"""``Graph``: an ONNX graph while it is being built, and the values that flow through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from skerry.export.wire import GRAPH_NODE, MODEL_GRAPH, NODE_ATTRIBUTE, field_bytes, integers_attribute
from skerry.runtime.manifest import RecordExtractor, TextExtractor

OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10
ML = "ai.onnx.ml"

Array = np.ndarray
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
STRING = np.dtype(object)

ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}

SAME = -1
"""The width of a node's output that is its input's."""


@dataclass(frozen=True)
class Tensor:
    """A value in the graph: (rows, width), or (rows,) where ``width`` is None.

    ``is_input``: it is an input of the model, as it came. ``is_checked``: it holds such inputs' numbers, of which the
    runtime refuses those that are not finite wherever scikit-learn does. ``is_finite``: it is so whatever the rows are.
    """

    name: str
    dtype: np.dtype
    width: int | None
    is_input: bool = False
    is_checked: bool = False
    is_finite: bool = False


@dataclass(frozen=True)
class OneHot:
    """Columns that are not made before somebody needs them: column ``j`` is 1 where ``codes``, INT64 (rows, 1), is ``j``,
    else 0. A code may also be -1 or -2, which sets no column. ``dtype`` is that of the columns."""

    codes: Tensor
    dtype: np.dtype
    width: int
    is_input: bool = False


@dataclass(frozen=True)
class Sparse:
    """Columns that are mostly zero, not made before somebody needs them: in row ``i`` column ``codes[i, k]`` is
    ``values[i, k]``, both (rows, longest). A row has no code twice but ``width``, which sets no column.
    ``finite`` where the values are finite whatever the rows are."""

    codes: Tensor
    values: Tensor
    width: int
    finite: bool
    is_input: bool = False

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype


@dataclass(frozen=True)
class Piece:
    """Some columns of a tensor, in an order of their own. ``origins`` are the columns of the model's
    input that each is computed from alone, keeping their order (-1: from several, or none)."""

    tensor: Tensor | OneHot | Sparse
    indices: Array
    origins: Array

    @property
    def whole(self) -> bool:
        if self.tensor.width is None:
            return True
        return self.tensor.width == len(self.indices) and bool((self.indices == np.arange(len(self.indices))).all())


@dataclass(frozen=True)
class Features:
    """What scikit-learn passes between steps: columns, possibly of several dtypes, side by side."""

    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, tensor: Tensor | OneHot | Sparse, origins: Array | None = None) -> Features:
        width = tensor.width or 0
        unknown = np.full(width, -1) if origins is None else origins
        return cls((Piece(tensor, np.arange(width), unknown),))

    @classmethod
    def join(cls, parts: Iterable[Features]) -> Features:
        return cls(tuple(_merged(piece for part in parts for piece in part.pieces)))

    @property
    def width(self) -> int:
        return sum(len(piece.indices) for piece in self.pieces)

    @property
    def is_input(self) -> bool:
        """Whether every column is one of the model's own inputs, as it came."""
        return all(piece.tensor.is_input for piece in self.pieces)

    @property
    def some_tensor(self) -> Tensor:
        """A tensor with as many rows."""
        tensor = self.pieces[0].tensor
        return tensor if isinstance(tensor, Tensor) else tensor.codes

    @property
    def is_sparse(self) -> bool:
        """Whether some of the columns come as scikit-learn's sparse vectorizers give them."""
        return any(isinstance(piece.tensor, Sparse) for piece in self.pieces)

    @property
    def origins(self) -> Array:
        return np.concatenate([piece.origins for piece in self.pieces]) if self.pieces else np.empty(0, int)

    @property
    def dtype(self) -> np.dtype:
        """The dtype that NumPy would give the columns side by side."""
        return np.result_type(*(piece.tensor.dtype for piece in self.pieces))

    @property
    def float_dtype(self) -> np.dtype:
        """The dtype that scikit-learn's ``check_array(dtype=FLOAT_DTYPES)`` gives: float32 stays, also beside integers
        that fit into it (of 8 or 16 bits); all else is float64."""
        return self.dtype if self.dtype == np.float32 else FLOAT64

    @property
    def dtypes(self) -> list[np.dtype]:
        return [piece.tensor.dtype for piece in self.pieces for _ in piece.indices]

    def select(self, columns: Array) -> Features:
        """The given columns (integers), in the given order; neighbours of one tensor stay one piece."""
        owners = np.repeat(np.arange(len(self.pieces)), [len(piece.indices) for piece in self.pieces])
        starts = np.cumsum([0, *(len(piece.indices) for piece in self.pieces)])
        columns = np.asarray(columns, dtype=int)
        breaks = np.flatnonzero(np.diff(owners[columns])) + 1 if len(columns) else np.empty(0, int)
        picked = []
        for run in np.split(columns, breaks) if len(columns) else ():
            owner = owners[run[0]]
            piece = self.pieces[owner]
            local = run - starts[owner]
            picked.append(Piece(piece.tensor, piece.indices[local], piece.origins[local]))
        return Features(tuple(_merged(picked)))


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of one tensor as one piece: they are picked from it by one operator, or none."""
    for tensor, alike in groupby(pieces, key=lambda piece: piece.tensor):
        first, *others = alike
        if others and isinstance(tensor, Tensor) and tensor.width is not None:
            indices, origins = (
                np.concatenate([getattr(piece, name) for piece in (first, *others)]) for name in ("indices", "origins")
            )
            yield Piece(tensor, indices, origins)
        else:
            yield from (first, *others)


Outputs = dict[str, "Tensor | Features"]
"""What a converted estimator gives: method → value; ``transform`` gives Features."""


@dataclass(frozen=True)
class GuardSpec:
    """A BOOL tensor with a column for each of ``columns`` (or one for all) that is true where scikit-learn would have refused."""

    tensor: Tensor
    columns: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Trace:
    """A converted estimator: where it stands, what feeds it, what it gives; for finding the first that diverges."""

    path: str
    estimator: Any
    rows: Callable[[Any], Any]
    outputs: Outputs


@dataclass(frozen=True)
class Thresholds:
    """Values that a fitted estimator compares its features with; ``rows`` gives those features for model rows,
    and ``dtype`` is what they are rounded to before they are compared. ``above`` is given for the splits of trees: 1 + the
    place of the split above, negative on its right side; 0 at a root."""

    rows: Callable[[Any], Any]
    dtype: np.dtype
    features: Array
    values: Array
    origins: Array
    above: Array | None = None


@dataclass(frozen=True)
class Points:
    """Rows (any, features) that an estimator has kept; ``rows`` gives its features for model rows."""

    rows: Callable[[Any], Any]
    values: Array
    origins: Array


@dataclass(frozen=True)
class Ties:
    """Rows at which scikit-learn's own answer hangs on the last bit; ``rows`` gives what the estimator gets for
    model rows, and ``marked`` a mask of those that are tied. Their scores may differ by ``within``, relative above 1."""

    rows: Callable[[Any], Any]
    marked: Callable[[Any], Array]
    within: float


@dataclass
class Graph:
    """Nodes, constants and notes. Constants are shared; what no output needs is left out of the model.

    ``given`` are the rows given to ``export``, in the form the estimator was fitted on. ``imputed`` says of a tensor
    which one it was before NaN became the value of its column. ``single`` are the model's inputs, by place, that are
    rounded to float32. ``notes`` go into the manifest's steps.
    """

    given: Any = None
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    guards: list[GuardSpec] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    extractors: list[TextExtractor | RecordExtractor] = field(default_factory=list)
    thresholds: list[Thresholds] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    ties: list[Ties] = field(default_factory=list)
    categories: dict[int, list[Any]] = field(default_factory=dict)
    single: set[int] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    imputed: dict[str, tuple[Tensor, Array]] = field(default_factory=dict)
    stock: list[str] = field(default_factory=list)
    tolerance: float = 0.0
    _constants: dict[tuple[Any, ...], str] = field(default_factory=dict)
    _made: dict[tuple[Any, ...], Tensor] = field(default_factory=dict)
    _lists: dict[str, bytes] = field(default_factory=dict)
    _truths: dict[str, Tensor] = field(default_factory=dict)
    _columns: dict[str, Tensor] = field(default_factory=dict)
    _count: int = 0

    def input(self, name: str, dtype: np.dtype, width: int | None) -> Tensor:
        tensor = Tensor(name, dtype, width, is_input=True, is_checked=True)
        self.inputs.append(_value_info(name, tensor))
        return tensor

    def extract(self, extractor: TextExtractor | RecordExtractor) -> tuple[Tensor, Tensor]:
        """The names or columns that the runtime finds in each row of an input, and their values: both (rows, longest)."""
        self.extractors.append(extractor)
        keys = Tensor(extractor.keys, INT64 if extractor.hashing else STRING, 0)
        values = Tensor(extractor.values, FLOAT64, 0)
        for tensor in (keys, values):
            shape = ["rows", f"longest of {extractor.keys}"]
            self.inputs.append(helper.make_tensor_value_info(tensor.name, element_type(tensor.dtype), shape))
        return keys, values

    def constant(self, array: Any) -> str:
        """The name of an initializer with this content; the same content gives the same name."""
        array = np.asarray(array)
        content: Any = tuple(array.flat) if array.dtype == object else array.tobytes()
        key = (array.dtype.str, array.shape, content)
        if key not in self._constants:
            name = self.fresh("constant")
            self._constants[key] = name
            self.initializers[name] = make_tensor(array, name)
        return self._constants[key]

    def fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def op(
        self,
        kind: str,
        *inputs: Tensor | Array | float,
        dtype: Any = None,
        width: int | None = SAME,
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Add a node with one output. Arrays become constants, as attributes lists of integers; dtype and width default
        to the first tensor's."""
        model = next(value for value in inputs if isinstance(value, Tensor))
        alone = kind in ELEMENTWISE and model.width == 1
        names = [
            value.name if isinstance(value, Tensor) else self.constant(_as_column(value) if alone else value)
            for value in inputs
        ]
        lists = {key: value for key, value in attributes.items() if isinstance(value, np.ndarray)}
        plain = all(isinstance(value, int | float | str) for value in attributes.values())
        key = (kind, domain, *names, str(dtype), width, *sorted(attributes.items())) if plain else ()
        if key in self._made:  # members of an estimator often begin alike
            return self._made[key]
        output = self.fresh(kind.lower())
        others = {key: value for key, value in attributes.items() if key not in lists}
        self.nodes.append(helper.make_node(kind, names, [output], domain=domain, **others))
        self._lists[output] = b"".join(field_bytes(NODE_ATTRIBUTE, integers_attribute(*item)) for item in lists.items())
        made = Tensor(output, np.dtype(dtype) if dtype else model.dtype, model.width if width == SAME else width)
        if plain:
            self._made[key] = made
        return made

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        dtype = np.dtype(dtype)
        if tensor.dtype == dtype:
            return tensor
        if dtype == BOOL and tensor.name in self._truths:
            return self._truths[tensor.name]
        is_wider = (
            tensor.dtype != STRING and np.can_cast(tensor.dtype, dtype, casting="same_kind") and dtype != np.float32
        )
        checked = tensor.is_checked and is_wider
        made = self.op("Cast", tensor, dtype=dtype, to=element_type(dtype))
        if tensor.dtype == BOOL:
            self._truths[made.name] = tensor
        return replace(made, is_checked=checked, is_finite=tensor.is_finite and is_wider)

    def columns(self, tensor: Tensor, indices: Any) -> Tensor:
        indices = np.asarray(indices, np.int64)
        picked = self.op("Gather", tensor, indices, width=len(indices), axis=1)
        return replace(picked, is_checked=tensor.is_checked)

    def concat(self, tensors: Sequence[Tensor]) -> Tensor:
        if len(tensors) == 1:
            return tensors[0]
        joined = self.op("Concat", *tensors, width=sum(tensor.width or 0 for tensor in tensors), axis=1)
        return replace(joined, is_checked=all(tensor.is_checked for tensor in tensors))

    def affine(self, X: Tensor, weights: Array, bias: Array | None = None) -> Tensor:
        """``X @ weights + bias`` in the wider of the dtypes: (rows, outputs), or (rows,) where weights have one dimension.

        One Gemm takes half the time of MatMul and Add.
        """
        dtype = np.result_type(X.dtype, weights.dtype)
        matrix = weights.reshape(len(weights), -1).astype(dtype)
        biases = [] if bias is None else [np.broadcast_to(bias, matrix.shape[1:]).astype(dtype)]
        product = self.op("Gemm", self.cast(X, dtype), matrix, *biases, width=matrix.shape[1])
        return self.flatten(product) if weights.ndim == 1 else product

    def flatten(self, tensor: Tensor) -> Tensor:
        """(rows, 1) → (rows,)."""
        flat = replace(self.op("Reshape", tensor, np.array([-1]), width=None), is_finite=tensor.is_finite)
        if tensor.width == 1:
            self._columns[flat.name] = tensor
        return flat

    def column(self, tensor: Tensor) -> Tensor:
        """(rows,) → (rows, 1); a matrix stays."""
        if tensor.width is not None:
            return tensor
        if tensor.name in self._columns:
            return self._columns[tensor.name]
        return replace(self.op("Reshape", tensor, np.array([-1, 1]), width=1), is_input=tensor.is_input)

    def matrix(self, features: Features, dtype: Any = None) -> Tensor:
        """The features as one tensor: of ``dtype``, or of the dtype NumPy would give them side by side."""
        if not features.pieces:
            raise ValueError("expected at least one column")
        target = np.dtype(dtype) if dtype else features.dtype
        alike = groupby(map(self.piece, features.pieces), key=lambda tensor: tensor.dtype)
        return self.concat([self.cast(self.concat(list(tensors)), target) for _, tensors in alike])

    def floats(self, features: Features) -> Tensor:
        """The features as scikit-learn's ``check_array(dtype=FLOAT_DTYPES)`` gives them."""
        return self.matrix(features, features.float_dtype)

    def with_gaps(self, features: Features) -> tuple[Features, Array]:
        """The features before their last imputation, and for each column what NaN stands for; NaN where for nothing."""
        pieces, fills = [], []
        for piece in features.pieces:
            source, fill = self.imputed.get(getattr(piece.tensor, "name", ""), (piece.tensor, None))
            pieces.append(replace(piece, tensor=source))
            fills.append(np.full(len(piece.indices), np.nan) if fill is None else fill[piece.indices])
            if fill is not None:
                self.note("imputed values", "missing directions of trees")
        return Features(tuple(_merged(pieces))), np.concatenate(fills).astype(FLOAT64)

    def piece(self, piece: Piece) -> Tensor:
        """The columns of a piece; those of a one-hot are BOOL."""
        if isinstance(piece.tensor, OneHot):
            slots = piece.indices.reshape(1, -1)
            return self.op("Equal", piece.tensor.codes, slots, dtype=BOOL, width=len(piece.indices))
        if isinstance(piece.tensor, Sparse):
            return self._scattered(piece.tensor, piece)
        return piece.tensor if piece.whole else self.columns(piece.tensor, piece.indices)

    def _scattered(self, sparse: Sparse, piece: Piece) -> Tensor:
        """The columns of a sparse piece, with one more that takes what sets none of them and is cut off."""
        width, codes, values = len(piece.indices), sparse.codes, sparse.values
        if not piece.whole:
            places = np.full(sparse.width + 1, width)
            places[piece.indices] = np.arange(width)
            codes = self.op("Gather", places, codes, axis=0, dtype=INT64)
        rows = self.op("Shape", codes, dtype=INT64, width=None, start=0, end=1)
        shape = self.op("Concat", rows, np.array([width + 1]), width=None, axis=0)
        zero = make_tensor(np.zeros(1, values.dtype))
        zeros = self.op("ConstantOfShape", shape, dtype=values.dtype, width=width + 1, value=zero)
        filled = self.op("ScatterElements", zeros, codes, values, axis=1, reduction="add")
        return self.op("Slice", filled, np.array([0]), np.array([width]), np.array([1]), width=width)

    def lookup(self, column: Tensor, keys: Array, values: Array, default: int) -> Tensor:
        """INT64: ``values[i]`` where the column is ``keys[i]``, else ``default``. Keys are strings or float64."""
        return self.op(
            "LabelEncoder",
            column if column.dtype == STRING else self.cast(column, FLOAT64),
            domain=ML,
            dtype=INT64,
            keys_tensor=make_tensor(keys),
            values_tensor=make_tensor(values.astype(INT64)),
            default_tensor=make_tensor(np.array([default], INT64)),
        )

    def note(self, subject: str, text: str) -> None:
        """Say in the manifest's steps how something was written; what is said of it already stays."""
        said = self.notes.get(subject)
        self.notes[subject] = text if said in (None, text) else f"{said}; {text}"

    def guard(self, tensor: Tensor, columns: Sequence[str], reason: str) -> None:
        spec = GuardSpec(tensor, tuple(columns), reason)
        if spec not in self.guards:
            self.guards.append(spec)

    def model(self, outputs: dict[str, Tensor], *, producer: str = "skerry") -> bytes:
        """The graph as an ONNX model whose outputs carry the given names."""
        names = self._names_of(outputs)
        copied = [
            helper.make_node("Identity", [tensor.name], [name])
            for name, tensor in outputs.items()
            if names.get(tensor.name) != name
        ]
        nodes = _needed([*self.nodes, *copied], {*outputs, *names})
        used = {name for node in nodes for name in [*node.input, *_captured(node)]}
        values = [_value_info(name, tensor) for name, tensor in outputs.items()]
        constants = [tensor for name, tensor in self.initializers.items() if name in used]
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(
            onnx.GraphProto(), opset_imports=opsets, ir_version=IR_VERSION, producer_name=producer
        )
        model.ClearField("graph")
        graph = helper.make_graph([], "skerry", self._fed, values, constants).SerializeToString()
        written = [field_bytes(GRAPH_NODE, self._written(node, names)) for node in nodes]
        return model.SerializeToString() + field_bytes(MODEL_GRAPH, b"".join([graph, *written]))

    @property
    def _fed(self) -> list[onnx.ValueInfoProto]:
        """The inputs, without the rows themselves where an extractor takes them."""
        whole = [value for value in self.inputs if len(value.type.tensor_type.shape.dim) > 1]
        return whole if self.extractors else self.inputs

    def _names_of(self, outputs: dict[str, Tensor]) -> dict[str, str]:
        """Tensors that can simply be called as an output is: made by a node, and used by no graph inside of one."""
        captured = {name for node in self.nodes for name in _captured(node)}
        made = {name for node in self.nodes for name in node.output} - captured
        return {tensor.name: name for name, tensor in reversed(outputs.items()) if tensor.name in made}

    def _written(self, node: onnx.NodeProto, names: dict[str, str]) -> bytes:
        lists = self._lists.get(node.output[0], b"")
        if not names.keys().isdisjoint([*node.input, *node.output]):
            renamed = onnx.NodeProto()
            renamed.CopyFrom(node)
            renamed.input[:] = [names.get(name, name) for name in node.input]
            renamed.output[:] = [names.get(name, name) for name in node.output]
            node = renamed
        return node.SerializeToString() + lists

    def width_of(self, tensor: Tensor, width: int | None) -> Tensor:
        return replace(tensor, width=width)


def _as_column(value: Any) -> Array:
    """One number as (1, 1): beside (rows, 1), ONNX Runtime takes 20 times as long for a number without dimensions."""
    array = np.asarray(value)
    return array.reshape(1, 1) if array.size == 1 and array.ndim < 2 else array


def make_tensor(array: Array, name: str = "") -> onnx.TensorProto:
    """``array`` as an ONNX tensor, strings included."""
    if array.dtype.kind == "U":
        array = array.astype(object)
    return numpy_helper.from_array(np.asarray(array), name)


def element_type(dtype: np.dtype) -> int:
    return onnx.TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype)


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = ["rows"] if tensor.width is None else ["rows", tensor.width]
    return helper.make_tensor_value_info(name, element_type(tensor.dtype), shape)


def _needed(nodes: Sequence[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """The nodes that ``wanted`` depends on, in their order."""
    wanted, kept = set(wanted), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
            wanted.update(_captured(node))
    return kept[::-1]


def _captured(node: onnx.NodeProto) -> set[str]:
    """Names that the graphs inside a node (Scan, Loop, If) may take from outside."""
    graphs = [
        graph
        for attribute in node.attribute
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
    ]
    return {name for graph in graphs for inner in graph.node for name in [*inner.input, *_captured(inner)]}
