"""What follows each step of DINO: the average of its teacher, temperature, and last layer."""

import math

from keras import ops


def follow(model, *, steps, momentum, temperatures, warmup_steps, frozen_steps):
    """Moves the teacher of `keras_vit.tasks.self_distilled_views` after a step of its student.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294, section 3.1 and
    appendix C): `teacher = m * teacher + (1 - m) * student`, where `m` rises from `momentum` to 1
    by a cosine. The average is of weights only; what else the student has, such as seeds, stays.

    Args:
        model: A compiled model of that graph.
        steps: As `keras_vit.tasks.dino` takes it, as the next ones.
        momentum: The first `m`.
        temperatures: The teacher's at first and after its warm-up.
        warmup_steps: Steps of this warm-up.
        frozen_steps: Steps before the last layer of the head begins to learn.
    """
    optimizer = getattr(model.optimizer, "optimizers", [model.optimizer])[0]
    done = ops.cast(optimizer.iterations, "float32")
    share = momentum_at(ops.maximum(done - 1, 0), steps, momentum)
    for teacher, student in averaged(model):
        kept = ops.cast(share, teacher.dtype)
        teacher.assign(kept * teacher + (1 - kept) * student)
    cold, warm = temperatures
    risen = ops.minimum(done / max(warmup_steps, 1), 1.0) if warmup_steps else 1.0
    model.get_layer("sharpen").temperature.assign(cold + (warm - cold) * risen)
    model.get_layer("prototypes").open.assign(ops.cast(done >= frozen_steps, "float32"))


def momentum_at(step, steps, momentum):
    """Returns how much of the teacher stays in a step, from 0, of `steps`."""
    return 1 - (1 - momentum) * (ops.cos(math.pi * step / steps) + 1) / 2


def averaged(model):
    """Lists pairs of a teacher's weight and the student's weight that it is an average of."""
    teacher = model.get_layer("teacher")
    return [
        pair
        for layer in teacher.layers
        if layer.weights
        for pair in zip(layer.weights, model.get_layer(layer.name).weights, strict=True)
        if pair[1].trainable
    ]
