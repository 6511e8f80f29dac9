"""Features of pictures as points, for TensorBoard's projector."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from keras_vit.images.gallery import drawn_size

SIDE = 48  # about the longer side of a thumbnail, in pixels


def log_features(log_dir, name, features, images, rows=()):
    """Writes features of pictures under TensorBoard's tab Projector.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        name: Name of the points in TensorBoard. It should be a new one: TensorBoard reads what has
            a name only once.
        features: Vectors `(N, D)`.
        images: The pictures `(N, H, W, C)`, uint8, one or three channels.
        rows: `N` dictionaries of the same keys, texts and numbers, which label and colour the
            points; may be empty.

    Raises:
        OSError: If a file cannot be written.
    """
    from tensorboard.plugins import projector
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = Path(log_dir, "features", name)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "features.tsv", features, fmt="%.6g", delimiter="\t")
    size = drawn_size(images.shape[1:3], SIDE)
    _sprite(images, size).save(folder / "pictures.png")
    config = projector.ProjectorConfig()
    points = config.embeddings.add(tensor_name=name, tensor_path="features.tsv")
    points.sprite.image_path = "pictures.png"
    points.sprite.single_image_dim.extend(size[::-1])
    if rows:
        (folder / "rows.tsv").write_text(_table(rows), "utf-8")
        points.metadata_path = "rows.tsv"
    projector.visualize_embeddings(str(folder), config)
    EventFileWriter(str(folder)).close()  # only folders with events are looked at, so this is last


def _sprite(images, size):
    """Joins thumbnails of a height and width to one picture, row by row."""
    height, width = size
    columns = math.ceil(math.sqrt(len(images)))
    sheet = Image.new("RGB", (columns * width, -(-len(images) // columns) * height), "white")
    is_enlarged = height > images.shape[1]
    how = Image.Resampling.NEAREST if is_enlarged else Image.Resampling.BICUBIC
    for place, image in enumerate(np.broadcast_to(images, (*images.shape[:3], 3))):
        thumbnail = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), how)
        sheet.paste(thumbnail, (place % columns * width, place // columns * height))
    return sheet


def _table(rows):
    """Writes rows with tabs between the cells; the projector takes no heading of one column."""
    lines = [list(rows[0])] if len(rows[0]) > 1 else []
    lines += [[_cell(value) for value in row.values()] for row in rows]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value):
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())  # tabs and line breaks would end a cell
