"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

to_option = click.option(
    "--to",
    default="artifacts",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The model repository to write to.",
)


def lineage_options(command: Command) -> Command:
    """--license and --author."""
    licensed = click.option("--license", help="The model's licence, as an SPDX identifier.")
    return licensed(click.option("--author", help="Who made the model.")(command))


def trust_options(command: Command) -> Command:
    """--trust-pickle and --trust-type, as ``trust_pickle`` and ``trusted_types``."""
    pickles = click.option(
        "--trust-pickle", is_flag=True, help="Load a .joblib or .pkl file, which runs the code in it."
    )
    types = click.option(
        "--trust-type",
        "trusted_types",
        multiple=True,
        help="A type that a .skops file may contain; repeat for several.",
    )
    return pickles(types(command))
