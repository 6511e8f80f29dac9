"""What the recipe for fine-tuning refuses."""

import dataclasses

import pytest

from recipes.finetune import Config, run

GOOD = Config(weights="vit.safetensors", data="digits")


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(weights=""), "`weights` must be given"),
        (dict(data=""), "`data` must be given"),
        (dict(probe=True, frozen_blocks=1), "One of `probe`, `frozen_blocks` and `freeze`"),
        (dict(frozen_blocks=1, freeze="^head/"), "One of `probe`, `frozen_blocks` and `freeze`"),
        (dict(frozen_blocks=-1), "`frozen_blocks` must be at least 0: received -1"),
        (dict(image_size=0), "`image_size` must be at least 1: received 0"),
        (dict(padding=-1), "`padding` must be at least 0: received -1"),
        (dict(smallest_crop=0.0), r"`smallest_crop` must lie in \(0, 1\]: received 0.0"),
        (dict(lora_rank=-1), "received lora_rank=-1"),
        (dict(lora_rank=2, probe=True), "received lora_rank=2, probe=True"),
        (
            dict(patch_dropout=(0.5, 0.0)),
            r"the same number of values: received \(0.5, 0.0\) and",
        ),
    ],
)
def test_a_mistake_is_a_sentence(changes, message):
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(GOOD, **changes))
