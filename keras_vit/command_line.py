"""Dataclasses and functions as command lines; a user's mistake is one line and exit status 2."""

import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import select
import sys
import tempfile
import textwrap
from collections.abc import Callable
from typing import Annotated, Literal

import cyclopts

from keras_vit.errors import Diverged, UserError, one_line
from keras_vit.signals import SeenAtOnce

TRACEBACK = "--traceback"
MISTAKES = (cyclopts.CycloptsError, UserError, OSError, Diverged)


def new_app(name, description):
    """Makes a `cyclopts.App` that refuses fractions for integers and takes several values a flag.

    Args:
        name: The words that run the program.
        description: The text of `--help`; indented paragraphs keep their lines.

    Returns:
        The app, which raises its errors instead of printing them: see `run_app`.
    """
    return cyclopts.App(
        name=name,
        help=f"{fenced(description)}\n\n{TRACEBACK} shows where in the code a mistake was noticed.",
        group_parameters=cyclopts.Group("Parameters", validator=_check_integers),
        default_parameter=cyclopts.Parameter(consume_multiple=True),
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )


def fenced(text):
    """Returns a text of Markdown whose indented paragraphs keep their lines."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        f"```\n{textwrap.dedent(each)}\n```" if each.startswith("    ") else each
        for each in paragraphs
    )


def _check_integers(arguments):
    for argument in arguments:
        for token in argument.tokens if argument.hint in (int, int | None) else ():
            if not token.value.lstrip("+-").isdecimal():
                raise UserError(f"{argument.name} takes an integer: received {token.value}.")


def run_app(app, start: Callable[[list[str]], object] | None = None):
    """Runs a `cyclopts.App` on the program's arguments and exits with what its command returns.

    A mistake on the command line, and a `UserError`, `OSError` or `Diverged` that a command raises,
    print one line on the standard error stream and exit with status 2; Ctrl-C with status 130. With
    the flag `--traceback` or the variable `KERAS_VIT_DEBUG=1` they print their traceback, as every
    other error always does. If the program that reads the output has ended, this one ends silently.

    Args:
        app: The app; messages begin with its name.
        start: Called with the words of the command line, without `--traceback`; by default the app.

    Raises:
        SystemExit: Always, with the exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be any bytes
    words, shows_all = _split_off_traceback(sys.argv[1:])
    said = f"{app.name[0]}: {{}}: stops as soon as it can. Once more ends it at once."
    try:
        with SeenAtOnce(said.format, patience=0.3):
            status = (start or app)(words)
        sys.stdout.flush()
    except (*MISTAKES, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
            sys.exit(141)  # 128 + SIGPIPE, as other programs
        if shows_all:
            raise
        stopped = isinstance(error, KeyboardInterrupt)
        print(f"{app.name[0]}: {'stopped.' if stopped else _message(error)}", file=sys.stderr)
        status = 130 if stopped else 2
    sys.exit(status)


def _message(error):
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return f"Words that no argument takes: {' '.join(error.unused_tokens)}."
    return one_line(error)


def _split_off_traceback(words):
    """Returns the words without `--traceback`, and whether tracebacks are shown."""
    end = words.index("--") if "--" in words else len(words)  # after it no word is a flag
    kept = [word for word in words[:end] if word != TRACEBACK]
    shows_all = len(kept) < end or os.environ.get("KERAS_VIT_DEBUG") == "1"
    return [*kept, *words[end:]], shows_all


def _nobody_reads():
    """Returns whether the standard output is the broken pipe, and not another one."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def run_recipe(run: Callable[[object], object], config, description):
    """Runs a recipe with a configuration that is read from the command line.

    Args:
        run: The recipe; called with an instance of `config`.
        config: A dataclass; its field `run_dir` becomes the flag `--run-dir`, and the string below
            the field becomes the flag's help. Its method `check`, if it has one, is called before
            TensorFlow is loaded. Or a dictionary of such classes by name: the flag
            `--preset` chooses one, by default the first.
        description: The text of `--help`, for example the recipe's docstring.

    Raises:
        SystemExit: Always, with the exit status: see `run_app`.
    """
    spec = sys.modules["__main__"].__spec__
    name = f"python -m {spec.name}" if spec else f"python {sys.argv[0]}"
    app = new_app(name, description)
    app.version_flags = []
    if not isinstance(config, dict):
        app.default(recipe_command(run, config))
        run_app(app)
    hidden = cyclopts.Parameter(show=False, allow_leading_hyphen=True)
    about = cyclopts.Parameter(help="Name of the set of defaults for the other flags.")
    first, presets = next(iter(config)), Literal[tuple(config)]
    app.meta.help_flags = []  # the help of `app` shows the flags of both

    @app.meta.default
    def choose(*words: Annotated[str, hidden], preset: Annotated[presets, about] = first):
        app.default(recipe_command(run, config[preset]))
        return app(words)

    run_app(app, app.meta)


def recipe_command(run: Callable[[object], object], config):
    """Makes a command whose flags are the fields of a dataclass, and which runs a recipe.

    Args:
        run: The recipe; called with an instance of `config`.
        config: A dataclass, see `run_recipe`.

    Returns:
        A function for `cyclopts.App.command`.
    """
    flags = cyclopts.Parameter(name="*", negative_iterable=())

    def command(*, config: Annotated[config, flags] = config()):  # noqa: B008
        if hasattr(config, "check"):
            config.check()
        with quiet_stderr():
            importlib.import_module("tensorflow")
        run(config)

    return command


def this_command():
    """Returns the words that run this program, or none where it is no program, as in a notebook."""
    main, program = sys.modules["__main__"], sys.argv[0]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.origin == program:  # python -m
        return ["python", "-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]
    if not os.path.basename(program) or program == "-c" or "ipykernel" in program:
        return []
    words = [os.path.basename(program), *sys.argv[1:]]
    return ["python", *words] if program.endswith(".py") else words


@contextlib.contextmanager
def quiet_stderr():
    """Suppresses what C++ libraries write to the standard error stream while they are loaded.

    TensorFlow 2.21 writes lines there before any setting can stop it. If an import fails, these
    lines are written after all. Later lines depend on `TF_CPP_MIN_LOG_LEVEL`, which is set to 3
    (fatal errors) if it is not set.

    Raises:
        ImportError: If the `with` block raises it.
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
    """Returns the fields of a dataclass on one line, for example `epochs=60, seed=0`.

    Args:
        config: An instance of a dataclass.
        *left_out: Names of fields that are left out.
    """
    fields = dataclasses.asdict(config).items()
    return ", ".join(f"{name}={value}" for name, value in fields if name not in left_out)
