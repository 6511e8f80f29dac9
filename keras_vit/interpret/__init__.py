"""What a model saw: attention maps."""

from keras_vit.interpret.rollout import attention_rollout

__all__ = ["attention_rollout"]
