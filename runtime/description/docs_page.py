"""``write_page``: the models that are served, as one page of HTML that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from skerry.runtime.description.example import Example
from skerry.runtime.description.openapi import Described
from skerry.runtime.description.pages import PAGES
from skerry.runtime.manifest import Manifest
from skerry.runtime.protocol.media import CSV, JSON, NDJSON
from skerry.runtime.tensors import DTYPES, TensorSpec

ORIGIN = "{origin}"
"""Stands for the address in the page; whoever answers with it puts the one there that the client used."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page: its own style, and nothing else."""
MOST_INPUTS = 12
"""More are folded away."""

_TITLES = {JSON: "JSON", NDJSON: "JSON Lines", CSV: "CSV"}
_KINDS = {"f": "number", "i": "integer", "u": "integer", "b": "true or false", "O": "text"}


def write_page(models: Sequence[Described], version: str) -> str:
    contents = " ".join(f'<a href="#{_anchor(one.manifest)}">{_title(one.manifest)}</a>' for one in models)
    return _PAGE.format(
        style=_STYLE,
        version=escape(version),
        contents=contents or "No model is loaded.",
        models="".join(map(_model, models)),
        pages=_table(
            ("", "", ""),
            ((method, f"<code>{escape(path)}</code>", escape(page.summary)) for (method, path), page in PAGES.items()),
        ),
    )


def _model(described: Described) -> str:
    manifest = described.manifest
    paths = "".join(f"<li>POST <code>{escape(path)}</code></li>" for path in described.paths)
    predict, infer = _path_of(described.paths, "/predict"), _path_of(described.paths, "/infer")
    examples = [(predict, example) for example in described.examples.predict]
    examples += [(infer, example) for example in described.examples.infer]
    return (
        f'<section id="{_anchor(manifest)}"><h2>{_title(manifest)}</h2>'
        f'<p class="quiet">{escape(manifest.estimator)} · {escape(manifest.task)} · {_rows(manifest)}</p>'
        f"<ul>{paths}</ul><h3>Inputs</h3>{_inputs(manifest)}<h3>Outputs</h3>{_outputs(manifest)}"
        f"<h3>Examples</h3>{''.join(_example(path, example) for path, example in examples)}</section>"
    )


def _path_of(paths: Iterable[str], ending: str) -> str:
    """The shortest of a model's paths that names it."""
    return min((path for path in paths if path.endswith(ending) and path != ending), key=len, default=ending)


def _example(path: str, example: Example) -> str:
    title = "Open Inference Protocol" if path.endswith("/infer") else _TITLES[example.media_type]
    return (
        f'<p class="quiet">{title}</p><pre>{escape(_curl(path, example))}</pre>'
        f'<pre class="answer">{escape(example.answer.rstrip())}</pre>'
    )


def _curl(path: str, example: Example) -> str:
    if example.media_type == JSON:
        return f"curl {ORIGIN}{path} -d {shlex.quote(example.body)}"
    names = f"-H 'Content-Type: {example.media_type}' -H 'Accept: {example.media_type}'"
    return f"curl {ORIGIN}{path} {names} --data-binary {shlex.quote(example.body.rstrip())}"


def _inputs(manifest: Manifest) -> str:
    rows = [
        (f"<code>{escape(spec.name)}</code>", spec.datatype, _shape(spec), _values(manifest, spec))
        for spec in manifest.inputs
    ]
    table = _table(("name", "datatype", "shape", "values"), rows)
    return table if len(rows) <= MOST_INPUTS else f"<details><summary>{len(rows)} columns</summary>{table}</details>"


def _outputs(manifest: Manifest) -> str:
    rows = ((f"<code>{escape(spec.name)}</code>", spec.datatype, _shape(spec)) for spec in manifest.outputs)
    labels = [label for label in manifest.classes or () if not isinstance(label, tuple)]
    shown = ", ".join(escape(str(label)) for label in labels[:MOST_INPUTS]) + ", …" * (len(labels) > MOST_INPUTS)
    classes = f'<p class="quiet">classes: {shown}</p>' if labels else ""
    return _table(("name", "datatype", "shape"), rows) + classes


def _values(manifest: Manifest, spec: TensorSpec) -> str:
    """What an input takes, in words."""
    if manifest.layout == "records":
        return "record"
    dtype = DTYPES[spec.datatype]
    text = _KINDS[dtype.kind]
    if spec.is_integer and dtype.itemsize < 8:  # the widest range tells a person nothing
        limits = np.iinfo(dtype)
        text += f", {limits.min:,} to {limits.max:,}"
    if spec.missing and dtype.kind in "fO":
        text += ", or null"
    return text + ", in the range of float32" * (spec.is_float and (spec.single or spec.datatype == "FP32"))


def _rows(manifest: Manifest) -> str:
    """What a row is."""
    width = manifest.inputs[0].shape[1:]
    return {
        "columns": f"{len(manifest.inputs)} named columns",
        "matrix": f"rows of {width[0] if width else 1} values",
        "vector": "one value a row",
        "records": "records",
    }[manifest.layout]


def _shape(spec: TensorSpec) -> str:
    return " × ".join("n" if size < 0 else str(size) for size in spec.shape)


def _title(manifest: Manifest) -> str:
    return f"{escape(manifest.name)} <small>version {manifest.version}</small>"


def _anchor(manifest: Manifest) -> str:
    return f"{escape(manifest.name)}-{manifest.version}"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>" if any(names) else ""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table>{head}{body}</table></div>'


_STYLE = """
:root { color-scheme: light dark; --line: #8883; --quiet: #767676; --shade: #8881; --link: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --quiet: #9a9a9a; --link: #6cb6ff; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.25rem; margin: 0; } h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
small, .quiet { color: var(--quiet); font-weight: normal; font-size: .9rem; } p { margin: .4rem 0; }
a { color: var(--link); text-decoration: none; } nav a { display: inline-block; margin-right: 1.25rem; } a:hover { text-decoration: underline; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.5rem; }
ul { list-style: none; margin: .6rem 0; padding: 0; } summary { cursor: pointer; } .wide { overflow-x: auto; }
code, pre { font: .85rem/1.5 ui-monospace, monospace; }
pre { background: var(--shade); border-radius: .4rem; margin: .3rem 0; padding: .6rem .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; } pre.answer { background: none; border-left: 3px solid var(--line); border-radius: 0; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; }
th { color: var(--quiet); font-weight: normal; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Skerry: models</title>
<style>{style}</style>
</head>
<body>
<h1>Skerry <small>{version}</small></h1>
<p>Models answer under <code>/predict</code>, in the formats that people have, and by the Open Inference Protocol under
<code>/v2</code>. The same for programs: <a href="openapi.json">openapi.json</a>.</p>
<nav>{contents}</nav>
{models}
<section><h2>Other paths</h2>{pages}</section>
</body>
</html>
"""
