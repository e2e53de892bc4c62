"""The console script `stylefeed`."""

from pipelines import commands
from pipelines.commands.app import app, main

__all__ = ["app", "commands", "main"]

if __name__ == "__main__":
    main()
