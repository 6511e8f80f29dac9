"""Values that models of one family share and that no array shows."""

from keras_vit.errors import UserError

# Mean and standard deviation of the pixels.
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
CLIP = dict(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))
# Number of heads by width, where a head is not 64 wide: SigLIP's So400m, ViT-H, ViT-g and ViT-G.
HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16}


def heads_of(width):
    """Returns how many attention heads published models of a width have.

    Args:
        width: Numbers per token `D`.

    Returns:
        The number of heads.

    Raises:
        ValueError: If no published model has this width.
    """
    heads = HEADS.get(width, width // 64)
    if width not in HEADS and width % 64:
        raise UserError(
            f"How many heads a model of width {width} has is not known: say it by `num_heads`, "
            "keras-vit import --num-heads."
        )
    return heads
