"""`show-data` draws masks and boxes."""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from keras_vit.cli.annotations import draw_boxes, with_masks
from keras_vit.tasks.palette import GREY, palette


def gallery(run, source, out, *words):
    words = ["--size", 96, "--columns", 2, "--rows", 1, "--out", out, *words]
    code, text, _ = run("show-data", source, *words)
    assert (code, text) == (0, "")
    with Image.open(out) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def share(picture, colour):
    return (abs(picture - np.array(colour)) < 12).all(axis=-1).mean()


def test_a_mask_is_laid_over_its_picture(tmp_path, run):
    for split in ("train", "test"):
        for index in range(2):
            for folder, image in (
                ("images", Image.new("RGB", (40, 40))),
                (
                    "masks",
                    Image.fromarray(
                        np.repeat([[0, 1, 255, 1]], 40, 0).repeat(10, 1).astype("uint8")
                    ),
                ),
            ):
                path = tmp_path / "set" / split / folder / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
    picture = gallery(run, tmp_path / "set", tmp_path / "g.png")
    first, second = (share(picture, colour / 2) for colour in palette(2).astype(int))
    void = share(picture, np.array(GREY) / 2)
    assert first > 0.1 and 0.8 < void / first < 1.2 and 1.7 < second / first < 2.3


def test_boxes_are_drawn_with_the_colours_and_names_of_their_classes(tmp_path, run):
    box = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
    for split in ("train", "test"):
        (tmp_path / "set" / split).mkdir(parents=True)
        for index in range(2):
            image = Image.new("RGB", (96, 96), (0, 0, 40 * index))
            image.save(tmp_path / f"set/{split}/{index}.png")
            objects = [("a", 6, 8, 92, 91), ("b", 20, 20, 70, 80)][: index + 1]
            objects = "".join(
                f"<object><name>{name}</name>{box.format(*sides)}</object>"
                for name, *sides in objects
            )
            xml = f"<annotation>{objects}</annotation>"
            (tmp_path / f"set/{split}/{index}.xml").write_text(xml)
    picture = gallery(run, tmp_path / "set", tmp_path / "g.png")
    first, second = (share(picture, colour) for colour in palette(2).astype(int))
    assert first > 1.5 * second > 0.001
    assert (gallery(run, tmp_path / "set", tmp_path / "g.png", "--flip") != picture).any()
    code, _, err = run(
        "show-data", tmp_path / "set", "--out", tmp_path / "x.png", "--augment", "aug-mix"
    )
    assert code == 2 and "aug_mix moves pixels of images only" in err


def test_without_names_each_id_below_void_has_a_colour():
    masks = np.array([[[0, 3, 255]]])
    grey = with_masks(np.zeros((1, 1, 3, 1)), masks)
    np.testing.assert_allclose(grey[0, 0, :2], palette(4)[[0, 3]] / 2, atol=1)
    np.testing.assert_array_equal(grey[0, 0, 2], np.array(GREY) / 2)
    named = with_masks(np.zeros((1, 1, 3, 1)), masks, ("a", "b"))
    np.testing.assert_array_equal(named[0, 0, 1], np.array(GREY) / 2)


def test_an_ignored_box_is_grey():
    axis = Figure().subplots()
    boxes = np.array([(1, 1, 5, 5), (2, 2, 6, 6), (0, 0, 0, 0)])
    draw_boxes(axis, boxes, np.array([1, -3, -1]), ("a", "b"))
    colours = [np.round(255 * np.array(patch.get_edgecolor()[:3])) for patch in axis.patches]
    np.testing.assert_array_equal(colours, [palette(2)[1], GREY])
    assert [text.get_text() for text in axis.texts] == ["b", "b"]
