"""What the recipe for fine-tuning refuses."""

import dataclasses

import pytest

from recipes.finetune import Config, run

GOOD = Config(weights="vit.safetensors", source="digits")


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(weights=""), "`weights` must be given"),
        (dict(source=""), "`source` must be given"),
        (dict(probe=True, frozen_blocks=1), "One of `probe`, `frozen_blocks` and `freeze`"),
        (dict(frozen_blocks=1, freeze="^head/"), "One of `probe`, `frozen_blocks` and `freeze`"),
        (dict(frozen_blocks=-1), "must not be negative: received -1"),
        (dict(lora_rank=-1), "received lora_rank=-1"),
        (dict(lora_rank=2, probe=True), "received lora_rank=2, probe=True"),
        (dict(patch_dropout=(0.5, 0.0)), r"must be as many: received \(0.5, 0.0\) and \(0,\)"),
    ],
)
def test_a_mistake_is_a_sentence(changes, message):
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(GOOD, **changes))
