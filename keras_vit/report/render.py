"""Fills a template and writes the page."""

from pathlib import Path

from keras_vit.files import atomic_write

HERE = Path(__file__).parent


def write_html(path, template, content):
    """Writes a page, whole or not at all, with the style that all pages have.

    Args:
        path: The file.
        template: Name of a template beside this file.
        content: What it shows, by the names that it uses. Texts are escaped.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "page.css").read_text("utf-8")
    page = environment.get_template(template).render(content, style=style)
    with atomic_write(path) as unfinished:
        # Some names of files are no text in UTF-8.
        unfinished.write_text(page, "utf-8", errors="backslashreplace")
