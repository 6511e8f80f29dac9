"""README and docs: commands parse, Python finds what it names, links lead somewhere."""

import ast
import dataclasses
import functools
import importlib
import inspect
import itertools
import re
import shlex
import tomllib

import pytest
from pages import GUIDES, PAGES, READMES, ROOT, blocks, spans

from keras_vit.cli.main import app
from keras_vit.command_line import run_recipe

RECIPES = [path for path in sorted(ROOT.glob("recipes/*.py")) if path.stem != "__init__"]
PROGRAM = re.compile(r"(keras-vit|python -m (recipes|benchmarks)\.\w+)(?!\S)")
PLACES = r"(?:keras_vit|recipes|tests|benchmarks|docs|examples|\.ci)"


def pages(function):
    return pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)(function)


def python_blocks(page):
    return [block.code for block in blocks(page) if block.kind == "python"]


def commands(page):
    """Lists the commands of ours on a page, each as its words."""
    found = [words for block in blocks(page) for words in block.commands]
    found += [shlex.split(span) for span in spans(page) if PROGRAM.match(span)]
    found = [list(itertools.dropwhile(lambda word: "=" in word, words)) for words in found]
    return [words for words in found if PROGRAM.match(" ".join(words))]


def flags_of(name):
    """Returns the module of a recipe or benchmark, and the dataclass or dictionary of its flags."""
    module = importlib.import_module(name)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run_recipe":
            return module, getattr(module, node.args[1].id)
    raise AssertionError(f"{name} is no command")


def check_command(words, monkeypatch):
    if words[0] == "keras-vit":
        assert len(words) < 2 or words[1].startswith("-") or words[1] in app, words
        if len(words) > 2:  # `keras-vit serve` on its own is a name
            app.parse_args(words[1:], exit_on_error=False, print_error=False)
        return
    module, flags = flags_of(words[2])
    if len(words) == 3:  # a name
        return
    taken = []

    def run(config):
        taken.append(config)

    monkeypatch.setattr("sys.argv", words[2:])
    with pytest.raises(SystemExit) as stop:
        run_recipe(run, flags, module.__doc__)
    assert not stop.value.code and (taken or "--help" in words), words


@pytest.mark.parametrize("page", PAGES + RECIPES, ids=lambda path: path.stem)
def test_every_command_is_one_that_the_program_takes(page, monkeypatch):
    for words in commands(page):
        check_command(words, monkeypatch)


def test_the_pages_have_commands():
    words = [each for page in PAGES for each in commands(page)]
    assert {each for each in app if not each.startswith("-")} <= {x for each in words for x in each}


@pages
def test_every_command_is_run_by_a_test_or_marked_why_not(page):
    followed = page in [*READMES, *GUIDES]  # where `test_guides.py` runs what has no mark
    for block in blocks(page):
        why = block.mark.startswith("not run: ") or followed and not block.mark
        if block.commands and not why:
            named = re.fullmatch(r"run by ([\w./]+(?:, [\w./]+)*)", block.mark)
            assert named, f"A comment must say who runs this, or why nobody does: {block.code}"
            tests = "".join((ROOT / name).read_text("utf-8") for name in named[1].split(", "))
            for words in block.commands:
                assert words[0] != "keras-vit" or f'"{words[1]}"' in tests, words


def test_both_readmes_have_the_same_commands_and_figures():
    english, chinese = (
        [
            [[block.kind, block.mark, without_comments(block.code)] for block in blocks(page)],
            [numbers(line) for line in page.read_text("utf-8").splitlines() if line[:1] == "|"],
            re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))[1:],
        ]
        for page in READMES
    )
    assert english == chinese and all(english)


def without_comments(code):
    return re.sub(r" *# .*", "", code)


@pages
def test_every_flag_is_one_of_a_command(page):
    known = {"--help", "--traceback", "--json"}
    for command in (each for each in app if not each.startswith("-")):
        for argument in app[command].assemble_argument_collection():
            known.update(argument.names)
    for recipe in RECIPES:
        _, flags = flags_of(f"recipes.{recipe.stem}")
        classes = flags.values() if isinstance(flags, dict) else [flags]
        names = {field.name.replace("_", "-") for c in classes for field in dataclasses.fields(c)}
        known |= {f"--{name}" for name in names | {"preset"}} | {f"--no-{name}" for name in names}
    for span in spans(page):
        if span.startswith("--"):
            assert set(re.findall(r"--[a-z][\w-]*", span)) <= known, span


