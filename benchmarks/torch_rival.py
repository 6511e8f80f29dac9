"""timm's ViT-Ti/16 in torch's eager mode: a minimal server, and a worker.

    uvicorn benchmarks.torch_rival:app           # POST /predict, a JPEG or PNG as the body
    python -m benchmarks.torch_rival NAME [THREADS]

The worker has the protocol of `keras_vit.evaluation.worker`. Both need the extras
`[parity,serve]`.
"""

import io
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image

from keras_vit.evaluation import worker
from keras_vit.inference import Artefact

NAME, SIZE = "vit_tiny_patch16_224", 224

app = FastAPI()


def load(name=NAME):
    """Returns timm's model `name` with random weights, and timm's transform for its pictures."""
    model = timm.create_model(name).eval()
    return model, timm.data.create_transform(**timm.data.resolve_model_data_config(model))


def classify(body):
    """Finds the five most probable classes of a picture.

    Args:
        body: The bytes of a picture file.

    Returns:
        A dictionary: `classes`, a list of five indices, and `scores`, their probabilities.
    """
    if not hasattr(app.state, "model"):
        app.state.model, app.state.transform = load()
    image = Image.open(io.BytesIO(body)).convert("RGB")
    with torch.inference_mode():
        probabilities = app.state.model(app.state.transform(image)[None])[0].softmax(-1)
    scores, classes = probabilities.topk(5)
    return {"classes": classes.tolist(), "scores": scores.tolist()}


@app.post("/predict")
async def predict(request: Request):
    """Answers a `request` whose body is a picture with what `classify` returns."""
    return await run_in_threadpool(classify, await request.body())


def main(name=NAME, threads=None):
    """Runs the worker until standard input closes.

    Args:
        name: Name of timm's model.
        threads: How many threads compute, a text; all if `None`.
    """
    replies = worker.redirect_output()
    if threads:
        torch.set_num_threads(int(threads))
    model, _ = load(name)

    def run(images):
        pixels = torch.from_numpy(np.asarray(images, "float32") / 127.5 - 1).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return {"probabilities": model(pixels).softmax(-1).numpy()}

    runtime = f"torch {torch.__version__}, timm {timm.__version__}"
    worker.serve_requests(Artefact(Path(name), (SIZE, SIZE, 3), None, run, runtime), replies)


if __name__ == "__main__":
    main(*sys.argv[1:])
