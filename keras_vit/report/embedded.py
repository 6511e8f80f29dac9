"""Pictures and plots as data URIs, so that a page needs no other file."""

import base64
import io

import numpy as np
from PIL import Image

LONGEST = 224  # pixels of a picture's longer side
SMALL = 64  # pixels; up to here a picture is kept without loss and shown with sharp edges
MOST_SVG = 60_000  # bytes; a larger plot becomes a PNG


def picture(image, *, longest=LONGEST):
    """Turns an image into the address and size of an embedded picture.

    Args:
        image: An image `(H, W, C)`, 0 to 255, of one or three channels, or a `PIL.Image`.
        longest: Pixels of the longer side; a larger image is reduced.

    Returns:
        A dictionary for an `<img>`: `src`, a data URI; `width` and `height` in pixels; `small`,
        whether it has so few pixels that it is shown with sharp edges.
    """
    if not isinstance(image, Image.Image):
        pixels = np.clip(np.asarray(image), 0, 255).astype("uint8")
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    small = max(image.size) <= SMALL
    content = io.BytesIO()
    image.save(content, **(dict(format="PNG") if small else dict(format="JPEG", quality=85)))
    kind = "png" if small else "jpeg"
    width, height = image.size
    return dict(src=_uri(f"image/{kind}", content), width=width, height=height, small=small)


def plot(figure):
    """Turns a figure into the address of an embedded picture.

    Args:
        figure: A `matplotlib.figure.Figure`.

    Returns:
        A data URI: of an SVG or, where this would be large, of a PNG.
    """
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "report"}):  # the same plot, the same bytes
        nameless = {"Date": None, "Creator": None}
        figure.savefig(content, format="svg", metadata=nameless, transparent=True)
    if len(content.getvalue()) <= MOST_SVG:
        return _uri("image/svg+xml", content)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, transparent=True)
    return _uri("image/png", content)


def _uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