def resolve(node, names):
    """Returns what a name or a chain of attributes of an imported name is, else `None`."""
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, names)
        return None if owner is None else getattr(owner, node.attr)
    return names.get(getattr(node, "id", None))


def member(module, name):
    """Returns an attribute of a module or a class, or a module in it that nobody imported yet."""
    if not hasattr(module, name):
        importlib.import_module(f"{module.__name__}.{name}")
    return getattr(module, name)


@pages
def test_python_compiles_and_finds_what_it_imports_and_passes(page):
    for code in python_blocks(page):
        tree, names = ast.parse(code), {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                names |= {alias.name: member(module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {x.name: importlib.import_module(x.name) for x in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (function := resolve(node.func, names)):
                passed, keywords = node.args, {word.arg: None for word in node.keywords if word.arg}
                if function is functools.partial:
                    function, passed = resolve(passed[0], names), passed[1:]
                inspect.signature(function).bind_partial(*[None] * len(passed), **keywords)


def test_the_recipe_for_people_with_the_wheel_is_a_command(monkeypatch):
    (code,) = [x for x in python_blocks(ROOT / "docs/contributing.md") if "run_recipe" in x]
    namespace = {"__name__": "my_recipe"}
    exec(compile(code, "my_recipe.py", "exec"), namespace)
    taken = []

    def run(config):
        taken.append(config)

    monkeypatch.setattr("sys.argv", ["my_recipe.py", "--epochs", "5"])
    with pytest.raises(SystemExit):
        run_recipe(run, namespace["Config"], "")
    assert taken == [namespace["Config"](epochs=5)]


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pages
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), target


@pages
def test_every_path_and_module_that_is_named_exists(page):
    text = page.read_text("utf-8")
    for path in re.findall(rf"(?<![\w/.-]){PLACES}/[\w./*-]*", text):
        assert any(ROOT.glob(path.rstrip("./"))), path
    for span in spans(page):
        if re.fullmatch(rf"{PLACES}(\.\w+)+", span) and not (ROOT / span).exists():
            module, *rest = span.split(".")
            functools.reduce(member, rest, importlib.import_module(module))


@pages
def test_every_extra_is_declared(page):
    text = page.read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for group in re.findall(r'[".t]\[([a-z,]+)\]', text) + re.findall(r"`\[([a-z]+)\]`", text):
        assert set(group.split(",")) <= extras.keys(), group


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_results_of_the_readme_are_those_of_the_docs():
    known = "".join((ROOT / "docs" / name).read_text() for name in ("results.md", "fine_tuning.md"))
    rows = re.findall(r"^\| `python -m .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    figures = [each for row in rows for each in re.findall(r"\d+\.\d+ %|\d+ min \d+ s", row)]
    assert len(figures) >= 6 and all(each in known for each in figures)


def numbers(text):
    found = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\w)", text)
    return [each.replace(",", "") for each in found]


def test_figures_of_speed_are_those_of_the_benchmarks():
    sections = (ROOT / "docs/speed.md").read_text().split("\n## ")[1:]
    for section in sections:
        (name,) = re.findall(r"\]\(\.\./(benchmarks/\w+\.txt)\)", section)
        measured = [float(each) for each in numbers((ROOT / name).read_text())]
        rows = re.findall(r"^\| .*", section, re.MULTILINE)[1:]
        figures = [n for row in rows for n in numbers(row.split("|", 2)[2])]
        assert len(figures) >= 8, name
        for figure in figures:
            near = 0.5001 * 10 ** -len(figure.partition(".")[2])
            assert any(abs(float(figure) - each) <= near for each in measured), (name, figure)


def test_times_of_exports_are_those_of_the_benchmark():
    measured = dict(
        re.findall(r"^ (\S+) +([\d.]+) ms", (ROOT / "benchmarks/runtimes_160.txt").read_text(), 8)
    )
    text = (ROOT / "docs/export.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` .* ([\d.]+) ms, ([\d.]+)x \|$", text, re.MULTILINE)
    assert len(rows) == len(measured) - 1
    for name, time, ratio in rows:
        assert time == measured[name]
        assert ratio == f"{float(measured['keras']) / float(time):.2f}"
