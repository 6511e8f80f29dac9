"""What a request may cost before a model sees it."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from keras_vit.picture import claimed_pixels

FORMATS = ("JPEG", "PNG")  # of pictures, as TensorFlow decodes them: Pillow's others start programs


async def read_body(request, max_body, timeout):
    """Reads the body of a request.

    Args:
        request: A `starlette.requests.Request`.
        max_body: Bytes that it may have.
        timeout: Seconds in which it must come.

    Raises:
        HTTPException: If it is longer (413), comes too slowly (408), or breaks off (400).
    """
    too_large = HTTPException(413, f"A request may have {max_body} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_body:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(timeout):
            async for part in request.stream():
                size += len(part)
                if size > max_body:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, f"The body must come within {timeout:g} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off") from None
    return b"".join(parts)


def check_inputs(inputs, max_batch, max_pixels):
    """Raises a `ValueError` for more images, or larger pictures, than the server takes."""
    if len(inputs) > max_batch:
        raise ValueError(f"A request may hold {max_batch} images: received {len(inputs)}")
    if isinstance(inputs, list):
        for picture in inputs:
            if claimed_pixels(picture, FORMATS) > max_pixels:
                raise ValueError(f"A picture may have {max_pixels:,} pixels")
