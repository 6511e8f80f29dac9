"""What the page shows of an answer: rows of words, and pictures."""

import asyncio
import base64
import io
import threading

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture
from keras_vit.images.holes import read_with_hole
from keras_vit.inference.described import has_threshold, known_task, rows_of
from keras_vit.inference.metadata import TOP_K
from keras_vit.inference.signature import BYTES, PIXELS, VALID, answers_in
from keras_vit.inference.whole_picture import boxes_on_picture, has_boxes, pictures_on_picture
from keras_vit.serve.limits import FORMATS

LARGEST = 1024  # pixels of the longer side of what is drawn over a picture
UNREADABLE = "This is no picture that can be read: JPEG and PNG can."


async def answered(artefact, picture, batchers):
    """Answers a picture of any size: whole, if the task of the model does so, else as one image.

    Args:
        artefact: The `Artefact` that is served.
        picture: The bytes of the picture.
        batchers: A `keras_vit.serve.batcher.Batcher` for each signature by its name.

    Returns:
        The pixels of the picture `(h, w, C)`, uint8, and the answers by name, arrays without the
        axis of the batch.

    Raises:
        UserError: If the picture cannot be read, or the model takes no such picture.
    """
    try:
        whole = await asyncio.to_thread(decode_picture, picture, FORMATS)
    except ValueError:
        raise UserError(UNREADABLE) from None
    task = await asyncio.to_thread(known_task, artefact, {})
    if task is not None and task.alpha:
        whole = await asyncio.to_thread(read_with_hole, picture, formats=FORMATS)
    if task is not None and task.whole is not None:
        return whole, await _in_tiles(task, artefact.image_shape, whole, batchers[PIXELS])
    if BYTES not in batchers:
        raise UserError("The model takes no pictures")
    outputs = await batchers[BYTES]([picture])
    if not outputs[VALID][0]:
        raise UserError(UNREADABLE)
    return whole, {name: array[0] for name, array in answers_in(outputs).items()}


async def _in_tiles(task, shape, whole, batcher):
    """Answers a picture whole, in a thread that ends when nobody waits for it any more."""
    loop, gone = asyncio.get_running_loop(), threading.Event()

    def answer(tiles):
        if gone.is_set():
            raise asyncio.CancelledError
        return asyncio.run_coroutine_threadsafe(batcher(tiles), loop).result()

    try:
        return await asyncio.to_thread(task.whole, answer, shape, whole)
    finally:
        gone.set()


def shown(artefact, whole, answer):
    """Describes and draws what a picture is answered with, as the task of the model does.

    Args:
        artefact: The `Artefact` that is served.
        whole: The picture `(h, w, C)`, uint8.
        answer: Its answers by name, as `answered` returns them.

    Returns:
        A dictionary for JSON: `rows`, as `keras_vit.inference.described.rows_of` returns them, and
        `pictures`, PNGs by name, each as a `data:` URL. The rows say where boxes are, in pixels of
        the picture, so no picture shows them. What is drawn over a picture has at most `LARGEST`
        pixels a side.
    """
    if has_boxes(answer):
        answer, pictures = boxes_on_picture(artefact, answer, whole.shape[:2]), {}
    else:
        pictures = pictures_on_picture(artefact, answer, whole)
    # With pictures, all rows are shown: they say what the colours mean.
    is_long = bool(pictures) or has_threshold(artefact)
    rows = rows_of(artefact, answer, None if is_long else TOP_K)
    if pictures and known_task(artefact, answer).whole is None:
        for each in pictures.values():
            each.thumbnail((LARGEST, LARGEST))
    return {"rows": rows, "pictures": {name: _url(each) for name, each in pictures.items()}}


def _url(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
