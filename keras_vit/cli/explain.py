"""`keras-vit explain`: shows what of a picture speaks for an answer, or how far to trust that."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np

from keras_vit.cli.answers import check_out, pictures_to_answer
from keras_vit.cli.open_model import open_to_explain
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, one_line
from keras_vit.files import atomic_write
from keras_vit.progress import progress

DEFAULT = "relevance,rollout,gradcam"
PAGE = "explanations.html"
SHOWN = 200  # pictures on that page, which has some 50 kB for each


def explain(
    model: str,
    /,
    *images: Annotated[Path, cyclopts.Parameter(negative=(), json_list=False)],
    method: str | None = None,
    target: str | None = None,
    pixel: tuple[int, int] | None = None,
    out: Path | None = None,
    data: str | None = None,
    faithfulness: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    limit: int = 200,
    data_dir: Path | None = None,
    test_fraction: float | None = None,
):
    """Show what of a picture speaks for the answer of a model.

    Writes NAME-explained.png for each picture, with a map for each method drawn over it,
    NAME-maps.npz, the maps as numbers, and explanations.html, all pictures on a page that needs no
    other file. With --faithfulness and --data it measures the methods in place of that: what the
    answers do when what the maps point at is taken away, whether the maps point at the right
    picture and change with the weights, beside maps that know nothing of the model.

    Args:
        model: A .keras file of ours, or a checkpoint as keras-vit import takes it.
        images: Pictures, folders of them, or patterns.
        method: Methods separated by commas: relevance, attribution, gradient-rollout, rollout,
            attention, gradcam, integrated-gradients, smoothgrad, occlusion, patch-dropping. By
            default relevance, rollout and gradcam; with --faithfulness all but the last two, which
            are slow, and the first one is compared with the others.
        target: Name or index of the class that is explained, index of a feature, or place of a
            box, or name of the class whose surest box it is; by default the class that is
            answered, or the surest box.
        pixel: Row and column of the pixel of a segmentation that is explained.
        out: Folder to write to; with --faithfulness for faithfulness.html, .json and .png.
        data: With --faithfulness: a folder, a .csv or .jsonl file, or the name of a TFDS set.
        faithfulness: Measure how far the methods can be trusted.
        limit: With --faithfulness: how many pictures are looked at, at most.
        data_dir: Folder of prepared TFDS sets; TFDS_DATA_DIR by default.
        test_fraction: Share of a folder or table without a test split that is looked at: the one
            that a training with the same share sets apart; by default all.
    """
    check_out(out)
    if faithfulness != (data is not None) or faithfulness == bool(images):
        raise UserError(
            "Name pictures to explain, or --data and --faithfulness to measure the methods."
        )
    if faithfulness and (target is not None or pixel is not None):
        raise UserError("--faithfulness explains what is answered, without --target or --pixel.")
    if not faithfulness and out is None:
        raise UserError("--out must name a folder for the pictures.")
    if limit < 4:
        raise UserError(f"--limit must be at least 4: received {limit}.")
    with quiet_stderr():
        from keras_vit.interpret.anatomy import question
        from keras_vit.interpret.methods import METHODS, SLOW
    default = ",".join(name for name in METHODS if name not in SLOW) if faithfulness else DEFAULT
    names = _methods(method or default, METHODS)
    if not faithfulness:
        pictures, asked = pictures_to_answer(list(images), is_drawn=True)
        opened, preprocessing = open_to_explain(model)
        target = _target(opened, target, pixel)
        wanted = question(opened, target)  # what the model does not have is no matter of methods
        explain = _suitable(opened, target, names, is_chosen=method is not None)
        return _explained(model, opened, preprocessing, pictures, asked, explain, wanted, out)
    from keras_vit.cli.faithfulness import measure

    where = dict(data_dir=data_dir, test_fraction=test_fraction)
    return measure(model, names, data=data, limit=limit, out=out, **where)


def _methods(method, known):
    """Returns the names of the methods that are asked for."""
    names = [name.strip() for name in method.split(",")]
    for name in names:
        if name not in known:
            raise UserError(f"--method must be of {', '.join(known)}: received {name!r}.")
    return names


def _target(model, target, pixel):
    """Returns what is explained, as `keras_vit.interpret.anatomy.question` takes it."""
    from keras_vit.interpret import Pixel
    from keras_vit.tasks import class_names_of

    names = class_names_of(model) or []
    is_index = target is not None and target not in names and target.isdecimal()
    target = int(target) if is_index else target
    return target if pixel is None else Pixel(*pixel, target)


def _suitable(model, target, names, *, is_chosen):
    """Returns the methods by name; of those that nobody chose, those that suit the model."""
    from keras_vit.interpret.gradients import as_graph
    from keras_vit.interpret.methods import METHODS, OF_MANY_GRADIENTS

    found = {}
    for name in names:
        try:
            explain = METHODS[name](model, target)
            found[name] = as_graph(explain) if name in OF_MANY_GRADIENTS else explain
        except UserError as error:
            if is_chosen:
                raise UserError(f"{name}: {error}") from error
            print(f"keras-vit: {name} is left out: {error}", file=sys.stderr)
    if not found:
        raise UserError("None of the methods suits the model.")
    return found


def _explained(path, model, preprocessing, pictures, asked, explain, wanted, out):
    """Explains pictures; returns the status of the command."""
    from keras_vit.images.crop import read_image
    from keras_vit.images.gallery import gallery_figure
    from keras_vit.images.heat import overlaid
    from keras_vit.interpret.methods import ABOUT
    from keras_vit.report import Explained, write_explanations
    from keras_vit.tasks import class_names_of

    page, done = [], 0
    for picture in progress(pictures, "explaining", len(pictures)):
        try:
            image = read_image(picture.path, preprocessing, channels=model.input_shape[3])
        except (UserError, OSError) as error:
            print(f"keras-vit: {one_line(error)}", file=sys.stderr)
            continue
        maps = {name: np.asarray(found(image[None]))[0] for name, found in explain.items()}
        answer = _answer(wanted, image, class_names_of(model))
        drawn = {"": np.broadcast_to(image, (*image.shape[:2], 3))}
        drawn |= {_caption(name, each): overlaid(image, each) for name, each in maps.items()}
        place = out / picture.place
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(place.with_name(f"{place.name}-explained.png")) as unfinished:
            titles = [answer, *list(drawn)[1:]]
            figure = gallery_figure(np.stack([*drawn.values()]), titles, columns=4, tile=224)
            figure.savefig(unfinished, dpi=100)
        with atomic_write(place.with_name(f"{place.name}-maps.npz")) as unfinished:
            np.savez(unfinished, **maps)
        print(f"{picture.path}: {answer}")
        done += 1
        if done <= SHOWN:
            page.append(Explained.of(picture.path, answer, drawn))
    if not done:
        raise UserError("No picture is explained.")
    about = {name: ABOUT[name] for name in explain}
    write_explanations(out / PAGE, path, about, explained=page)
    first = f", which shows the first {SHOWN:,}" if done > SHOWN else ""
    print(f"Written to {out}: a picture and maps of {done:,}, and {PAGE}{first}.")
    if done < asked:
        print(f"keras-vit: {asked - done:,} of {asked:,} are not explained.", file=sys.stderr)
    return 0 if done == asked else 1


def _caption(name, values):
    """Writes what stands below a map; one that is zero says that nothing speaks for the answer."""
    return name if values.any() else f"{name}: zero"


def _answer(wanted, image, class_names):
    """Writes what is explained of an image: the class and its probability, or the number."""
    numbers = np.asarray(wanted.of(image[None]))[0]
    index = int(np.asarray(wanted.chosen(numbers[None]))[0])
    name = class_names[index] if class_names and len(class_names) == len(numbers) else f"{index}"
    if not wanted.are_logits:
        return f"{name}: {numbers[index]:.3g}"
    chances = np.exp(numbers - numbers.max())
    return f"{name} {chances[index] / chances.sum():.1%}"
