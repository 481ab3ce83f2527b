"""What can be called in process: an artifact, the original estimator, and what skl2onnx makes of it.

    contender.prepare(rows)         rows in the form that it takes, made before anything is measured
    contender.open(threads)         a Call: ready, with so many threads
        call.run(prepared)          what is measured
        call.answers(answer)        what came out, as dense arrays by method; not measured

All are asked for the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import joblib
import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from skerry.bench.model_rows import ModelRows
from skerry.bench.stock import StockConversion
from skerry.export.exporter import describe
from skerry.export.oracle import method_of
from skerry.runtime.artifact import MODEL, Artifact
from skerry.runtime.feeds import Array
from skerry.runtime.model import load
from skerry.runtime.session import Session, SessionConfig


@dataclass(frozen=True)
class Call:
    """A contender that is ready. ``run`` takes prepared rows; ``threads`` is entered around calls, outside of the times."""

    run: Callable[[Any], Any]
    answers: Callable[[Any], dict[str, Array]]
    threads: Callable[[], AbstractContextManager[Any]] = nullcontext


class Contender(Protocol):
    """One thing that answers ``methods``; immutable."""

    @property
    def name(self) -> str: ...

    @property
    def methods(self) -> tuple[str, ...]: ...

    @property
    def description(self) -> str: ...

    @property
    def file_size(self) -> int | None:
        """Bytes of the file that holds the model, where there is one."""

    def prepare(self, rows: ModelRows) -> Any:
        """All rows, in their order. Raises ``BenchError``: it does not take them."""

    def open(self, threads: int) -> Call: ...

    def footing(self, directory: Path) -> list[str] | None:
        """How ``python -m skerry.bench.footing`` is to load it, with files for that in ``directory``; None if it may not."""


@dataclass(frozen=True)
class ArtifactContender:
    """An artifact, called through ``Model.answer``.

    In the times: ONNX Runtime, the guards for rows that scikit-learn would refuse, the slices of very many rows, and the
    dtypes of labels. Not in them: what makes feeds of rows (columns found by name, types checked), decoding, HTTP; except
    that texts and records, which are no tensors, are split into their parts within the times where the whole is known.
    """

    artifact: Artifact
    methods: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, artifact: Artifact) -> ArtifactContender:
        manifest = artifact.manifest
        return cls(artifact, manifest.methods, f"{manifest.name}/{manifest.version}")

    @property
    def description(self) -> str:
        manifest = self.artifact.manifest
        steps = " → ".join(step.arrow for step in manifest.steps)
        return f"artifact: {manifest.estimator}; {steps}" + "; fed tensors" * (not manifest.extractors)

    @property
    def file_size(self) -> int:
        return self.artifact.manifest.files[MODEL].size

    def prepare(self, rows: ModelRows) -> Any:
        manifest = self.artifact.manifest
        whole = rows.given(manifest) if manifest.extractors else None
        return rows.feeds(manifest) if whole is None else whole

    def open(self, threads: int) -> Call:
        model = load(self.artifact, SessionConfig(intra_op_num_threads=threads))
        methods = self.methods

        def run(rows: Any) -> list[Array]:
            return model.answer(rows if type(rows) is dict else model.feeds.from_rows(rows), methods)

        return Call(run, lambda answers: dict(zip(methods, answers, strict=True)))

    def footing(self, directory: Path) -> list[str]:
        return [str(self.artifact.directory.resolve()), "--methods", ",".join(self.methods)]


@dataclass(frozen=True)
class EstimatorContender:
    """scikit-learn's own methods, one after the other, on rows as its user has them.

    With ``threads`` threads its libraries' pools (BLAS, OpenMP) are limited to as many; ``n_jobs`` of the estimator, or of a
    pipeline's last step, is set to as many where it has one, and joblib works with threads, as one process is
    measured. Any other ``n_jobs`` is left as fitted.
    """

    estimator: Any
    methods: tuple[str, ...]
    file: Path | None = None
    trust: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        library = type(self.estimator).__module__.partition(".")[0]
        return "scikit-learn" if library == "sklearn" else library

    @property
    def description(self) -> str:
        return f"scikit-learn {version('scikit-learn')}: {describe(self.estimator)}; given rows, {', then '.join(self._asked)}"

    @property
    def file_size(self) -> int | None:
        return self.file.stat().st_size if self.file else None

    @property
    def _asked(self) -> list[str]:
        return list(dict.fromkeys(map(method_of, self.methods)))

    def prepare(self, rows: ModelRows) -> Any:
        return rows.original(self.estimator)

    def open(self, threads: int) -> Call:
        asked = [getattr(self.estimator, method) for method in self._asked]
        return Call(
            lambda rows: [method(rows) for method in asked],
            self._answers,
            lambda: _limited(self.estimator, threads),
        )

    def _answers(self, answers: Sequence[Any]) -> dict[str, Array]:
        found = dict(zip(self._asked, answers, strict=True))
        return {method: _dense(_part(found[method_of(method)], method)) for method in self.methods}

    def footing(self, directory: Path) -> list[str] | None:
        return [str(self.file.resolve()), "--methods", ",".join(self._asked), *self.trust] if self.file else None


@dataclass(frozen=True)
class StockContender:
    """What skl2onnx makes of the estimator, in a session like the artifact's; its rows are in its dtype beforehand."""

    conversion: StockConversion
    outputs: dict[str, str] = field(hash=False)
    methods: tuple[str, ...]
    estimator: Any
    name: str = "skl2onnx"

    @classmethod
    def of(cls, estimator: Any, rows: Any, available: Sequence[str]) -> StockContender:
        """Convert for ``rows`` as scikit-learn takes them; ``available`` are the methods that the estimator has.

        Raises:
            BenchError: skl2onnx cannot.
        """
        conversion = StockConversion.of(estimator, rows)
        outputs = conversion.methods(available)
        return cls(conversion, outputs, tuple(outputs), estimator)

    @property
    def description(self) -> str:
        return f"skl2onnx {version('skl2onnx')}: {describe(self.estimator)}; fed tensors, numbers in {self.conversion.dtype}"

    @property
    def file_size(self) -> int:
        return len(self.conversion.content)

    def prepare(self, rows: ModelRows) -> Any:
        return self.conversion.feeds(rows.original(self.estimator))

    def open(self, threads: int) -> Call:
        session = Session(self.conversion.content, SessionConfig(intra_op_num_threads=threads))
        outputs = [self.outputs[method] for method in self.methods]
        return Call(
            lambda feeds: session.run(feeds, outputs), lambda answers: dict(zip(self.methods, answers, strict=True))
        )

    def footing(self, directory: Path) -> list[str]:
        file = directory / "stock.onnx"
        file.write_bytes(self.conversion.content)
        return [str(file), "--methods", ",".join(self.outputs[method] for method in self.methods)]


@contextmanager
def _limited(estimator: Any, threads: int) -> Iterator[None]:
    """``threads`` threads for an estimator, and afterwards what it had."""
    model = estimator
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    fitted = getattr(model, "n_jobs", None)
    has_jobs = "n_jobs" in getattr(model, "get_params", dict)()
    with threadpool_limits(limits=threads), joblib.parallel_config(backend="threading"):
        try:
            if has_jobs:
                model.n_jobs = threads
            yield
        finally:
            if has_jobs:
                model.n_jobs = fitted


def _part(answer: Any, method: str) -> Any:
    """One target's answer of a list of them."""
    return answer[int(method.rpartition("_")[2])] if isinstance(answer, list) else answer


def _dense(answer: Any) -> Array:
    return answer.toarray() if sparse.issparse(answer) else np.asarray(answer)
