"""``Lineup``: contenders that answer the same methods on the same rows, and what has to be said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skerry.bench.contenders import ArtifactContender, Contender, EstimatorContender, StockContender
from skerry.bench.model_rows import FileRows, GoldenRows, ModelRows, pick
from skerry.export.data import load_estimator
from skerry.export.oracle import method_of, methods_of
from skerry.runtime.artifact import MANIFEST, Artifact, digest
from skerry.runtime.errors import BenchError
from skerry.runtime.manifest import Manifest
from skerry.runtime.models.directory import find_artifacts


@dataclass(frozen=True)
class Lineup:
    """The first contender is the one that the others are compared with."""

    contenders: tuple[Contender, ...]
    rows: ModelRows
    tolerance: float
    warnings: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Whose answers are right: the estimator's, or without one the first contender's."""
        originals = [contender.name for contender in self.contenders if isinstance(contender, EstimatorContender)]
        return (originals or [self.contenders[0].name])[0]

    @classmethod
    def of(
        cls,
        artifacts: Sequence[Path],
        *,
        parent: Path | None = None,
        estimator: Path | None = None,
        stock: bool = True,
        data: Path | None = None,
        target: str | None = None,
        methods: Sequence[str] = (),
        trust_pickle: bool = False,
        trusted_types: Sequence[str] = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> Lineup:
        """The artifacts; the parent of one; the estimator in a file, and with ``stock`` what skl2onnx makes of it.

        ``parent`` is looked for among the artifacts of the same model repository where it is not given. ``methods``
        are by default those that every contender has, in the first artifact's order. Rows are those of ``data``, without
        its column ``target``; or the first artifact's golden rows.

        Raises:
            BenchError: they do not take the same inputs, or a method is not there.
            ArtifactError, ExportError, FileError: a file is not what it should be.
        """
        warnings: list[str] = []
        opened = _opened(artifacts, parent, warnings)
        rows = GoldenRows.of(opened[0]) if data is None else FileRows.read(data, target)
        if data is None and opened[0].manifest.extractors:
            warnings.append(f"{rows.source} were split into their parts beforehand: measure that too with --data")
        contenders: list[Contender] = _named_apart([ArtifactContender.of(artifact) for artifact in opened])
        if estimator is not None:
            progress(f"loading {estimator.name}")
            original = _estimator(estimator, rows, trust_pickle=trust_pickle, trusted_types=trusted_types)
            contenders.append(original)
            if stock:
                progress("converting with skl2onnx")
                contenders += _stock(original, rows, methods, warnings)
        chosen = _methods(contenders, methods, warnings)
        return cls(
            tuple(replace(contender, methods=chosen) for contender in contenders),  # type: ignore[type-var]
            rows,
            opened[0].manifest.parity.tolerance,
            tuple(warnings),
        )


def _opened(artifacts: Sequence[Path], parent: Path | None, warnings: list[str]) -> list[Artifact]:
    """The artifacts, and the parent of one; all take the same rows."""
    opened = [Artifact.open(path) for path in artifacts]
    if parent is not None or len(opened) == 1:
        opened += _parent(opened[0], parent, warnings)
    for artifact in opened[1:]:
        _check_inputs(opened[0].manifest, artifact.manifest)
    return opened


def find_parent(artifact: Artifact) -> Artifact | None:
    """The artifact that this one was made from, if it is in the same model repository: the one with that digest."""
    wanted = artifact.manifest.parent
    for directory in find_artifacts(artifact.directory.resolve().parent.parent) if wanted else ():
        if digest((directory / MANIFEST).read_bytes()) == wanted:
            return Artifact.open(directory)
    return None


def _parent(artifact: Artifact, given: Path | None, warnings: list[str]) -> list[Artifact]:
    wanted = artifact.manifest.parent
    found = find_parent(artifact) if given is None else Artifact.open(given)
    if found is None and wanted is not None:
        warnings.append(f"the parent {wanted[:19]}… is not in the model repository: give it with --parent")
    if found is not None and found.digest != wanted:
        warnings.append(f"{given} is not the artifact that {artifact.manifest.name} names as its parent")
    return [] if found is None else [found]


def _check_inputs(first: Manifest, other: Manifest) -> None:
    """Both take the same rows: the same columns in the same order, in the same datatypes."""
    names = [f"{manifest.name}/{manifest.version}" for manifest in (first, other)]
    if first.layout != other.layout:
        raise BenchError(
            f"{names[1]}: expected rows as {names[0]} takes them ({first.layout}), it takes {other.layout}"
        )
    ours, theirs = ({spec.name: (spec.datatype, spec.shape) for spec in one.inputs} for one in (first, other))
    for name in [*ours, *theirs]:
        if ours.get(name) != theirs.get(name):
            raise BenchError(
                f"input {name!r}: expected the same in both, {names[0]} has {_told(ours.get(name))}, {names[1]} {_told(theirs.get(name))}"
            )
    if list(ours) != list(theirs):
        wrong = next(name for name, other_name in zip(ours, theirs, strict=True) if name != other_name)
        raise BenchError(f"input {wrong!r}: expected the same place in {names[0]} and {names[1]}")


def _told(spec: tuple[str, tuple[int, ...]] | None) -> str:
    return "none" if spec is None else f"{spec[0]} of shape {spec[1]}"


def _named_apart(contenders: Sequence[ArtifactContender]) -> list[Contender]:
    """Artifacts of the same name and version, from two repositories, are called by their directories."""
    often = Counter(contender.name for contender in contenders)
    named = [
        replace(contender, name=str(contender.artifact.directory)) if often[contender.name] > 1 else contender
        for contender in contenders
    ]
    if len({contender.name for contender in named}) < len(named):
        raise BenchError(f"expected different artifacts to compare, got {named[0].name} twice")
    return list(named)


def _estimator(file: Path, rows: ModelRows, *, trust_pickle: bool, trusted_types: Sequence[str]) -> EstimatorContender:
    estimator = load_estimator(file, trust_pickle=trust_pickle, trusted_types=trusted_types)
    trust = ["--trust-pickle"] * trust_pickle + [word for name in trusted_types for word in ("--trust-type", name)]
    row = pick(rows.original(estimator), slice(0, 1))
    return EstimatorContender(estimator, methods_of(estimator, row), file, tuple(trust))


def _stock(
    original: EstimatorContender, rows: ModelRows, methods: Sequence[str], warnings: list[str]
) -> list[StockContender]:
    """skl2onnx's conversion, if it has one that answers what is asked; else a warning says why not."""
    try:
        found = StockContender.of(original.estimator, rows.original(original.estimator), original.methods)
    except BenchError as error:
        warnings.append(f"no stock conversion: {error.text}")
        return []
    if lacking := [method for method in methods if method not in map(method_of, found.methods)]:
        warnings.append(f"no stock conversion: skl2onnx's has no {', '.join(lacking)}")
        return []
    return [found]


def _methods(contenders: Sequence[Contender], wanted: Sequence[str], warnings: list[str]) -> tuple[str, ...]:
    """The methods to call: those that are wanted, or all that every contender has."""
    first = contenders[0]
    asked = [method for method in first.methods if not wanted or method in wanted or method_of(method) in wanted]
    known = {*first.methods, *map(method_of, first.methods)}
    for method in wanted:
        if method not in known:
            raise BenchError(f"method {method!r}: expected some of {', '.join(first.methods)}")
    for contender in contenders[1:]:
        lacking = [method for method in asked if method not in contender.methods]
        if lacking and wanted:
            raise BenchError(f"{contender.name} has no {', '.join(lacking)}; it has {', '.join(contender.methods)}")
        if lacking:
            warnings.append(f"{', '.join(lacking)}: not measured, for {contender.name} has no such answer")
        asked = [method for method in asked if method not in lacking]
    if not asked:
        raise BenchError("expected contenders with a method in common, got " + _each(contenders))
    return tuple(asked)


def _each(contenders: Sequence[Contender]) -> str:
    return "; ".join(f"{contender.name} with {', '.join(contender.methods)}" for contender in contenders)
