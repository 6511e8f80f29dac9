"""Paths in texts that are sent to others: none says where on a machine something lies."""

import os
import re
from pathlib import Path

# From the beginning of a word, or behind `folder:` or `--data=`; not the `//` of an address.
ABSOLUTE = re.compile(r"(?<![^\s:=,;'\"(\[])(?:/(?!/)|~/|[A-Za-z]:\\)[^\s:,;'\")\]]+")
USER = re.compile(r"(?<=://)[^\s/@]*@")
QUERY = re.compile(r"(://[^\s?]*)\?[^\s'\"]*")


def without_places(text):
    """Shortens absolute paths: below the working directory to the relative path, else to the name.

    What lies elsewhere becomes `.../name`. Of addresses, names of users and what follows a `?` are
    left out.

    Args:
        text: Any value; it is written as `str` writes it.

    Returns:
        The text.
    """
    text = QUERY.sub(r"\1", USER.sub("", str(text)))
    return ABSOLUTE.sub(lambda match: _shortened(match[0]), text)


def _shortened(path):
    inside = os.path.relpath(path, Path.cwd()) if os.path.isabs(path) else ".."
    if not inside.startswith(".."):
        return inside
    name = re.split(r"[/\\]", path.rstrip("/"))[-1]
    return f".../{name}"
