"""Relevance: what each patch contributes to an answer, passed back layer by layer."""

import keras
from keras import ops

from keras_vit.interpret.anatomy import anatomy, question
from keras_vit.interpret.gradients import constant, half, with_gradients
from keras_vit.interpret.intercept import intercepted
from keras_vit.interpret.rollout import weighted_rollout
from keras_vit.keras_private import all_layers
from keras_vit.layers import MLP, AttentionPool, SelfAttention, SequencePool

LEAST = 1e-6  # a number that an activation is divided by is at least so far from 0


def relevance(model, target=None):
    """Returns a function that maps what each patch contributes to an answer.

    "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers" (arXiv:2402.05602):
    relevance is token times gradient, in one backward pass whose rules differ from the gradient's.
    A norm divides by a constant; an activation multiplies by a constant, what it gives by what it
    takes; and a product of two things that depend on the image gives one half to each. Then every
    layer passes on what it gets, but for biases, and the softmax of attention, which takes a part.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32, one number per patch, in units of the answer: positive ones speak for
        it, negative ones against it.

    Raises:
        ValueError: If the model is none of ours, or has no such answer.
    """
    parts, asked, rules = anatomy(model), question(model, target), rules_of(model)

    def contributions(images):
        images = ops.convert_to_tensor(images)

        def run(tap):
            def embedded(call, *args, **how):
                return tap("tokens", call(*args, **how))

            with intercepted(*rules, (parts.embed, "call", embedded)):
                return asked.score(images)

        _, tokens, gradients = with_gradients(run)
        product = tokens["tokens"] * gradients["tokens"]
        return parts.to_map(ops.sum(ops.cast(product, "float32"), axis=-1))

    return contributions


def transformer_attribution(model, target=None, *, first=0):
    """Returns a function that maps what of an image speaks for one answer.

    "Transformer Interpretability Beyond Attention Visualization" (arXiv:2012.09838, equations 13 to
    15): rollout of the relevance of attention scores, by the gradient of the answer, where that is
    positive, on the mean of the heads. Relevance is passed back by the rules of `relevance`, and
    not by those of the paper, which let it explode at residual paths.

    Args:
        model: As `keras_vit.interpret.attention_rollout` takes it.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.
        first: Index of the first block that counts.

    Returns:
        A function as `attention_rollout` returns it; it takes two backward passes.

    Raises:
        ValueError: If the model has no blocks, does not pool or has no such answer, or attention
            stays within windows.
    """
    return weighted_rollout(model, question(model, target), first=first, rules=rules_of(model))


def rules_of(model):
    """Lists how relevance passes back through the layers of a model.

    Args:
        model: A `keras.Model`.

    Returns:
        What `keras_vit.interpret.intercept.intercepted` takes. Outputs stay what they are.
    """
    rules = []
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.LayerNormalization):
            rules.append((layer, "call", _normed(layer)))
        elif isinstance(layer, SelfAttention):
            rules.append((layer.attention_dropout, "call", _halved))
            rules.append((layer.out, "call", _of_half))
        elif isinstance(layer, AttentionPool):  # whose query is no product of the image
            rules.append((layer.out, "call", _of_half))
        elif isinstance(layer, SequencePool):
            rules.append((layer, "mix", _halved))
        elif isinstance(layer, MLP):
            rule = _gated if layer.activation == "swiglu" else _scaled
            rules.append((layer, "activate", rule))
        elif isinstance(layer, keras.layers.Dense | keras.layers.Conv2D | keras.layers.Activation):
            if layer.activation is not keras.activations.linear:
                rules.append((layer, "activation", _scaled))
    return rules


def _normed(layer):
    def rule(call, x):
        exact = call(x)
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        scale = ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + layer.epsilon)
        gamma = 1 if layer.gamma is None else ops.cast(layer.gamma, x.dtype)
        linear = centred * constant(scale) * gamma
        return linear + constant(exact - linear)

    return rule


def _halved(call, *tensors, **how):
    return half(call(*tensors, **how))


def _of_half(call, x, **how):
    return call(half(x), **how)


def _scaled(activate, x):
    """The rule of an activation: it multiplies by a constant."""
    apart = ops.where(ops.abs(x) < LEAST, LEAST, x)
    linear = x * constant(activate(apart) / apart)
    return linear + constant(activate(x) - linear)


def _gated(activate, x):
    """The rule of SwiGLU: a product of two halves, one of which is an activation."""
    gate, value = ops.split(x, 2, axis=-1)
    product = half(gate * constant(ops.sigmoid(gate)) * value)
    return product + constant(activate(x) - product)
