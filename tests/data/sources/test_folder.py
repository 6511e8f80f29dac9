import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data.sources import from_folder
from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture


def put(root, *names):
    """Writes a picture under each name; its grey level is its place in the list."""
    for level, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), level).save(path, "png")
    return root


def contents(split, root):
    return [
        (os.path.relpath(split.path(i), root), int(split.read(tf.constant(i, tf.int64))["label"]))
        for i in range(split.count)
    ]


def test_folders_of_splits_are_read_in_the_order_of_their_names(tmp_path):
    names = ["train/dog/b.PNG", "train/dog/a.jpeg", "train/cat/x.webp", "test/dog/q.gif"]
    source = from_folder(put(tmp_path / "pets", *names, "test/cat/z.bmp"))
    assert source.name == "pets" and source.class_names == ("cat", "dog") and source.notes == ()
    root = tmp_path / "pets"
    assert contents(source.splits["train"], root) == [
        ("train/cat/x.webp", 0),
        ("train/dog/a.jpeg", 1),
        ("train/dog/b.PNG", 1),
    ]
    assert contents(source.splits["test"], root) == [("test/cat/z.bmp", 0), ("test/dog/q.gif", 1)]


def test_a_dataset_reads_each_file(tmp_path):
    source = from_folder(put(tmp_path, *(f"train/{c}/{i}.png" for c in "ab" for i in range(30))))
    split = source.splits["train"]
    samples = tf.data.Dataset.range(split.count).map(split.read).as_numpy_iterator()
    for index, sample in enumerate(samples):
        level = int(decode_picture(sample["image"])[0, 0, 0])
        assert split.path(index).endswith(f"{'ab'[sample['label']]}/{level % 30}.png")


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_the_test_split_has_four_names(tmp_path, name):
    put(tmp_path, "train/a/1.png", "train/b/1.png", f"{name}/a/1.png", f"{name}/b/1.png")
    assert list(from_folder(tmp_path).splits) == ["train", "test"]


def test_splits_without_class_folders_are_refused_by_name(tmp_path):
    put(tmp_path, "dev/1.png", "test/1.png")
    with pytest.raises(ValueError, match="The split dev of .* found none.*called dev and test"):
        from_folder(tmp_path)


@pytest.mark.parametrize(
    "train, test",
    [
        ("Training", "Testing"),
        ("Train", "Test"),
        ("train", "Test"),
        ("train", "Validation"),
        ("TRAIN", "VALID"),
        ("training_set", "test_set"),
        ("Train Data", "dev-set"),
        ("train_images", "eval"),
        ("train2017", "val2017"),
        ("images_train", "pictures-test"),
        ("seg_train", "seg_test"),
        ("01_train", "02_test"),
        ("train_dataset", "Test Data Set"),
        ("train", "development"),
        ("Train_256", "Test_256"),
        ("train1", "test1"),
        ("train (1)", "test (1)"),
        ("cats-train.v2", "cats-test.v2"),
    ],
)
def test_splits_are_splits_in_any_case_and_in_the_usual_spellings(tmp_path, train, test):
    put(tmp_path, *(f"{split}/{c}/{split}.png" for split in (train, test) for c in "ab"))
    source = from_folder(tmp_path)
    assert source.class_names == ("a", "b")
    for name, place in {"train": train, "test": test}.items():
        assert [path for path, _ in contents(source.splits[name], tmp_path)] == [
            f"{place}/{c}/{place}.png" for c in "ab"
        ]
    serves = [note for note in source.notes if "There is no test split" in note]
    assert serves == ([] if "est" in test else [f"There is no test split: {test} serves as one."])


def test_a_split_has_one_name(tmp_path):
    put(tmp_path, *(f"{split}/{c}/1.png" for split in ("train", "Training") for c in "ab"))
    with pytest.raises(UserError, match="received Training and train, which both mean train"):
        from_folder(tmp_path)
    put(tmp_path / "2", *(f"{s}/{c}/1.png" for s in ("train", "val", "Valid") for c in "ab"))
    with pytest.raises(UserError, match="received Valid and val, which both mean val, in .*/2"):
        from_folder(tmp_path / "2")


@pytest.mark.parametrize(
    "names, message",
    [
        (["train/1.png", "test/a/2.png"], "The split train of .* must hold a folder per class"),
        (["Training/1.png", "Testing/a/2.png", "plane/3.png"], "The split Training .* folder per"),
        (["val/a/1.png", "test/a/1.png"], "One split must be called train: received test, val in"),
        (["a/Train/1.png", "a/Test/2.png", "b/3.png"], "above classes: found a/Test and a/Train"),
        (["a/train/1.png", "b/train/1.png", "b/val/2.png"], "found b/train and b/val in "),
        (["train/1.png", "Training/2.png"], "received Training and train, which both mean train"),
    ],
)
def test_folders_of_splits_are_never_classes(tmp_path, names, message):
    with pytest.raises(UserError, match=message):
        from_folder(put(tmp_path, *names))


