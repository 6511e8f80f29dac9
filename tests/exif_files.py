"""Files made byte by byte, with the orientation of each that counts."""

import struct
import zlib

from PIL import Image
from zoo import SMOOTH, encode

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED = 1, 2, 3, 4, 5, 7, 8
FORMATS = {BYTE: "B", SHORT: "H", LONG: "I", SIGNED: "h"}


def entry(order, tag, value, kind=SHORT, count=1):
    head = struct.pack(order + "HHI", tag, kind, count)
    if isinstance(value, bytes):
        return head + value.ljust(4, b"\0")
    return head + struct.pack(order + FORMATS[kind], value).ljust(4, b"\0")


def tiff(order, *directories, start=8, gap=b""):
    """EXIF data of image file directories, each a list of entries, one after the other."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    data = mark + struct.pack(order + "I", start + len(gap)) + bytes(start - 8) + gap
    for number, entries in enumerate(directories):
        end = len(data) + 2 + 12 * len(entries) + 4
        following = end if number + 1 < len(directories) else 0
        data += struct.pack(order + "H", len(entries)) + b"".join(entries)
        data += struct.pack(order + "I", following)
    return data


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def exif(data):
    return segment(0xE1, b"Exif\0\0" + data)


JPEG = encode(Image.fromarray(SMOOTH), "jpeg", quality=95)
PNG = encode(Image.fromarray(SMOOTH), "png")


def jpeg(*segments):
    """A JPEG with segments before its own, which begin with JFIF's."""
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def late_jpeg(*segments):
    """A JPEG with segments right before its scan."""
    place = JPEG.index(b"\xff\xda")
    return JPEG[:place] + b"".join(segments) + JPEG[place:]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*chunks, late=False):
    """A PNG with chunks behind its header, or before its end."""
    place = PNG.index(b"IEND") - 4 if late else 33
    return PNG[:place] + b"".join(chunks) + PNG[place:]


def plain(order, value, kind=SHORT):
    return tiff(order, [entry(order, 0x0112, value, kind)])


def others(order, count=3, start=0x0100):
    return [entry(order, start + index, 7) for index in range(count)]


LOOKS_LIKE_IT = entry("<", 0x0112, 6) + entry(">", 0x0112, 8)
XMP = segment(
    0xE1,
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    b"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='3'/></rdf:RDF></x:xmpmeta>",
)


def cases():
    """Yields names, files, and the orientation that counts."""
    for order in "<>":
        for value in range(1, 9):
            yield f"{order}{value}", jpeg(exif(plain(order, value))), value
            yield f"{order}{value}-png", png(chunk(b"eXIf", plain(order, value))), value
        for value in (0, 9, 256, 65_535):
            yield f"{order}{value}", jpeg(exif(plain(order, value))), 1
        yield f"{order}long", jpeg(exif(plain(order, 6, LONG))), 6
        yield f"{order}large-long", jpeg(exif(plain(order, 65_536 + 6, LONG))), 1
        yield f"{order}byte", jpeg(exif(plain(order, 6, BYTE))), 6
        yield f"{order}signed", jpeg(exif(plain(order, 6, SIGNED))), 6
        yield f"{order}negative", jpeg(exif(plain(order, -6, SIGNED))), 1
        for kind in (0, ASCII, RATIONAL, UNDEFINED, 11, 12, 13, 65_535):
            data = tiff(order, [entry(order, 0x0112, b"\6\6\6\6", kind)])
            yield f"{order}type-{kind}", jpeg(exif(data)), 1
        two = tiff(order, [entry(order, 0x0112, b"\6\0\6\0", SHORT, 2)])
        yield f"{order}two-values", jpeg(exif(two)), 1
        tag = entry(order, 0x0112, 6)
        yield f"{order}first", jpeg(exif(tiff(order, [tag, *others(order)]))), 6
        yield f"{order}last", jpeg(exif(tiff(order, [*others(order), tag]))), 6
        yield f"{order}absent", jpeg(exif(tiff(order, others(order)))), 1
        yield f"{order}empty", jpeg(exif(tiff(order, []))), 1
        twice = tiff(order, [tag, entry(order, 0x0112, 3)])
        yield f"{order}twice", jpeg(exif(twice)), 6
        odd = tiff(order, [tag], gap=LOOKS_LIKE_IT[:-1])
        yield f"{order}odd-place", jpeg(exif(odd)), 6
        maker = tiff(order, [*others(order), entry(order, 0x0112, 3)], gap=LOOKS_LIKE_IT)
        yield f"{order}maker-note", jpeg(exif(maker)), 3
        upright = tiff(order, [*others(order), entry(order, 0x0112, 1)], gap=LOOKS_LIKE_IT)
        yield f"{order}only-looks-like-it", jpeg(exif(upright)), 1
        thumbnail = tiff(order, others(order), [tag])
        yield f"{order}thumbnail", jpeg(exif(thumbnail)), 1
        both = tiff(order, [entry(order, 0x0112, 3)], [tag])
        yield f"{order}both", jpeg(exif(both)), 3
        yield f"{order}xmp-first", jpeg(XMP, exif(plain(order, 6))), 6
        yield f"{order}late", late_jpeg(exif(plain(order, 6))), 6
        far = [segment(0xE2, bytes(65_000)), segment(0xFE, bytes(65_000))]
        yield f"{order}far", jpeg(*far, exif(plain(order, 6))), 6
        yield f"{order}fill", jpeg(b"\xff\xff" + exif(plain(order, 6))), 6
        yield f"{order}two-exif", jpeg(exif(plain(order, 6)), exif(plain(order, 3))), 6
        claims = tiff(order, [tag]).replace(struct.pack(order + "H", 1), b"\xff\xff", 1)
        yield f"{order}claims-more", jpeg(exif(claims)), 6
        yield f"{order}cut", jpeg(exif(plain(order, 6)[:-6])), 1
        for start in (7_000, 2**31, 2**32 - 1):
            out = plain(order, 6)[:4] + struct.pack(order + "I", start) + plain(order, 6)[8:]
            yield f"{order}out-{start}", jpeg(exif(out)), 1
        yield f"{order}late-png", png(chunk(b"eXIf", plain(order, 6)), late=True), 6
    yield "none", JPEG, 1
    yield "none-png", PNG, 1
    yield "xmp", jpeg(XMP), 1
    yield "comment", jpeg(segment(0xFE, b"Exif\0\0" + plain("<", 6))), 1
    yield "wrong-mark", jpeg(exif(b"JJ" + plain("<", 6)[2:])), 1
    yield "big-tiff", jpeg(exif(b"II+\0" + plain("<", 6)[4:])), 1
    for length in range(9):
        yield f"short-{length}", jpeg(exif(plain("<", 6)[:length])), 1
        yield f"short-name-{length}", jpeg(segment(0xE1, b"Exif\0\0"[:length])), 1
    yield "text-png", png(chunk(b"tEXt", b"Comment\0eXIf" + plain("<", 6))), 1
    itxt = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta tiff:Orientation='3'></x:xmpmeta>"
    yield "xmp-png", png(chunk(b"iTXt", itxt)), 1


CASES = {name: (data, expected) for name, data, expected in cases()}
