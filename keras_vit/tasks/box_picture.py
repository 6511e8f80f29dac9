"""Draws boxes on pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_vit.tasks.palette import palette

LETTERS = 28  # of a picture's shorter side: the height of a line of text
LEAST = 9  # pixels of a letter that can still be read


def with_boxes(image, boxes, classes, texts, num_classes):
    """Draws boxes in the colours of their classes, the first one on top.

    Args:
        image: The image `(H, W, C)`, 0 to 255, of one or three channels.
        boxes: `(M, 4)`, `(x_min, y_min, x_max, y_max)` in pixels.
        classes: Their classes `(M,)`, integers.
        texts: What is written into the upper left corner of each box, `M` texts.
        num_classes: Number of classes `K`.

    Returns:
        A `PIL.Image` of the same size.
    """
    whole = np.broadcast_to(image, (*image.shape[:2], 3)).astype("uint8")
    picture = Image.fromarray(np.ascontiguousarray(whole))
    pencil = ImageDraw.Draw(picture)
    height = max(LEAST, min(image.shape[:2]) // LETTERS)
    font, line = ImageFont.load_default(height), max(1, height // 5)
    colours = [tuple(colour) for colour in palette(num_classes).tolist()]
    for place in reversed(range(len(boxes))):
        left, top, right, bottom = np.round(boxes[place]).astype(int).tolist()
        colour = colours[classes[place]]
        corner = max(left, right - 1), max(top, bottom - 1)  # edges are between pixels
        pencil.rectangle(((left, top), corner), outline=colour, width=line)
        if texts[place]:
            where = left + line, top + line
            pencil.rectangle(pencil.textbbox(where, texts[place], font=font), fill=colour)
            pencil.text(where, texts[place], fill="white", font=font)
    return picture
