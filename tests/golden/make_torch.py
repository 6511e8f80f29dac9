"""Writes the golden files of timm's and Hugging Face's families: tiny models of random weights.

    pip install torch timm transformers
    python tests/golden/make_torch.py

Each `<family>.npz` holds a checkpoint as the library saves it, images as a decoder gives them, and
what the library's model answers. `<family>` is what `test_golden.py` calls it.
"""

import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import transformers
from safetensors.numpy import load_file
from timm.layers import resample_abs_pos_embed, resample_patch_embed
from timm.models import adapt_input_conv, vision_transformer_hybrid

HERE = Path(__file__).parent
SIZE, PATCH = 16, 8  # pixels
TIMM = dict(img_size=SIZE, patch_size=PATCH, embed_dim=16, depth=2, num_heads=2, num_classes=5)
TIMM_MODELS = {  # from a family to timm's architecture and what is shrunk beside the size
    "timm_vit": ("vit_tiny_patch16_224", {}),
    "timm_vit_features": ("vit_tiny_patch16_224", dict(num_classes=0)),
    "timm_no_qkv_bias": ("vit_base_patch16_224_miil", {}),
    "timm_gap": ("vit_medium_patch16_reg4_gap_256", {}),
    "timm_mae_finetuned": ("vit_base_patch16_224", dict(global_pool="avg")),
    "timm_deit_distilled": ("deit_tiny_distilled_patch16_224", {}),
    "timm_deit3": ("deit3_small_patch16_224", {}),
    "timm_dinov2_registers": ("vit_small_patch14_reg4_dinov2", {}),
    "timm_dinov2_swiglu": ("vit_giant_patch14_dinov2", dict(mlp_ratio=4.0)),
    "timm_clip": ("vit_base_patch16_clip_224", {}),
    "timm_clip_quickgelu": ("vit_base_patch16_clip_quickgelu_224", {}),
    "timm_siglip": ("vit_base_patch16_siglip_224", dict(num_classes=0)),
    "timm_siglip_gap": ("vit_base_patch16_siglip_gap_224", dict(num_classes=0)),
    "timm_qk_norm": ("vit_tiny_patch16_224", dict(qk_norm=True)),
}
# By family: units of each stage of its residual network, the patch that is cut, and the image size.
HYBRIDS = {"timm_hybrid": ((2, 1), 2, 32), "timm_hybrid_root": ((), 4, 32)}
HUGGING_FACE = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    image_size=SIZE,
    patch_size=PATCH,
)
HUGGING_FACE_MODELS = {
    "hf_vit": ("ViTForImageClassification", "ViTConfig", dict(num_labels=5)),
    "hf_deit": ("DeiTForImageClassificationWithTeacher", "DeiTConfig", dict(num_labels=5)),
    "hf_mae": ("ViTMAEModel", "ViTMAEConfig", dict(mask_ratio=0.0)),
    "hf_dinov2": ("Dinov2Model", "Dinov2Config", {}),
    "hf_dinov2_classifier": ("Dinov2ForImageClassification", "Dinov2Config", dict(num_labels=5)),
    "hf_dinov2_registers_classifier": (
        "Dinov2WithRegistersForImageClassification",
        "Dinov2WithRegistersConfig",
        dict(num_labels=5),
    ),
    "hf_dinov2_swiglu": ("Dinov2Model", "Dinov2Config", dict(use_swiglu_ffn=True)),
    "hf_dinov2_registers": ("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", {}),
    "hf_yolos": ("YolosForObjectDetection", "YolosConfig", dict(num_hidden_layers=3)),
    "hf_yolos_first_positions": (
        "YolosForObjectDetection",
        "YolosConfig",
        dict(use_mid_position_embeddings=False),
    ),
}
YOLOS = dict(image_size=[SIZE, SIZE + PATCH], num_detection_tokens=3, num_labels=4)
PIXELS = {  # mean and standard deviation that `keras_vit.checkpoints` takes for a family
    "half": ((0.5,) * 3, (0.5,) * 3),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


def pixels_of(name):
    if "clip" in name:
        return PIXELS["clip"]
    is_imagenet = any(each in name for each in ("deit", "dinov2", "yolos"))
    return PIXELS["imagenet" if is_imagenet else "half"]


def randomise(model):
    """Draws all weights anew: what starts at zero or one would hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            is_scale = name.endswith("norm.weight") or "norm" in name and name.endswith("weight")
            noise = 1 + 0.2 * noise if is_scale or "gamma" in name else 0.2 * noise
            if "backbone" in name and weight.ndim == 4:
                # Few values compress well; filters of two sizes let epsilons be seen.
                draws = torch.randint(0, 2, weight.shape, generator=generator)
                sizes = torch.randint(0, 2, (len(weight), 1, 1, 1), generator=generator)
                noise = 0.002 * draws * 10**sizes
            weight.copy_(noise.half())  # which halves the files


def saved(model):
    """Returns arrays by name, as the library's files have them."""
    if not hasattr(model, "save_pretrained"):
        return {name: value.numpy() for name, value in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(Path(folder, "model.safetensors"))


def write(name, model, forward, size=(SIZE, SIZE)):
    randomise(model)
    model.eval()
    images = np.random.default_rng(0).integers(0, 256, (3, *size, 3)).astype("uint8")
    mean, std = (np.array(each, "float32") for each in pixels_of(name))
    x = torch.from_numpy((images / np.float32(255) - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        outputs = forward(x.float()).numpy()
    arrays = {f"weights/{key}": value.astype("float16") for key, value in saved(model).items()}
    if "yolos" in name:  # which resizes its positions
        larger = torch.nn.functional.pad(x.float(), (0, PATCH, 0, 2 * PATCH))
        with torch.no_grad():
            arrays["padded_outputs"] = forward(larger).numpy()
    np.savez_compressed(HERE / f"{name}.npz", images=images, outputs=outputs, **arrays)


def main():
    """Writes all files."""
    for name, (architecture, changes) in TIMM_MODELS.items():
        model = timm.create_model(architecture, **{**TIMM, **changes})
        write(name, model, model)
    for name, (units, patch, size) in HYBRIDS.items():
        backbone = vision_transformer_hybrid._resnetv2(units)
        changes = {**TIMM, "img_size": size, "patch_size": patch}
        model = vision_transformer_hybrid._create_vision_transformer_hybrid(
            "vit_tiny_r_s16_p8_224", backbone=backbone, **changes
        )
        write(name, model, model, size=(size, size))
    for name, (kind, config, changes) in HUGGING_FACE_MODELS.items():
        changes = {**(YOLOS if "yolos" in name else {}), **changes}
        config = getattr(transformers, config)(**{**HUGGING_FACE, **changes})
        model = getattr(transformers, kind)(config)
        if "yolos" in name:  # boxes, then logits
            write(
                name,
                model,
                lambda x, model=model: torch.cat([model(x).pred_boxes, model(x).logits], -1),
                size=config.image_size,
            )
        elif name == "hf_mae":  # which shuffles the patches, and keeps all
            order = torch.arange((SIZE // PATCH) ** 2)[None].repeat(3, 1) / 100.0
            write(name, model, lambda x, model=model, order=order: model(x, noise=order)[0][:, 0])
        else:
            write(
                name,
                model,
                lambda x, model=model: (
                    getattr(model(x), "logits", None)
                    if hasattr(model, "classifier") or hasattr(model, "cls_classifier")
                    else model(x)[0][:, 0]
                ),
            )


def write_resized():
    """What timm makes of positions and kernels for other grids, patches and channels."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(1, 2 + 16, 3, generator=generator)
    kernel = torch.randn(5, 3, 8, 8, generator=generator)
    resized = {"positions": positions, "kernel": kernel}
    for grid in ((6, 6), (2, 2), (3, 5), (7, 2)):
        name = "positions_{}x{}".format(*grid)
        resized[name] = resample_abs_pos_embed(positions, list(grid), [4, 4], num_prefix_tokens=2)
    for patch in (4, 12, 7):
        resized[f"kernel_{patch}"] = resample_patch_embed(kernel, [patch, patch])
    for channels in (1, 2, 5):
        resized[f"channels_{channels}"] = adapt_input_conv(channels, kernel)
    np.savez_compressed(HERE / "resized.npz", **{k: v.numpy() for k, v in resized.items()})


if __name__ == "__main__":
    main()
    write_resized()
