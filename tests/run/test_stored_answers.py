"""A teacher's answers to every view, which are stored."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import from_arrays, train_batches
from keras_vit.data.augment import random_flip
from keras_vit.errors import UserError
from keras_vit.run import Training
from keras_vit.run.stored_answers import StoredAnswers
from keras_vit.run.stored_views import digest_of_teacher

RNG = np.random.default_rng(0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    epochs: int = 2
    batch_size: int = 4
    learning_rate: float = 0.1
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    run_dir: str = "run"
    export_dir: str = "exports"


def part(count):
    return RNG.integers(0, 256, (count, 4, 4, 1)).astype("uint8"), np.arange(count) % 3


TEST = part(7)
SOURCE = from_arrays(part(10), TEST, class_names=("ape", "bee", "cow"))  # two steps an epoch


def target(labels):
    return tf.one_hot(labels, 3)


def watched():
    """As `fitted_batches` gives them; the third picture is broken."""
    numbers = np.array([0, 1, 3, 4, 5, 6])
    data = (TEST[0][numbers], TEST[1][numbers]), numbers
    return tf.data.Dataset.from_tensor_slices(data).batch(4)


def logits(images):
    return (images[..., 0].astype("float32").sum(1)[:, :3] / 7).astype("float32")


class Asked:
    """A teacher that counts its questions, and may fail."""

    def __init__(self, fails_after=1000):
        self.count, self.fails_after = 0, fails_after

    def __call__(self):
        def answer(images):
            self.count += len(images)
            if self.count > self.fails_after:
                raise RuntimeError("killed")
            return logits(images)

        return lambda images: tf.ensure_shape(
            tf.numpy_function(answer, [images], tf.float32), (None, 3)
        )


def beside(folder, ask, *, epochs=2, seed=0, **about):
    def stream(*, start_step=0):
        how = dict(batch_size=4, seed=seed, augment=random_flip, start_step=start_step)
        batches = train_batches(SOURCE.splits["train"], **how)
        return batches.map(lambda x, y: (x, target(y)))

    answers = StoredAnswers(folder, about=about, ask=ask, num_classes=3)
    opened, judged = answers.beside(Config(epochs=epochs), SOURCE, stream, watched(), target)
    return opened, list(judged.as_numpy_iterator())


def read(opened, start_step=0):
    return list(opened(start_step=start_step).as_numpy_iterator())


def test_answers_belong_to_their_views_and_are_asked_once(tmp_path, capsys):
    ask = Asked()
    opened, judged = beside(tmp_path / "answers", ask)
    assert ask.count == 2 * 2 * 4 + 6
    said = " ".join(capsys.readouterr().out.split())
    assert "23 views (8 in each of 2 epochs, and 7 watched pictures), 6 bytes each" in said
    batches = read(opened)
    assert len(batches) == 4 and [len(x) for x, _ in judged] == [4, 2]
    for images, targets in (*batches, *judged):
        rounded = logits(images).astype("float16").astype("float32")
        np.testing.assert_array_equal(targets[:, 1], rounded)
        np.testing.assert_array_equal(targets[:, 0].sum(-1), 1)
    assert not np.array_equal(rounded, logits(images))
    again, same = beside(tmp_path / "answers", ask)
    assert ask.count == 2 * 2 * 4 + 6
    for one, other in zip([*batches[3:], *judged], [*read(again, 3), *same], strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    beside(tmp_path / "answers", ask, epochs=3)
    assert ask.count == 3 * 2 * 4 + 6


def test_a_run_that_is_killed_leaves_whole_files_and_goes_on(tmp_path):
    with pytest.raises(tf.errors.OpError, match="killed"):
        beside(tmp_path, Asked(fails_after=6 + 8 + 4))  # in the middle of the second epoch
    assert {each.name for each in tmp_path.iterdir()} == {
        "train-00000.npy",
        "val.npy",
        "views.json",
    }
    ask = Asked()
    opened, _ = beside(tmp_path, ask)
    assert ask.count == 8
    for images, targets in read(opened):
        np.testing.assert_array_equal(targets[:, 1], logits(images).astype("float16"))


def test_other_views_are_refused_in_one_sentence(tmp_path):
    beside(tmp_path, Asked(), seed=0, augment="none", teacher="a")
    for change, message in (
        (dict(seed=0, augment="auto", teacher="a"), "augment is 'auto' and was 'none'"),
        (dict(seed=0, augment="none", teacher="b"), "the teacher is another one"),
        (dict(seed=1, augment="none", teacher="a"), "the images of the first batch are others"),
    ):
        with pytest.raises(UserError, match=f"are those to other views: {message}. Pass what"):
            beside(tmp_path, Asked(), **change)
    (tmp_path / "views.json").unlink()
    with pytest.raises(UserError, match="Answers belong to a views.json"):
        beside(tmp_path, Asked(), teacher="a")


def test_a_small_disk_is_refused_before_anything_is_asked(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    ask = Asked()
    with pytest.raises(UserError, match="a disk with 0.0 MB free"):
        beside(tmp_path, ask, teacher="wrong")
    assert ask.count == 0
    monkeypatch.undo()
    beside(tmp_path, ask, teacher="right")  # nothing was stored: the folder belongs to nobody
    assert ask.count == 2 * 2 * 4 + 6


def test_a_teacher_is_known_by_its_files(tmp_path):
    (tmp_path / "one").mkdir()
    for name in ("a.keras", "b.keras", "one/variables"):
        (tmp_path / name).write_text("same")
    assert digest_of_teacher(tmp_path / "a.keras") == digest_of_teacher(tmp_path / "b.keras")
    before = digest_of_teacher(tmp_path / "one")
    (tmp_path / "one" / "variables").write_text("other")
    assert digest_of_teacher(tmp_path / "one") != before
    with pytest.raises(UserError, match="There is no teacher at .*gone.keras"):
        digest_of_teacher(tmp_path / "gone.keras")
