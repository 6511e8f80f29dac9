"""README and the pages of `docs`, as the blocks of code that they hold."""

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
PAGES = [*READMES, ROOT / "saved_models/README.md", *sorted(ROOT.glob("docs/*.md")), *GUIDES]

MARK = r"(?:<!-- ((?:(?!-->).)+) -->\n+)?"
FENCED = r"^```(\w*)\n(.*?)^```$"
BLOCK = re.compile(rf"{MARK}(?:{FENCED}|((?:^    [^\n]+\n?)+))", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
PROGRAMS = "bash|curl|docker|git|keras-vit|npm|pip|pytest|python|ruff|tensorboard|unzip"
COMMAND = re.compile(rf"(\w+=\S+ )*({PROGRAMS})(?!\S)")


class Block(NamedTuple):
    """A block of code.

    Attributes:
        kind: What follows the fence, such as `"python"`; empty for an indented block.
        code: Its text, without the indentation.
        mark: The comment above it: `run by` a test, or `not run` and why. Empty without one.
    """

    kind: str
    code: str
    mark: str

    @property
    def commands(self):
        """The lines of commands, each whole, without comments; empty for other code."""
        if self.kind not in ("", "bash"):
            return []
        lines = self.code.replace("\\\n", " ").splitlines()
        parts = [part.strip() for line in lines for part in line.split("&&")]
        return [shlex.split(part, comments=True) for part in parts if COMMAND.match(part)]


def text_of(page):
    """Returns the text of a page, or the docstring of a file of Python."""
    text = page.read_text("utf-8")
    return ast.get_docstring(ast.parse(text)) if page.suffix == ".py" else text


def blocks(page):
    """Lists the blocks of a page, or of a docstring, in their order."""
    return [
        Block(kind, fenced or re.sub("^    ", "", indented, flags=re.MULTILINE), mark)
        for mark, kind, fenced, indented in BLOCK.findall(text_of(page))
    ]


def spans(page):
    """Lists what stands between backticks outside of blocks."""
    text = re.sub(FENCED, "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return [span.replace(r"\|", "|") for span in INLINE.findall(text)]
