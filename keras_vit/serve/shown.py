"""What the page shows of an answer: rows of words, and pictures."""

import base64
import io

from keras_vit.errors import UserError
from keras_vit.inference.described import pictures_of, rows_of
from keras_vit.inference.metadata import TOP_K
from keras_vit.inference.signature import VALID, answers_in
from keras_vit.serve.limits import FORMATS


def shown(artefact, picture, outputs):
    """Describes and draws what a picture is answered with, as the task of the model does.

    Args:
        artefact: The `Artefact` that is served.
        picture: The bytes of the picture.
        outputs: What `serve_bytes` returned for this one picture, arrays `(1, ...)` by name.

    Returns:
        A dictionary for JSON: `rows`, as `keras_vit.inference.described.rows_of` returns them, and
        `pictures`, PNGs by name, each as a `data:` URL.

    Raises:
        ValueError: If the picture cannot be read.
    """
    if not outputs[VALID][0]:
        raise UserError("This is no picture that can be read: JPEG and PNG can.")
    answer = {name: array[0] for name, array in answers_in(outputs).items()}
    image = artefact.read_image(picture, FORMATS)
    pictures = pictures_of(artefact, answer, image)
    # With pictures, all rows are shown: they say what the colours mean.
    rows = rows_of(artefact, answer, None if pictures else TOP_K)
    return {"rows": rows, "pictures": {name: _url(each) for name, each in pictures.items()}}


def _url(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
