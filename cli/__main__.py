"""``python -m skerry.cli``."""

from skerry.cli import main

if __name__ == "__main__":  # a worker process imports this file again, and must not start over
    main()
