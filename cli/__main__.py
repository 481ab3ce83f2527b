"""``python -m skerry.cli``."""

from skerry.cli import main

main()
