"""All ways to explain, by short names, each as a function of a model and what is asked of it."""

from keras_vit.interpret.grad_cam import grad_cam
from keras_vit.interpret.left_out import occlusion, patch_dropping
from keras_vit.interpret.pixel_gradients import integrated_gradients, smooth_grad
from keras_vit.interpret.relevance import relevance, transformer_attribution
from keras_vit.interpret.rollout import attention_rollout, gradient_rollout, raw_attention

METHODS = {
    "attention": lambda model, target: raw_attention(model),
    "rollout": lambda model, target: attention_rollout(model),
    "gradient-rollout": gradient_rollout,
    "attribution": transformer_attribution,
    "relevance": relevance,
    "gradcam": grad_cam,
    "integrated-gradients": integrated_gradients,
    "smoothgrad": smooth_grad,
    "occlusion": occlusion,
    "patch-dropping": patch_dropping,
}
