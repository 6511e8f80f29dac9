"""All that is measured of a way to explain, image by image."""

import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret import perturbation
from keras_vit.interpret.anatomy import question
from keras_vit.interpret.balance import relevance_balance
from keras_vit.interpret.gradients import as_graph
from keras_vit.interpret.left_out import check_patches_can_go, numbers_of_patches
from keras_vit.interpret.localisation import PARTS, mosaics, pointing_game
from keras_vit.interpret.pixel_gradients import integrated_gradients
from keras_vit.interpret.shuffled_weights import rank_correlation, shuffled_weights

IS_HIGH_GOOD = {
    "pixels positive": False,
    "pixels negative": True,
    "tokens positive": False,
    "tokens negative": True,
    "deletion": False,
    "insertion": True,
    "pointing": True,
    "shuffled weights": False,
}


def faithfulness(model):
    """Returns a function that measures how faithful the maps of a method are to the answers.

    Args:
        model: A classifier of logits that can do without some of its patches.

    Returns:
        A function of a method and of at least four images `(B, H, W, C)`, 0 to 255. The method is a
        function of a model and a target, which are integers `(B,)`, that returns a function from
        images to maps `(B, h, w)`, as those of `keras_vit.interpret`. What is returned are numbers
        by the names of `IS_HIGH_GOOD`, `(B,)` each: the two of `pixel_perturbation` and of
        `token_perturbation`, `deletion` and `insertion`; "pointing", whether the maximum lies in
        the right part of the `mosaics` of the images, for the first images of a multiple of four;
        and "shuffled weights", the size of the `rank_correlation` with the map of the same class by
        the model with `shuffled_weights`.

    Raises:
        ValueError: If the model is no such classifier, or there are fewer images.
    """
    check_measurable(model)
    answer = as_graph(lambda images: model(images, training=False))
    of_patches = numbers_of_patches(model, question(model))

    def measured(method, images):
        if len(images) < PARTS:
            raise UserError(f"At least {PARTS} images are measured: received {len(images)}.")
        images = np.asarray(images, "float32")
        named = np.argmax(ops.convert_to_numpy(answer(images)), axis=-1)
        explain = method(model, named)
        maps = ops.convert_to_numpy(explain(images))
        with shuffled_weights(model):
            without = ops.convert_to_numpy(explain(images))
        joined, regions = mosaics(images, named)
        pointing = ops.convert_to_numpy(method(model, named[: len(joined)])(joined))
        pixels = perturbation.pixel_perturbation(answer, images, maps)
        tokens = perturbation.token_perturbation(model, images, maps, of_patches=of_patches)
        return {
            "pixels positive": pixels.positive,
            "pixels negative": pixels.negative,
            "tokens positive": tokens.positive,
            "tokens negative": tokens.negative,
            "deletion": perturbation.deletion(answer, images, maps),
            "insertion": perturbation.insertion(answer, images, maps),
            "pointing": pointing_game(pointing, regions, tolerance=0).astype(float),
            "shuffled weights": np.abs(rank_correlation(maps, without)),
        }

    return measured


def check_measurable(model):
    """Raises a `ValueError` if a model is no classifier of logits that can do without patches."""
    asked = question(model)
    if not asked.are_logits:
        raise UserError(f"Faithfulness is measured of our classifiers: received {model.name!r}.")
    check_patches_can_go(model)


def conservation_error(model, images):
    """Measures how much of the answer the relevance of all parts of a model misses.

    Args:
        model: As `keras_vit.interpret.relevance_balance` takes it.
        images: Images `(B, H, W, C)`, 0 to 255.

    Returns:
        Numbers `(B,)`: the difference, as a share of the answer, which is a logit.
    """
    found = relevance_balance(model)(images)
    parts = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    answer = parts.pop("answer")
    return np.abs(sum(parts.values()) - answer) / np.abs(answer)


def completeness_error(model, images):
    """Measures by how much integrated gradients miss the answer's difference from a black image.

    Args:
        model: As `keras_vit.interpret.integrated_gradients` takes it.
        images: Images `(B, H, W, C)`, 0 to 255.

    Returns:
        Numbers `(B,)`: what the contributions lack, as a share of the difference.
    """
    images = ops.cast(images, "float32")
    asked = question(model)
    chosen = asked.chosen(asked.of(images))
    maps = as_graph(integrated_gradients(model))(images)
    change = asked.score(images, chosen) - asked.score(ops.zeros_like(images), chosen)
    lacking = ops.abs(ops.sum(maps, axis=(1, 2)) - change) / ops.abs(change)
    return ops.convert_to_numpy(lacking)
