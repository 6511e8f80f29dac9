"""Flags of models from scratch: stems, attention and pooling for small data."""

import dataclasses
from typing import Literal

from keras_vit.choices import POOLS, STEMS
from keras_vit.run.flags import Training


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallData(Training):
    """A recipe whose model is built for it, from scratch."""

    stem: Literal[STEMS] = "linear"
    """How images become patches: linear cuts them; the others let each patch see what is around
    it, which helps most where pictures are few."""
    stem_blocks: tuple[int, ...] = ()
    """Residual units of each stage of a resnet, up to four stages: 2 2 2 2 is R26, none its root
    only. It needs patches of 4 pixels or a multiple, with two stages of 8, with four of 32."""
    locality: bool = False
    """Whether no patch attends to itself and each head learns how sharply it attends."""
    pool: Literal[POOLS] | None = None
    """What the head reads: the class token, the mean of the patches, both, or a mean with learned
    weights (attention, sequence); by default the class token if there is one, else the mean."""
