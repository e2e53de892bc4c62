"""The command line: one file per command, thin over the jobs."""

from pipelines.commands import (
    ab,
    campaign,
    challenge,
    channels,
    check,
    clip,
    doctor,
    evaluate,
    export,
    export_feed,
    feed,
    fit,
    fit_look,
    forget,
    import_log,
    init,
    prune,
    render,
    report,
    run,
    runs,
    score,
    serve,
    simulate,
    studio,
    train_generator,
    tune,
)
from pipelines.commands.app import app

__all__ = [
    "ab",
    "campaign",
    "challenge",
    "channels",
    "check",
    "clip",
    "doctor",
    "evaluate",
    "export",
    "export_feed",
    "feed",
    "fit",
    "fit_look",
    "forget",
    "import_log",
    "init",
    "prune",
    "render",
    "report",
    "run",
    "runs",
    "score",
    "serve",
    "simulate",
    "studio",
    "train_generator",
    "tune",
]

# Help lists them as a user meets them; importing a command has put it on the command line.
_ORDER = (
    *("import", "init", "check", "run", "fit", "score", "feed", "evaluate", "report"),
    *("render", "channels", "campaign", "clip", "ab", "simulate", "train-generator", "fit-look"),
    *(
        "tune",
        "export",
        "export-feed",
        "serve",
        "studio",
        "studio-account",
        "challenge",
        "runs",
        "prune",
    ),
    *("forget", "doctor"),
)
app.registered_commands.sort(
    key=lambda command: _ORDER.index(command.name or getattr(command.callback, "__name__", ""))
)
