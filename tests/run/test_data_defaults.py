import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_vit.data import from_arrays, from_folder, hold_out
from keras_vit.run.data_defaults import Look, follow_data, look_at
from keras_vit.run.finetune import Config, bigger

CHECKPOINT = SimpleNamespace(
    architecture=SimpleNamespace(config=SimpleNamespace(image_size=(224, 224), patch_size=16))
)


def source_of(count, shape=(8, 8, 3), colour=9):
    images = np.zeros((count, *shape), "uint8")
    images[..., 0] = colour
    labels = np.arange(count) % 2
    return from_arrays((images, labels), (images[:2], labels[:2]))


def chosen(source, parts=1, **flags):
    config = Config(data="x", weights="x", **flags)
    config.check()
    return follow_data(config, source, CHECKPOINT, parts=parts)


def test_size_and_colours_are_seen(tmp_path):
    assert look_at(source_of(100).splits["train"]) == Look(8, False)
    assert look_at(source_of(100, colour=0).splits["train"].resized(32)) == Look(8, True)
    assert look_at(source_of(3, (5, 7, 1)).splits["train"]) == Look(5, True)
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "test" / name).mkdir(parents=True)
        for index, mode in enumerate(["L", "RGB"]):
            place = tmp_path / ("train", "test")[index] / name / "0.png"
            Image.new(mode, (30, 20 + 10 * index), 7).save(place)
        (tmp_path / "train" / name / "broken.jpg").write_bytes(b"nothing")
    splits = from_folder(tmp_path).splits
    assert look_at(splits["train"]) == Look(20, True)
    assert look_at(splits["test"]) == Look(30, False)


@pytest.mark.parametrize(
    "count, shape, expected",
    [
        (150, (300, 400, 3), dict(image_size=224, epochs=30, batch_size=12, warmup_epochs=3)),
        (272, (40, 30, 3), dict(image_size=112, epochs=30, batch_size=16)),
        (5000, (60, 60, 3), dict(image_size=160, epochs=3, batch_size=30, warmup_epochs=1)),
        (20_000, (4, 4, 3), dict(image_size=64, epochs=5, batch_size=60)),
    ],
)
def test_number_and_size_choose(count, shape, expected):
    config = chosen(source_of(count, shape))
    assert expected.items() <= dataclasses.asdict(config).items()
    held_out = hold_out(source_of(count, (4, 4, 3))).splits["val"].count
    assert (count - held_out) % config.batch_size / count < 0.02 and config.flip


def test_what_is_given_stays_and_what_is_chosen_is_said(capsys):
    config = chosen(source_of(150, (32, 32, 1)), image_size=64, epochs=2, learning_rate=1.0)
    assert (config.image_size, config.epochs, config.learning_rate) == (64, 2, 1.0)
    assert (config.warmup_epochs, config.flip) == (1, False)
    out = capsys.readouterr().out
    line = "For 134 grey training pictures of 32 pixels: --batch-size 12, --warmup-epochs 1, "
    assert out == f"{line}--no-flip.\n"
    given = dict(image_size=64, epochs=2, learning_rate=1.0, batch_size=8, warmup_epochs=0)
    chosen(source_of(150), flip=True, **given)
    assert capsys.readouterr().out == ""


def test_small_pictures_are_seen_whole(tmp_path, capsys):
    for index, name in enumerate(["train/a", "train/b", "test/a", "test/b"]):
        (tmp_path / name).mkdir(parents=True)
        for number in range(2):
            place = tmp_path / name / f"{number}.png"
            Image.new("RGB", (60, 40), (index, number, 0)).save(place)
    source = from_folder(tmp_path)
    seen = {size: chosen(source, image_size=size).crop_ratio for size in (32, 48)}
    assert seen == {32: 0.875, 48: 1.0}
    assert "--crop-ratio 0.875, --flip." in capsys.readouterr().out
    config = chosen(source, image_size=48, crop_ratio=0.5)
    assert config.cropping(source)[1]["preprocessing"].crop_ratio == 0.5


def test_a_batch_divides_over_the_devices():
    assert chosen(source_of(150), parts=4).batch_size == 12
    assert chosen(source_of(10), parts=32).batch_size == 32  # and is refused with its reason


def test_the_size_of_the_weights_is_the_bigger_one():
    given = dict(data="mine", weights="w.npz", run_dir="runs/mine")
    words = " ".join(bigger(Config(image_size=96, **given), CHECKPOINT))
    assert "--image-size 224 --run-dir runs/mine-224" in words
    assert bigger(Config(image_size=224, **given), CHECKPOINT) == []
