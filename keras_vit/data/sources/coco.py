"""A source of pictures with boxes in JSON files, as COCO writes them."""

import json
import math
import os
import re

from keras_vit.data.sources.boxes import PICTURES, Annotated, source_of_boxes
from keras_vit.data.sources.split_names import split_name, split_names
from keras_vit.errors import UserError
from keras_vit.images.picture_files import entries

FOLDER = "annotations"  # in any case
NAMED = re.compile("instances|annotations|coco", re.IGNORECASE)
LISTS = ("images", "annotations", "categories")
TRIED = 100  # pictures of a file that are looked for


def from_coco(root, test_fraction=None, strict=True, to_judge=False):
    """Opens a folder with annotations of COCO as a source.

    Annotations are files such as `annotations/instances_train2017.json`: in `root`, in a folder for
    each split, or in a folder `annotations` in one of these. A file belongs to the split that its
    name or its folder names. Pictures lie where their `file_name` leads from the folder itself,
    from a folder `images` in it (or another of `boxes.PICTURES`), or from the split's in either.

    The `bbox` of COCO, `(x, y, width, height)` in pixels from 0, becomes `(x, y, x + width, y +
    height)`. Boxes around crowds are ignored, see `keras_vit.data.ignored_boxes`. Pictures are
    sorted by name, and classes by the `id` of their category.

    Args:
        root: The folder, a `pathlib.Path`.
        test_fraction: Share of the test split where there is none, between 0 and 1; 0.1 by default.
        strict: Whether a box of no picture or no category is an error. If not, such boxes are left
            out and `Source.faults` names the first of each file.
        to_judge: As `open_source` takes it.

    Returns:
        A `Source` of `EncodedSplit`s, or `None` where there are no such files.

    Raises:
        ValueError: If a file cannot be read, lacks something, or names categories otherwise than
            another; its pictures are not found, two files are of one split, or `source_of_boxes`
            refuses what is found; if `strict`, also if a box has no picture or category.
    """
    contents = _contents(root)
    if not contents:
        return None
    found, names, notes, faults = {}, {}, [], []
    for (place, split), (path, content) in contents.items():
        if split in found or not split and len(contents) > 1:
            raise UserError(
                "Each file of annotations must be named like its split, as instances_train.json: "
                f"received {path}."
            )
        for category in content["categories"]:
            number = _field(path, "category", category, "id", int)
            name = _field(path, "category", category, "name", str)
            if names.setdefault(number, name) != name:
                raise UserError(
                    f"Each category must have one name: {number} is {names[number]!r} and, in "
                    f"{path}, {name!r}."
                )
        pictures, crowds, strange = _pictures(path, content, names)
        base = _base(root, place, split, path, [picture.path for picture in pictures])
        found[split] = [x._replace(path=os.path.join(base, x.path)) for x in pictures]
        if crowds:
            notes.append(
                f"Boxes around crowds in {path.name}, neither learned nor counted: {crowds:,}."
            )
        if strange:
            faults.append(
                f"Every box must have a picture and a category: {path} has {len(strange):,} "
                f"without, such as {str(strange[0])[:100]}."
            )
    if strict and faults:
        raise UserError(faults[0])
    classes = {number: names[number] for number in sorted(names)}
    more = dict(test_fraction=test_fraction, to_judge=to_judge, notes=notes, faults=faults)
    return source_of_boxes(root, found, classes, **more)


def _contents(root):
    """Returns path and content of each file of annotations, by its folder and its split."""
    candidates = []
    folders = entries(root)[1]
    for place in ("", *(name for name, split in split_names(folders).items() if split)):
        inside = entries(root / place)[1]
        for folder in (place, *(os.path.join(place, x) for x in inside if x.casefold() == FOLDER)):
            in_own = os.path.basename(folder).casefold() == FOLDER
            for name in sorted(entries(root / folder)[0]):
                if name.lower().endswith(".json") and (in_own or NAMED.search(name)):
                    candidates.append((place, root / folder / name))
    if any(path.name.startswith("instances") for _, path in candidates):  # beside captions
        candidates = [pair for pair in candidates if pair[1].name.startswith("instances")]
    contents = {}
    for place, path in candidates:
        content = _parse(path)
        if content is None:
            continue
        words = re.split(r"[\s_.-]+", path.stem)
        key = place, next((word for word in words if split_name(word)), place)
        if key in contents:
            raise UserError(
                f"A split must have one file of annotations: received {contents[key][0]} and "
                f"{path}."
            )
        contents[key] = path, content
    return contents


def _parse(path):
    """Returns the content of a file, or `None` where it is no file of annotations of COCO."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {error}.") from None
    if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in LISTS):
        return content
    if path.name.startswith("instances"):
        raise UserError(f"{path} must hold the lists {', '.join(LISTS)}, as COCO's instances do.")
    return None


def _pictures(path, content, names):
    """Returns the pictures of a file with their boxes, how many crowds there are, and strays."""
    by_id, crowds, strange = {}, 0, []
    for image in content["images"]:
        file_name = _field(path, "image", image, "file_name", str)
        size = [image.get(side) for side in ("height", "width")]
        size = tuple(int(side) if _is_number(side) else 0 for side in size)
        by_id[_field(path, "image", image, "id", (int, str))] = Annotated(file_name, [], size)
    for box in content["annotations"]:
        image = _field(path, "annotation", box, "image_id", (int, str))
        category = _field(path, "annotation", box, "category_id", int)
        sides = _field(path, "annotation", box, "bbox", list)
        if len(sides) != 4 or not all(map(_is_number, sides)):
            raise UserError(f"Every bbox must hold four numbers: {path} has {str(sides)[:100]}.")
        x, y, width, height = sides
        if image not in by_id or category not in names:
            strange.append(box)
        else:
            is_crowd = bool(box.get("iscrowd"))
            crowds += is_crowd
            by_id[image].boxes.append(((x, y, x + width, y + height), category, is_crowd))
    return sorted(by_id.values()), crowds, strange


def _field(path, kind, thing, name, types):
    value = thing.get(name) if isinstance(thing, dict) else None
    if not isinstance(value, types):
        raise UserError(f"Every {kind} in {path} must have a {name}: received {str(thing)[:100]}.")
    return value


def _is_number(side):
    return isinstance(side, int | float) and math.isfinite(side)


def _base(root, place, split, path, names):
    """Returns the folder, relative to `root`, from which the names of pictures lead to files."""
    folders, own = [place], split_name(split)
    for is_one in (lambda x: x.casefold() in PICTURES, lambda x: own and split_name(x) == own):
        for folder in tuple(folders):
            inside = sorted(filter(is_one, entries(root / folder)[1]))
            folders += [os.path.join(folder, name) for name in inside]
    for folder in folders:
        if any((root / folder / name).is_file() for name in names[:TRIED]):
            return folder
    raise UserError(f"The pictures of {path} must lie in {root / place}: found none of them.")
