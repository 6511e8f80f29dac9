"""Dataclasses and functions as command lines; every mistake is one line and exit status 2."""

import contextlib
import dataclasses
import inspect
import itertools
import os
import sys
import tempfile
from typing import Annotated, Literal

import cyclopts

from keras_vit.errors import UserError

TRACEBACK = "--traceback"


def new_app(name, description):
    """Makes a `cyclopts.App` on which whole numbers are not rounded and a flag takes several."""
    parameters = cyclopts.Group("Parameters", validator=_check_whole_numbers)
    return cyclopts.App(
        name=name,
        help=f"{description}\n\n{TRACEBACK} shows where in the code a mistake was noticed.",
        group_parameters=parameters,
        default_parameter=cyclopts.Parameter(consume_multiple=True),
    )


def _check_whole_numbers(arguments):
    for argument in arguments:
        for token in argument.tokens if argument.hint is int else ():
            if not token.value.lstrip("+-").isdecimal():
                raise UserError(f"{argument.name} takes a whole number: received {token.value}.")


def run_app(app):
    """Runs a `cyclopts.App` on the program's arguments and exits with what its command returns.

    A mistake on the command line, and a `UserError`, `OSError` or `FloatingPointError` that a
    command raises, print one line on the standard error stream and exit with status 2. With the
    flag `--traceback` or the variable `KERAS_VIT_DEBUG=1` they print their traceback, as every
    other error always does.
    """
    words = [word for word in sys.argv[1:] if word != TRACEBACK]
    shows_all = len(words) < len(sys.argv[1:]) or os.environ.get("KERAS_VIT_DEBUG") == "1"
    try:
        status = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (cyclopts.CycloptsError, UserError, OSError, FloatingPointError) as error:
        if shows_all:
            raise
        print(f"{app.name[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    sys.exit(status)


def run_recipe(run, config, description):
    """Makes a recipe's dataclass its command line and runs it.

    Args:
        run: The recipe, a function of one configuration.
        config: A dataclass; field `run_dir` becomes the flag `--run-dir`, and the string below a
            field its help. Or a dictionary of such classes, from which `--preset` picks one, the
            first by default.
        description: The text of `--help`, the recipe's docstring for one.
    """
    module = inspect.getmodule(run).__spec__.name
    app = new_app(f"python -m {module}", description)
    app.version_flags = []
    flags = cyclopts.Parameter(name="*", negative_iterable=())

    if isinstance(config, dict):
        chosen = _chosen(sys.argv[1:], config)
        about = cyclopts.Parameter(help="Which defaults the other flags have.")
        preset, config_class = Annotated[Literal[tuple(config)], about], config[chosen]

        @app.default
        def command(
            *,
            preset: preset = chosen,
            config: Annotated[config_class, flags] = config_class(),  # noqa: B008
        ):
            run(config)
    else:

        @app.default
        def command(*, config: Annotated[config, flags] = config()):  # noqa: B008
            run(config)

    run_app(app)


def _chosen(words, presets):
    """Returns the preset that a command line names, or the first; cyclopts refuses unknown ones."""
    named = [word.partition("=")[2] for word in words if word.startswith("--preset=")]
    named += [word for flag, word in itertools.pairwise(words) if flag == "--preset"]
    return next((name for name in named if name in presets), next(iter(presets)))


@contextlib.contextmanager
def quiet_stderr():
    """Holds back what C++ libraries write to the standard error stream as they load.

    TensorFlow 2.21 writes lines there before any setting can stop it. If an import fails, they are
    written after all. Later lines obey `TF_CPP_MIN_LOG_LEVEL`, which is set to 3 (fatal errors)
    where it is not set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as held_back:
        stderr = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except ImportError:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def describe(config, *left_out):
    """Writes a dataclass on one line, `epochs=60, seed=0`, without the fields that are left out."""
    told = dataclasses.asdict(config).items()
    return ", ".join(f"{name}={value}" for name, value in told if name not in left_out)
