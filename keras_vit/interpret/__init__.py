"""Shows which parts of an image a model looked at, and what speaks for its answer."""

from keras_vit.interpret.anatomy import Pixel
from keras_vit.interpret.balance import relevance_balance
from keras_vit.interpret.faithfulness import faithfulness
from keras_vit.interpret.grad_cam import grad_cam
from keras_vit.interpret.inside import (
    attention_distance,
    layer_similarity,
    mean_patches,
    patch_distances,
    patch_filters,
    position_similarity,
    token_norms,
)
from keras_vit.interpret.left_out import occlusion, patch_dropping
from keras_vit.interpret.localisation import pointing_game
from keras_vit.interpret.pixel_gradients import integrated_gradients, smooth_grad
from keras_vit.interpret.relevance import relevance, transformer_attribution
from keras_vit.interpret.rollout import attention_rollout, gradient_rollout, raw_attention

__all__ = [
    "Pixel",
    "attention_distance",
    "attention_rollout",
    "faithfulness",
    "grad_cam",
    "gradient_rollout",
    "integrated_gradients",
    "layer_similarity",
    "mean_patches",
    "occlusion",
    "patch_distances",
    "patch_dropping",
    "patch_filters",
    "pointing_game",
    "position_similarity",
    "raw_attention",
    "relevance",
    "relevance_balance",
    "smooth_grad",
    "token_norms",
    "transformer_attribution",
]
