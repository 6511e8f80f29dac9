"""All ways to explain, by short names, each as a function of a model and what is asked of it."""

from keras_vit.interpret.grad_cam import grad_cam
from keras_vit.interpret.left_out import occlusion, patch_dropping
from keras_vit.interpret.pixel_gradients import integrated_gradients, smooth_grad
from keras_vit.interpret.relevance import relevance, transformer_attribution
from keras_vit.interpret.rollout import attention_rollout, gradient_rollout, raw_attention

SLOW = ("occlusion", "patch-dropping")  # they answer once for each place of an image
OF_MANY_GRADIENTS = ("integrated-gradients", "smoothgrad")  # in a graph they take half the time
METHODS = {
    "relevance": relevance,
    "attribution": transformer_attribution,
    "gradient-rollout": gradient_rollout,
    "rollout": lambda model, target: attention_rollout(model),
    "attention": lambda model, target: raw_attention(model),
    "gradcam": grad_cam,
    "integrated-gradients": integrated_gradients,
    "smoothgrad": smooth_grad,
    "occlusion": occlusion,
    "patch-dropping": patch_dropping,
}
ABOUT = {
    "relevance": "What a patch contributes, passed back layer by layer; AttnLRP, arXiv:2402.05602.",
    "attribution": "Relevance of attention times its gradient, over all blocks; arXiv:2012.09838.",
    "gradient-rollout": "Attention times its gradient, summed over all blocks; arXiv:2103.15679.",
    "rollout": "Attention of all blocks, multiplied, whatever the answer; arXiv:2005.00928.",
    "attention": "What the pooled token attends to in the last block, whatever the answer.",
    "gradcam": "Tokens before the last attention, by their mean gradient; arXiv:1610.02391.",
    "integrated-gradients": "Gradient by the pixels on the way from black; arXiv:1703.01365.",
    "smoothgrad": "Mean gradient by the pixels of noisy images; arXiv:1706.03825.",
    "occlusion": "What the answer loses behind a grey square; arXiv:1311.2901.",
    "patch-dropping": "What the answer loses without the token of a patch.",
}
