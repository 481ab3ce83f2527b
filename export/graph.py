"""``Graph``: an ONNX graph while it is being built, and the values that flow through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from skerry.runtime.manifest import Analyzer

OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10
ML = "ai.onnx.ml"

Array = np.ndarray
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
STRING = np.dtype(object)

SAME = -1
"""The width of a node's output that is its input's."""


@dataclass(frozen=True)
class Tensor:
    """A value in the graph: (rows, width), or (rows,) where ``width`` is None."""

    name: str
    dtype: np.dtype
    width: int | None
    is_input: bool = False


@dataclass(frozen=True)
class Piece:
    """Some columns of a tensor, in an order of their own. ``origins`` are the columns of the model's
    input that each is computed from alone, keeping their order (-1: from several, or none)."""

    tensor: Tensor
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
    def of(cls, tensor: Tensor, origins: Array | None = None) -> Features:
        width = tensor.width or 0
        unknown = np.full(width, -1) if origins is None else origins
        return cls((Piece(tensor, np.arange(width), unknown),))

    @classmethod
    def join(cls, parts: Iterable[Features]) -> Features:
        return cls(tuple(piece for part in parts for piece in part.pieces))

    @property
    def width(self) -> int:
        return sum(len(piece.indices) for piece in self.pieces)

    @property
    def is_input(self) -> bool:
        """Whether every column is one of the model's own inputs, as it came."""
        return all(piece.tensor.is_input for piece in self.pieces)

    @property
    def origins(self) -> Array:
        return np.concatenate([piece.origins for piece in self.pieces]) if self.pieces else np.empty(0, int)

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
        return Features(tuple(picked))


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
    and ``dtype`` is what they are rounded to before they are compared."""

    rows: Callable[[Any], Any]
    dtype: np.dtype
    features: Array
    values: Array
    origins: Array


@dataclass
class Graph:
    """Nodes, constants and notes. Constants are shared; what no output needs is left out of the model."""

    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    guards: list[GuardSpec] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    analyzers: list[Analyzer] = field(default_factory=list)
    thresholds: list[Thresholds] = field(default_factory=list)
    categories: dict[int, list[Any]] = field(default_factory=dict)
    stock: list[str] = field(default_factory=list)
    _constants: dict[tuple[Any, ...], str] = field(default_factory=dict)
    _count: int = 0

    def input(self, name: str, dtype: np.dtype, width: int | None) -> Tensor:
        tensor = Tensor(name, dtype, width, is_input=True)
        self.inputs.append(_value_info(name, tensor))
        return tensor

    def terms(self, analyzer: Analyzer) -> Tensor:
        """The terms that ``analyzer`` splits an input's texts into: strings (rows, longest)."""
        self.analyzers.append(analyzer)
        self.inputs.append(helper.make_tensor_value_info(analyzer.tensor, onnx.TensorProto.STRING, ["rows", "terms"]))
        return Tensor(analyzer.tensor, STRING, 0)

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
        """Add a node with one output. Arrays become constants; dtype and width default to the first tensor's."""
        model = next(value for value in inputs if isinstance(value, Tensor))
        names = [value.name if isinstance(value, Tensor) else self.constant(value) for value in inputs]
        output = self.fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, names, [output], domain=domain, **attributes))
        return Tensor(output, np.dtype(dtype) if dtype else model.dtype, model.width if width == SAME else width)

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        dtype = np.dtype(dtype)
        return tensor if tensor.dtype == dtype else self.op("Cast", tensor, dtype=dtype, to=element_type(dtype))

    def columns(self, tensor: Tensor, indices: Any) -> Tensor:
        indices = np.asarray(indices, np.int64)
        return self.op("Gather", tensor, indices, width=len(indices), axis=1)

    def concat(self, tensors: Sequence[Tensor]) -> Tensor:
        if len(tensors) == 1:
            return tensors[0]
        return self.op("Concat", *tensors, width=sum(tensor.width or 0 for tensor in tensors), axis=1)

    def flatten(self, tensor: Tensor) -> Tensor:
        """(rows, 1) → (rows,)."""
        return self.op("Reshape", tensor, np.array([-1]), width=None)

    def matrix(self, features: Features, dtype: Any = None) -> Tensor:
        """The features as one tensor: of ``dtype``, or of the dtype NumPy would give them side by side."""
        if not features.pieces:
            raise ValueError("expected at least one column")
        target = np.dtype(dtype) if dtype else np.result_type(*(piece.tensor.dtype for piece in features.pieces))
        return self.concat([self.cast(self.piece(piece), target) for piece in features.pieces])

    def floats(self, features: Features) -> Tensor:
        """The features as scikit-learn's ``check_array(dtype=FLOAT_DTYPES)`` gives them.

        float32 stays, also beside integers that fit into it (of 8 or 16 bits); all else is float64.
        """
        together = np.result_type(*(piece.tensor.dtype for piece in features.pieces))
        return self.matrix(features, np.float32 if together == np.float32 else np.float64)

    def piece(self, piece: Piece) -> Tensor:
        return piece.tensor if piece.whole else self.columns(piece.tensor, piece.indices)

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

    def guard(self, tensor: Tensor, columns: Sequence[str], reason: str) -> None:
        self.guards.append(GuardSpec(tensor, tuple(columns), reason))

    def model(self, outputs: dict[str, Tensor], *, producer: str = "skerry") -> onnx.ModelProto:
        """The graph as a model whose outputs carry the given names."""
        renamed = [helper.make_node("Identity", [tensor.name], [name]) for name, tensor in outputs.items()]
        nodes = _needed([*self.nodes, *renamed], set(outputs))
        used = {name for node in nodes for name in node.input}
        values = [_value_info(name, tensor) for name, tensor in outputs.items()]
        constants = [tensor for name, tensor in self.initializers.items() if name in used]
        graph = helper.make_graph(nodes, "skerry", self.inputs, values, constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name=producer)

    def width_of(self, tensor: Tensor, width: int | None) -> Tensor:
        return replace(tensor, width=width)


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
