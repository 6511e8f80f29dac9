"""Where relevance goes: what patches, prefix tokens, biases and softmax get of an answer."""

import keras
from keras import ops

from keras_vit.interpret.anatomy import anatomy, question
from keras_vit.interpret.gradients import with_gradients
from keras_vit.interpret.intercept import intercepted
from keras_vit.interpret.relevance import rules_of
from keras_vit.keras_private import all_layers
from keras_vit.layers import AttentionPool, SelfAttention, SequencePool

ATTENDING = SelfAttention | AttentionPool | SequencePool


def relevance_balance(model, target=None):
    """Returns a function that says where the relevance of an answer went.

    The rules of `keras_vit.interpret.relevance` conserve: what its maps sum up to, what the prefix
    tokens got, what stayed with biases, and what the softmax of attention kept, are the answer.

    Args:
        model: A classifier or a model of features, as `keras_vit.tasks` makes them.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.

    Returns:
        A `Callable[[tensor], dict]`: it takes images `(B, H, W, C)`, 0 to 255, and returns numbers
        `(B,)`, float32, by name: `patches`, `prefix`, `biases`, `softmax`, and `answer`, which
        is the sum of the others.

    Raises:
        ValueError: If the model is none of ours, or has no such answer.
    """
    parts, asked, rules = anatomy(model), question(model, target), rules_of(model)
    # What is before the tokens is in them.
    before = {id(each) for each in all_layers(model.get_layer("patches"))}
    layers = [each for each in all_layers(model) if id(each) not in before]
    attentions = [each for each in layers if isinstance(each, ATTENDING)]
    # The biases of an embedding are in its tokens; the query of a pool is no part of the image.
    apart = [parts.embed.projection, *(getattr(each, "query", None) for each in attentions)]
    biases = {id(each): _bias(each) for each in layers if each not in apart}
    biased = [each for each in layers if biases.get(id(each)) is not None]

    def balance(images):
        images = ops.convert_to_tensor(images)

        def run(tap):
            def after(name):
                return lambda call, *args, **how: tap(name, call(*args, **how))

            def before(name):
                return lambda call, x, **how: call(tap(name, x), **how)

            around = [(parts.embed, "call", after("tokens"))]
            for place, layer in enumerate(biased):
                if getattr(layer, "activation", None) in (None, keras.activations.linear):
                    around.append((layer, "call", after(f"sum {place}")))
                else:
                    around.append((layer, "activation", before(f"sum {place}")))
            given = []
            for place, layer in enumerate(attentions):
                if isinstance(layer, SequencePool):  # whose weights are no layer's output
                    around.append((layer, "call", before(f"taken {place}")))
                    around.append((layer, "call", after(f"given {place}")))
                    continue
                around.append((_projection(layer), "call", after(f"taken {place}")))
                given.append((layer.out, "call", before(f"given {place}")))
            # A rule halves what is given to a projection: what is given is seen after that.
            with intercepted(*given, *rules, *around):
                return asked.score(images)

        answer, tensors, slopes = with_gradients(run)

        def relevance_of(name, value):
            product = ops.cast(value, "float32") * ops.cast(slopes[name], "float32")
            return ops.sum(product, axis=tuple(range(1, len(product.shape))))

        with_biases = {
            id(layer): relevance_of(f"sum {place}", biases[id(layer)])
            for place, layer in enumerate(biased)
        }
        kept = 0.0
        for place, layer in enumerate(attentions):
            for sign, name in ((1, f"given {place}"), (-1, f"taken {place}")):
                kept += sign * relevance_of(name, tensors[name])
            for norm in ("query_norm", "key_norm"):
                kept -= with_biases.get(id(getattr(layer, norm, None)), 0.0)
        tokens, slope = tensors["tokens"], slopes["tokens"]
        each = ops.sum(ops.cast(tokens, "float32") * ops.cast(slope, "float32"), axis=-1)
        return {
            "patches": ops.sum(each[:, parts.prefix :], axis=1),
            "prefix": ops.sum(each[:, : parts.prefix], axis=1),
            "biases": sum(with_biases.values()),
            "softmax": kept,
            "answer": answer,
        }

    return balance


def _bias(layer):
    """Returns what a layer adds, a variable, or `None`."""
    name = "beta" if isinstance(layer, keras.layers.LayerNormalization) else "bias"
    bias = getattr(layer, name, None)
    return bias if isinstance(bias, keras.Variable) else None


def _projection(attention):
    """Returns the layer that makes keys and values."""
    return attention.qkv if isinstance(attention, SelfAttention) else attention.key_value
