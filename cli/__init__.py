"""`skerry`: the one command."""

from skerry.cli.main import main

__all__ = ["main"]
