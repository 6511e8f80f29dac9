"""Random pictures with a natural spectrum, so that benchmarks need no data set."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 10
FILE_SIZE = 110_000  # bytes of a JPEG
FILE_SHAPE = (375, 500)  # height and width in pixels


def natural_images(count, height, width):
    """Makes random images whose amplitude falls as 1/frequency, as that of photographs does.

    Args:
        count: Number of images `N`.
        height: Height in pixels.
        width: Width in pixels.

    Returns:
        Images `(N, H, W, 3)`, uint8.
    """
    rng = np.random.default_rng(0)
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    falling = 1 / np.maximum(np.hypot(y, x), 1 / width)[..., None]
    images = []
    for _ in range(count):
        noise = np.fft.rfft2(rng.normal(size=(height, width, 3)), axes=(0, 1))
        image = np.fft.irfft2(noise * falling, (height, width), axes=(0, 1))
        images.append(128 + 50 * image / image.std())
    return np.stack(images).clip(0, 255).astype("uint8")


def write_jpegs(folder, count):
    """Writes random pictures `folder/<class>/<n>.jpg`.

    Each has the highest JPEG quality at which it is no larger than `FILE_SIZE`.

    Args:
        folder: Folder to write to; must exist.
        count: Number of pictures.
    """
    for n, image in enumerate(natural_images(count, *FILE_SHAPE)):
        picture, best = Image.fromarray(image), b""
        for quality in range(40, 100):
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=quality)
            if len(file.getvalue()) > FILE_SIZE:
                break
            best = file.getvalue()
        path = Path(folder, f"class{n % CLASSES}", f"{n}.jpg")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(best)
