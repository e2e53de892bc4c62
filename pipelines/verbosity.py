"""Whether this process tells on stderr how its work goes on, and what it tells all the same."""

import sys

quiet = False


def warn(line: str) -> None:
    """Print one line on stderr that a person should see although the job goes on."""
    print(f"warning: {line}", file=sys.stderr, flush=True)


def tell(line: str) -> None:
    """Print one line on stderr on how the work goes on, unless it is to be quiet."""
    if not quiet:
        print(line, file=sys.stderr, flush=True)