def test_one_class_may_be_called_like_a_split(tmp_path):
    for names in (("control", "test"), ("plane", "train"), ("invalid", "valid")):
        root = put(tmp_path / names[0], *(f"{c}/{i}.png" for c in names for i in range(20)))
        assert from_folder(root).class_names == names


def test_what_lies_beside_the_splits_is_named(tmp_path):
    names = [f"train/{c}/{i}.png" for c in "ab" for i in range(20)]
    names += ["val/1.png", "val/2.png", "cover.png", "figures/1.png", ".cache/1.png", "test/x.png"]
    (tmp_path / "train/a/nothing").mkdir(parents=True)
    source = from_folder(put(tmp_path, *names))
    assert set(source.notes) == {
        "There is no test split: 4 of 40 pictures, chosen by their names, serve as one.",
        "Splits without class folders, left out: 2 (test of 1 file, val of 2 files).",
        "Folders beside those of the splits, left out: 1 (figures).",
        "Files in no class folder, left out: 1 (cover.png).",
        "Hidden files and folders, left out: 1 (.cache).",
        "Folders without a picture: 1 (train/a/nothing).",
    }


def test_a_class_that_the_test_lacks_is_named(tmp_path):
    names = ["train/a/1.png", "train/b/1.png", "test/a/1.png", "val/b/1.png"]
    source = from_folder(put(tmp_path, *names))
    assert {
        "Classes of which test has no picture: 1 (b).",
        "Classes of which val has no picture: 1 (a).",
    } == set(source.notes)


def test_without_strictness_all_faults_are_listed(tmp_path):
    names = ["train/a/1.png", "train/b/x.txt", "train/c/x.txt", "val/d/1.png", "test/a/1.txt"]
    source = from_folder(put(tmp_path, *names), strict=False)
    assert source.class_names == ("a", "b", "c")
    assert list(source.faults) == [
        f"Every class needs a picture: in {tmp_path}/train there is none of b, c.",
        f"Every split needs a picture: in {tmp_path}/test there is none.",
        f"Every class of {tmp_path}/val must be one of {tmp_path}/train, which has no d.",
    ]
    assert [split.count for split in source.splits.values()] == [1, 0, 0]
    with pytest.raises(UserError, match="there is none of b, c. Every split needs .* has no d."):
        from_folder(tmp_path)


def test_a_class_whose_name_is_no_text_is_a_sentence(tmp_path):
    put(tmp_path, *(os.fsdecode(b"%b/caf\xe9/1.png" % split) for split in (b"train", b"test")))
    put(tmp_path, "train/tea/1.png", "test/tea/1.png")
    with pytest.raises(UserError, match="UTF-8, on one line: received 'caf") as error:
        from_folder(tmp_path)
    str(error.value).encode()


def test_imagenet_s_own_layout_works_as_it_is(tmp_path):
    names = [f"{split}/{synset}/1.JPEG" for split in ("train", "val") for synset in ("n1", "n2")]
    source = from_folder(put(tmp_path, *names, "test/ILSVRC2012_test_00000001.JPEG"))
    assert source.class_names == ("n1", "n2")
    assert contents(source.splits["test"], tmp_path)[0] == ("val/n1/1.JPEG", 0)


def test_a_third_split_keeps_its_name(tmp_path):
    put(tmp_path, *(f"{s}/{c}/1.png" for s in ("train", "test", "val") for c in "ab"))
    assert list(from_folder(tmp_path).splits) == ["train", "test", "val"]


def test_a_class_may_be_called_train(tmp_path):
    put(tmp_path, *(f"{c}/{i}.png" for c in ("train", "plane") for i in range(50)))
    assert from_folder(tmp_path).class_names == ("plane", "train")


def test_one_folder_is_split_by_names_that_new_files_do_not_move(tmp_path):
    put(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(200)))
    before = dict(contents(from_folder(tmp_path, test_fraction=0.25).splits["test"], tmp_path))
    assert 60 < len(before) < 140
    put(tmp_path, *(f"{c}/new{i}.png" for c in "ab" for i in range(200)))
    source = from_folder(tmp_path, test_fraction=0.25)
    after, train = (dict(contents(source.splits[s], tmp_path)) for s in ("test", "train"))
    assert {name: y for name, y in after.items() if "new" not in name} == before
    assert not after.keys() & train.keys() and len(after) + len(train) == 800
    assert {"a/1.png", "b/198.png"} <= train.keys() | after.keys()


