"""Shows which parts of an image a model looked at: attention maps."""

from keras_vit.interpret.rollout import attention_rollout

__all__ = ["attention_rollout"]
