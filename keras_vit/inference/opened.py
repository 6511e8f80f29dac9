"""What a runtime says of a model that it opened, before anything of it is checked."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from keras_vit.inference.artefact import Artefact
from keras_vit.inference.signature import (
    FLOAT,
    IMAGES,
    answers_of,
    check_answer,
    image_shape_of,
    one_by_one,
)


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model as its runtime opened it.

    Attributes:
        inputs: A pair for each input by its name: its shape, `None` for an axis of any length, and
            the name of its dtype.
        outputs: The same for each output.
        run: Maps images `(B, H, W, C)`, 0 to 255, to the outputs by name, arrays or what NumPy
            takes for arrays; `B` is 1 where the shape of the input says so.
        runtime: Name and version of the runtime.
        metadata: `task`, `options`, `class_names`, `preprocessing` and `attention`, as `Artefact`
            has them; the last may be missing.
        dtypes: Names of the dtypes that images may have.
        loaded: As `Artefact` has it.
    """

    inputs: dict[str, tuple]
    outputs: dict[str, tuple]
    run: Callable[[np.ndarray], Mapping[str, object]]
    runtime: str
    metadata: dict[str, object]
    dtypes: tuple[str, ...] = (FLOAT,)
    loaded: object = None

    def checked(self, path):
        """Returns the `Artefact` of the model, after a check of what it takes and answers.

        Args:
            path: Where it was opened, a `pathlib.Path`.

        Raises:
            ValueError: If `image_shape_of` or `check_answer` refuses it.
        """
        shape = image_shape_of(self.inputs, self.outputs, self.metadata["task"], self.dtypes)
        names = answers_of(self.outputs)

        def answer(images):
            outputs = self.run(images)
            return {name: np.asarray(outputs[name]) for name in names}

        is_single = self.inputs[IMAGES][0][0] == 1
        artefact = Artefact(
            path,
            shape,
            answer=one_by_one(answer) if is_single else answer,
            runtime=self.runtime,
            loaded=self.loaded,
            **self.metadata,
        )
        check_answer(artefact)
        return artefact
