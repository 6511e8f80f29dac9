"""Dataclasses and functions as command lines; every mistake is one line and exit status 2."""

import dataclasses
import sys
from typing import Annotated

import cyclopts


def run_app(app):
    """Runs a `cyclopts.App` on the program's arguments and exits with what its command returns.

    A mistake on the command line, and a `ValueError` or `OSError` that a command raises, print one
    line on the standard error stream and exit with status 2.
    """
    try:
        status = app(exit_on_error=False, print_error=False, result_action="return_value")
    except (cyclopts.CycloptsError, ValueError, OSError) as error:
        print(f"{app.name[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    sys.exit(status)


def run_recipe(run, config_class, description):
    """Makes a recipe's dataclass its command line and runs it.

    Args:
        run: The recipe, a function of one configuration.
        config_class: A dataclass; field `run_dir` becomes the flag `--run-dir`, and the string
            below a field its help.
        description: The text of `--help`, the recipe's docstring for one.
    """
    app = cyclopts.App(name=f"python -m {run.__module__}", help=description, version_flags=[])
    flags = cyclopts.Parameter(name="*", negative_iterable=())

    @app.default
    def command(*, config: Annotated[config_class, flags] = config_class()):  # noqa: B008
        run(config)

    run_app(app)


def describe(config):
    """Writes a dataclass on one line, `epochs=60, seed=0`."""
    return ", ".join(f"{name}={value}" for name, value in dataclasses.asdict(config).items())
