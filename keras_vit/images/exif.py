"""Reads the EXIF orientation of a JPEG or PNG, by one rule.

This reader, `graph_exif` and `picture.js` of the browser pages follow the same rule. The
orientation is the tag 0x0112 of the first image file directory (IFD0) of a JPEG's first `Exif`
segment, or of a PNG's `eXIf` chunk. It may be an integer of 1, 2 or 4 bytes, in either byte order,
anywhere in the directory. A thumbnail's tag, XMP, bytes that only look like a tag, and values
outside 1 to 8 are ignored.
"""

import struct

ORIENTATION = 0x0112
FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}  # of TIFF's integers
UPRIGHT = 1


def orientation_of(file):
    """Reads the EXIF orientation of a JPEG or PNG.

    Args:
        file: A file that is open for reading bytes. It may be at any position, to which it
            returns.

    Returns:
        An integer from 1 to 8; 1 (upright) where the file holds no orientation.
    """
    place = file.tell()
    try:
        file.seek(0)
        head = file.read(8)
        if head.startswith(b"\xff\xd8"):
            return orientation_in(_exif_of_jpeg(file))
        if head == b"\x89PNG\r\n\x1a\n":
            return orientation_in(_exif_of_png(file))
        return UPRIGHT
    finally:
        file.seek(place)


def orientation_in(exif):
    """Reads the orientation in EXIF data.

    Args:
        exif: The bytes from the byte order on (`II` or `MM`), without the prefix `Exif` of a JPEG.

    Returns:
        An integer from 1 to 8; 1 (upright) where the data hold no orientation.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return UPRIGHT
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack(order + "H", exif[start : start + 2].ljust(2, b"\0"))
    for place in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", exif, place)
        if tag == ORIENTATION:  # the first one decides
            if kind not in FORMATS or values != 1:
                return UPRIGHT
            (value,) = struct.unpack_from(order + FORMATS[kind], exif, place + 8)
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def _exif_of_jpeg(file):
    """Returns the data of the first `Exif` segment before the scan, empty where there is none."""
    file.seek(2)
    while (head := file.read(2)) and head[0] == 0xFF and len(head) == 2:
        marker = head[1]
        if marker == 0xFF:  # fill
            file.seek(-1, 1)
        elif marker in (0xDA, 0xD9):  # start of scan, end of image
            break
        elif marker != 0x01 and not 0xD0 <= marker <= 0xD8:  # these have no length
            length = max(0, int.from_bytes(file.read(2), "big") - 2)
            start = file.tell()
            if marker == 0xE1 and file.read(min(6, length)) == b"Exif\0\0":
                return file.read(length - 6)
            file.seek(start + length)
    return b""


def _exif_of_png(file):
    """Returns the data of the first `eXIf` chunk, empty where there is none."""
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            return file.read(length)
        file.seek(length + 4, 1)  # and the checksum
    return b""
