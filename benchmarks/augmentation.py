"""What the augmentations cost that flags choose by name: CPU time per image.

python -m benchmarks.augmentation
"""

import functools
import time

import numpy as np
import tensorflow as tf

from benchmarks.machine import machine
from keras_vit.data.augment import example_keys, mix, random_flip
from keras_vit.run.augmentation import AUGMENTATIONS, erasing_stages, policy_stages

BATCH, ROUNDS, CLASSES = 64, 5, 1000


def cpu_ms(stage, size):
    """Measures the CPU time that a stage takes, of all threads.

    Args:
        stage: Called with images `(B, S, S, 3)`, uint8, and keys `(B,)`.
        size: Side `S` in pixels.

    Returns:
        Milliseconds per image, the smallest of several rounds.
    """
    images = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3)).astype("uint8")
    run = tf.function(stage, autograph=False)
    times = []
    for number in range(ROUNDS + 1):  # the first traces
        keys = example_keys(number, tf.range(BATCH, dtype=tf.int64))
        start = time.process_time()
        run(tf.constant(images), keys)
        times.append(time.process_time() - start)
    return 1000 * min(times[1:]) / BATCH


def main():
    """Prints a table."""
    stages = {"--flip": random_flip}
    for name in AUGMENTATIONS[1:]:
        stages[f"--augment {name}"] = policy_stages(name)[0]
    stages["--erasing 0.25"] = erasing_stages(0.25)[0]
    for flag, how in {"--mixup 0.8": dict(mixup=0.8), "--cutmix 1": dict(cutmix=1.0)}.items():
        labels = np.zeros(BATCH, int)
        stages[flag] = functools.partial(_mixed, labels=labels, **how)
    print(machine())
    print(f"CPU milliseconds per image, batches of {BATCH}")
    print(f"{'flag':32}{'64 pixels':>12}{'224 pixels':>12}")
    for flag, stage in stages.items():
        print(f"{flag:32}{cpu_ms(stage, 64):12.2f}{cpu_ms(stage, 224):12.2f}", flush=True)


def _mixed(images, keys, *, labels, **how):
    return mix(images, labels, keys, num_classes=CLASSES, **how)


if __name__ == "__main__":
    main()
