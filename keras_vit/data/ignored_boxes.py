"""Boxes that are neither learned nor counted, as numbers in `box_labels`.

They are COCO's boxes around crowds (`iscrowd`) and Pascal VOC's difficult ones. A box of the class
`k` that is ignored has the label `-2 - k`, since -1 marks a place without a box.
"""


def ignored(classes):
    """Returns the labels of ignored boxes of some classes.

    Args:
        classes: Integers from 0 on: a number, an array or a tensor.
    """
    return -2 - classes


def is_ignored(labels):
    """Says which boxes are ignored.

    Args:
        labels: `box_labels` of samples: a number, an array or a tensor.
    """
    return labels <= -2


def class_of(labels):
    """Returns the classes of boxes, whether they are ignored or not; -1 for a place without a box.

    Args:
        labels: `box_labels` of samples: a number, an array or a tensor of signed integers.
    """
    return abs(labels + 1) - 1