def test_the_split_is_the_same_on_every_machine(tmp_path):
    put(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(10)))
    assert contents(from_folder(tmp_path).splits["test"], tmp_path) == [("a/5.png", 0)]


def test_nested_hidden_foreign_and_linked_files(tmp_path):
    names = ["a/deep/er/1.png", "a/2.png", "b/1.png", "b/.hidden.png", ".git/x/1.png"]
    root = put(tmp_path / "set", *(f"train/{n}" for n in names), "train/__MACOSX/a/1.png")
    put(root, "train/c.png")
    put(tmp_path, "elsewhere/3.png", "elsewhere/sub/4.png")
    (root / "train/b/linked.png").symlink_to(tmp_path / "elsewhere/3.png")
    (root / "train/b/folder").symlink_to(tmp_path / "elsewhere")
    (root / "train/b/circle").symlink_to(root / "train/b")
    (root / "train/b/notes.txt").write_text("no picture")
    put(root, "test/a/1.png", "test/b/1.png")
    source = from_folder(root)
    assert [name for name, _ in contents(source.splits["train"], root / "train")] == [
        "a/2.png",
        "a/deep/er/1.png",
        "b/1.png",
        "b/folder/3.png",
        "b/folder/sub/4.png",
        "b/linked.png",
    ]
    assert set(source.notes) == {
        "Hidden files and folders, left out: 3 (train/.git, train/__MACOSX, train/b/.hidden.png).",
        "Files in no class folder, left out: 1 (train/c.png).",
        "Files not named like a picture, left out: 1 (train/b/notes.txt).",
        "Links to a folder above them, not followed: 1 (train/b/circle).",
        "Folders below a class folder, whose pictures belong to that class: 3 (train/a/deep/er, "
        "train/b/folder, train/b/folder/sub).",
    }


def test_names_of_any_script_and_of_none(tmp_path):
    names = ["train/größe/ä ö.png", "train/圖/ж.png", "test/größe/1.png", "test/圖/1.png"]
    source = from_folder(put(tmp_path, *names))
    assert source.class_names == ("größe", "圖")
    no_text = os.fsdecode(b"\xff\xfe.png")
    os.rename(tmp_path / names[1], tmp_path / "train/圖" / no_text)
    split = from_folder(tmp_path).splits["train"]
    sample = split.read(tf.constant(1, tf.int64))
    assert sample["label"] == 1 and len(sample["image"].numpy()) > 50
    assert split.path(1).endswith(no_text)


def test_paths_are_not_copied_into_the_graph_that_reads_them(tmp_path):
    source = from_folder(
        put(tmp_path, *(f"{c}/{'x' * 99}{i}.png" for c in "ab" for i in range(99)))
    )
    read = tf.function(source.splits["train"].read)
    graph = read.get_concrete_function(tf.TensorSpec([], tf.int64)).graph
    assert graph.as_graph_def().ByteSize() < 10_000


@pytest.mark.parametrize(
    "names, message",
    [
        ([], "must hold a folder per class, at least two: found none"),
        (["1.txt", "2.txt"], "at least two: found none"),
        (["a/1.png"], "at least two: found only 'a'"),
        (["train/a/1.png", "test/a/1.png"], "at least two: found only 'a'"),
        (
            ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"],
            "Every class of .*/test must be one of .*/train, which has no c.",
        ),
        (
            ["train/a/1.png", "train/b/1.txt", "test/a/1.png", "test/b/1.png"],
            "Every class needs a picture: in .*/train there is none of b.",
        ),
        (["a/1.png", "b/1.png"], "must leave pictures in both splits: received .*=0.001 and 2 pic"),
        (["val/a/1.png", "val/b/1.png", "train/a/1.png", "train/b/1.png"], "without a test split"),
    ],
)
def test_a_folder_that_is_no_source_is_a_sentence(tmp_path, names, message):
    with pytest.raises(ValueError, match=message) as error:
        from_folder(put(tmp_path, *names), test_fraction=0.001)
    assert "\n" not in str(error.value)


def test_a_missing_folder_and_a_fraction_out_of_range_are_sentences(tmp_path):
    with pytest.raises(ValueError, match="There is no folder .*nowhere"):
        from_folder(tmp_path / "nowhere")
    put(tmp_path, "a/1.png", "b/1.png")
    for fraction in (0, 1, -1, 2, np.nan):
        with pytest.raises(ValueError, match="`test_fraction` must lie between 0 and 1"):
            from_folder(tmp_path, test_fraction=fraction)
