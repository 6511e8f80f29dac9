"""Limits what a request may cost before a model sees it."""

import asyncio
import contextlib
import re
import struct

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from keras_vit.errors import UserError

FORMATS = ("JPEG", "PNG")  # as TensorFlow decodes; Pillow starts programs for some other formats
MAX_SEGMENTS = 1000  # in the header of a JPEG
LINGER = 2.0  # seconds for which the rest of a refused body is read and dropped
MAX_SCANS = 100  # of a JPEG: each is a pass over all pixels and may have only a hundred bytes

_PNG_SIDES = re.compile(rb"IHDR(?=(.{8}))", re.DOTALL)  # anywhere: decoders skip chunks before it
_MARKER = re.compile(rb"\xff+([^\x00\xff])")  # bytes before it are skipped, as decoders do
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows
_SCAN = 0xDA


class Bodies:
    """Reads the bodies of requests and limits the memory of those that are still being read.

    Args:
        max_body: Largest body, in bytes.
        max_held: Largest sum of all bodies that are still being read, in bytes.
        timeout: Seconds within which a body must arrive.
    """

    def __init__(self, max_body, max_held, timeout):
        self._max_body, self._max_held, self._timeout = max_body, max_held, timeout
        self._held = 0

    async def read(self, request):
        """Reads the body of a request.

        Args:
            request: A `starlette.requests.Request`.

        Returns:
            The body, `bytes`.

        Raises:
            HTTPException: If it is too long (status 413), too slow (408) or breaks off (400), or if
                too many are being read (429).
        """
        too_large = HTTPException(413, f"A request may have {self._max_body} bytes")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_body:
            await _discard(request)
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._timeout):
                async for part in request.stream():
                    size += len(part)
                    self._held += len(part)
                    if size > self._max_body:
                        break
                    if self._held > self._max_held:
                        raise HTTPException(429, "Too many bytes at a time", {"Retry-After": "1"})
                    parts.append(part)
        except TimeoutError:
            message = f"The body must come within {self._timeout:g} seconds"
            raise HTTPException(408, message) from None
        except ClientDisconnect:
            raise HTTPException(400, "The body broke off") from None
        finally:
            self._held -= size
        if size > self._max_body:
            parts.clear()
            await _discard(request)
            raise too_large
        return b"".join(parts)


async def _discard(request):
    """Reads the rest of a body for a while: a client that is still sending sees no reply."""
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LINGER):
            async for _ in request.stream():
                pass


def check_inputs(inputs, max_batch, max_pixels):
    """Checks that the inputs of a request are not too many and not too costly.

    Args:
        inputs: An array `(B, ...)`, or the bytes of `B` pictures, a list.
        max_batch: Most images.
        max_pixels: Largest sum of the pixels of the pictures, by their headers.

    Raises:
        ValueError: If there are more images or more pixels, a JPEG has more than `MAX_SCANS` scans,
            or its header more than `MAX_SEGMENTS` segments.
    """
    if len(inputs) > max_batch:
        raise UserError(f"A request may hold {max_batch} images: received {len(inputs)}")
    if isinstance(inputs, list):
        pixels = sum(map(claimed_pixels, inputs))
        if pixels > max_pixels:
            raise UserError(f"A request may have {max_pixels:,} pixels: received {pixels:,}")
        for picture in inputs:
            if picture.startswith(b"\xff\xd8") and picture.count(b"\xff\xda") > MAX_SCANS:
                raise UserError(f"A JPEG may have {MAX_SCANS} scans")


def claimed_pixels(picture):
    """Computes the number of pixels in the header of a picture, without decoding it.

    Args:
        picture: The picture's bytes.

    Returns:
        Height times width, the largest if several are found; 0 if it is no JPEG or PNG.

    Raises:
        ValueError: If a JPEG's header has more than `MAX_SEGMENTS` segments.
    """
    if picture.startswith(b"\x89PNG"):
        sides = (struct.unpack(">II", each) for each in _PNG_SIDES.findall(picture))
        return max((width * height for width, height in sides), default=0)
    place, most = 2, 0
    if not picture.startswith(b"\xff\xd8"):
        return 0
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(picture, place)
        if match is None or match[1][0] == _SCAN:
            return most
        marker, place = match[1][0], match.end()
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", picture[place + 3 : place + 7].ljust(4, b"\0"))
            most = max(most, height * width)
        if marker not in _BARE:
            (length,) = struct.unpack(">H", picture[place : place + 2].ljust(2, b"\0"))
            place += length
    raise UserError(f"The header of a JPEG may have {MAX_SEGMENTS} segments")
