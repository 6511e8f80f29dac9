"""Pictures with their class names, in rows."""

import numpy as np

DPI = 100
TILE = 200  # about the side of a tile, in pixels
FONT = 11  # points; a letter is about 9 pixels wide
LINE = 20  # pixels of a line of a title
GAP = 6  # pixels between tiles


def gallery_figure(images, titles, *, columns=8, tile=TILE):
    """Draws images `(B, H, W, C)`, 0 to 255, in rows, with a title above each.

    Small images are enlarged by a whole factor, each pixel to a square; images of more than twice
    the size of a tile are shrunk to it.

    Args:
        images: The batch, `C` 1 or 3.
        titles: `B` texts, of one or more lines, or none.
        columns: Images per row.
        tile: About the longer side of a drawn image, in pixels.

    Returns:
        A Matplotlib figure of `DPI` dots per inch, with one of `axes` for each image, in the
        coordinates of its pixels.
    """
    from matplotlib.figure import Figure

    images = np.broadcast_to(images, (*images.shape[:3], 3))
    height, width = drawn_size(images.shape[1:3], tile)
    titles = [_fitting(title, width) for title in titles]
    above = LINE * max([0, *(title.count("\n") + 1 for title in titles if title)])
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    total = columns * (width + GAP) + GAP, rows * (height + above + GAP) + GAP
    figure = Figure(figsize=np.divide(total, DPI), dpi=DPI)
    smooth = "nearest" if height >= images.shape[1] else "antialiased"
    for place, image in enumerate(images):
        left = GAP + place % columns * (width + GAP)
        top = GAP + above + place // columns * (height + above + GAP)
        box = np.divide((left, total[1] - top - height, width, height), (*total, *total))
        axes = figure.add_axes(box, frame_on=False, xticks=[], yticks=[])
        axes.imshow(image.astype("uint8"), interpolation=smooth, aspect="auto")
    for axes, title in zip(figure.axes, titles, strict=False):
        axes.set_title(title, fontsize=FONT, pad=3, parse_math=False)
    return figure


def drawn_size(size, tile=TILE):
    """Returns the height and width, in pixels, at which an image of a size is drawn in a tile."""
    longer = max(size)
    factor = round(tile / longer) or tile / longer
    return tuple(max(1, round(side * factor)) for side in size)


def _fitting(title, width):
    """Shortens the lines of a title that would reach into the next tile."""
    room = max(3, width // 9)
    lines = title.split("\n")
    return "\n".join(line if len(line) <= room else line[: room - 1] + "…" for line in lines)
