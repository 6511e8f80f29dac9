"""Picture files that are hard to read, made on the spot: what decoders must bear or refuse."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SMOOTH = np.linspace(0, 255, 40 * 60 * 3).reshape(40, 60, 3).astype("uint8")  # a JPEG keeps it


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def with_claim_before(png):
    """The PNG with a chunk before its header that decoders skip, where small sides are claimed."""
    chunk = b"abCdIHDR" + bytes(8)
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:8] + chunk + png[8:]


def turned(image):
    """EXIF of a camera that was held a quarter turned."""
    exif = image.getexif()
    exif[0x0112] = 6
    return exif


def good_pictures():
    """Returns `{file name: bytes}` of odd pictures with nothing wrong, no two alike."""
    smooth = Image.fromarray(SMOOTH)
    palette = Image.fromarray(SMOOTH[..., 1] % 3)
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    frames = [Image.new("RGB", (40, 30), name) for name in ("lime", "blue")]
    return {
        "print.jpg": encode(smooth.convert("CMYK"), "jpeg"),
        "deep.png": encode(Image.fromarray(SMOOTH[..., 0].astype("uint16") * 257), "png"),
        "palette.png": encode(palette, "png", transparency=bytes([0, 128, 255])),
        "turned.jpeg": encode(smooth, "jpeg", exif=turned(smooth)),
        "moving.gif": encode(frames[0], "gif", save_all=True, append_images=frames[1:]),
        "web.webp": encode(smooth, "webp"),
        "map.bmp": encode(smooth.rotate(180), "bmp"),
        "pixel.png": encode(Image.new("RGB", (1, 1), "red"), "png"),
    }


def broken_pictures():
    """Returns `{file name: bytes}` of what is no picture."""
    smooth = Image.fromarray(SMOOTH)
    return {
        "empty.png": b"",
        "text.jpg": b"no image",
        "cut.jpg": encode(smooth, "jpeg")[:700],
        "cut.png": encode(smooth, "png")[:90],
        "cut.webp": encode(smooth, "webp", lossless=True)[:-40],
        "bomb.png": png_header(20_000, 20_000),
    }
