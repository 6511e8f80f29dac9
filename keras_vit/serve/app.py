"""The server: TensorFlow Serving's REST paths, health, metrics, and a page to try it."""

import asyncio
import contextlib
import functools
import html
import importlib.resources
import io
import math
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import prometheus_client
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from PIL import Image
from starlette.exceptions import HTTPException

from keras_vit.serve.batcher import Batcher
from keras_vit.serve.protocol import format_answer, parse_request


def create_app(
    model,
    *,
    max_body=32 * 2**20,
    max_pixels=50_000_000,
    max_batch=16,
    wait=0.002,
    max_requests=64,
    timeout=30.0,
):
    """Builds the server of a model.

    Args:
        model: A `keras_vit.serve.model.ServedModel`.
        max_body: Bytes that a request may have.
        max_pixels: Pixels that a picture may claim in its header.
        max_batch: Images that are gathered from several requests, and that one may hold.
        wait: Seconds that a request waits for others.
        max_requests: Requests at a time; others are told to come back (429).
        timeout: Seconds in which a body must come.

    Returns:
        A `fastapi.FastAPI`.
    """
    meters = _Meters()
    executor = ThreadPoolExecutor(1)  # the runtime has threads of its own
    batchers = {}

    @contextlib.asynccontextmanager
    async def lifespan(app):
        for name in model.signatures:
            run = functools.partial(model.run, name)
            batchers[name] = Batcher(
                run, executor, max_batch=max_batch, wait=wait, observe=meters.batches.observe
            )
        await asyncio.get_running_loop().run_in_executor(executor, _warm_up, model)
        app.state.ready = True
        yield
        app.state.ready = False
        for batcher in batchers.values():
            await batcher.close()
        executor.shutdown()

    app = FastAPI(title=f"keras_vit: {model.name}", lifespan=lifespan, openapi_url=None)
    app.state.ready = False
    app.state.requests = 0

    @app.exception_handler(HTTPException)
    async def in_servings_form(request, error):
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.post("/v1/models/{name}:predict")
    @app.post("/v1/models/{name}/versions/{version}:predict")
    async def predict(request: Request, name: str, version: str | None = None):
        _check_model(model, name, version)
        if app.state.requests >= max_requests:
            meters.requests.labels(429).inc()
            raise HTTPException(429, "Too many requests at a time", {"Retry-After": "1"})
        app.state.requests += 1
        start, status = time.perf_counter(), 500
        try:
            body = await _read(request, max_body, timeout)
            try:
                wanted = parse_request(body, model.signatures)
                _check_inputs(wanted.inputs, max_batch, max_pixels)
            except ValueError as error:
                raise HTTPException(400, str(error)) from None
            outputs = await batchers[wanted.signature_name](wanted.inputs)
            status = 200
            return JSONResponse(format_answer(outputs, wanted.in_rows))
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            app.state.requests -= 1
            meters.requests.labels(status).inc()
            meters.seconds.observe(time.perf_counter() - start)

    @app.get("/v1/models/{name}")
    @app.get("/v1/models/{name}/versions/{version}")
    async def status(name: str, version: str | None = None):
        _check_model(model, name, version)
        fine = {"error_code": "OK", "error_message": ""}
        state = "AVAILABLE" if app.state.ready else "LOADING"
        found = {"version": model.version, "state": state, "status": fine}
        return {"model_version_status": [found]}

    @app.get("/v1/models/{name}/metadata")
    @app.get("/v1/models/{name}/versions/{version}/metadata")
    async def metadata(name: str, version: str | None = None):
        _check_model(model, name, version)
        return _metadata(model)

    @app.get("/healthz")
    async def healthy():
        return {"status": "alive"}

    @app.get("/readyz")
    async def ready():
        if not app.state.ready:
            raise HTTPException(503, "The model is being loaded")
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics():
        text = prometheus_client.generate_latest(meters.registry)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @app.get("/")
    async def page():
        text = importlib.resources.files("keras_vit.serve").joinpath("page.html").read_text("utf-8")
        return HTMLResponse(text.replace("MODEL_NAME", html.escape(model.name)))

    return app


class _Meters:
    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "keras_vit_requests", "Predict requests", ["status"], registry=self.registry
        )
        self.seconds = prometheus_client.Histogram(
            "keras_vit_request_seconds", "Time of a predict request", registry=self.registry
        )
        self.batches = prometheus_client.Histogram(
            "keras_vit_batch_size",
            "Examples per batch",
            buckets=[1, 2, 4, 8, 16, 32, 64],
            registry=self.registry,
        )


async def _read(request, max_body, timeout):
    """Reads a body that keeps to the limits."""
    too_large = HTTPException(413, f"A request may have {max_body} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_body:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(timeout):
            async for part in request.stream():
                size += len(part)
                if size > max_body:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, f"The body must come within {timeout:g} seconds") from None
    return b"".join(parts)


def _check_model(model, name, version):
    if name != model.name or version not in (None, model.version):
        which = f"version {version}" if name == model.name else "any versions"
        raise HTTPException(404, f"Could not find {which} of model {name}")


def _check_inputs(inputs, max_batch, max_pixels):
    """Raises a `ValueError` for more than the server takes."""
    if len(inputs) > max_batch:
        raise ValueError(f"A request may hold {max_batch} images: received {len(inputs)}")
    if isinstance(inputs, list):
        for picture in inputs:
            if _pixels(picture) > max_pixels:
                raise ValueError(f"A picture may have {max_pixels:,} pixels")


def _pixels(picture):
    """Returns how many pixels a picture claims, 0 where it is broken, which is flagged later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures
        try:
            return math.prod(Image.open(io.BytesIO(picture)).size)  # reads the header alone
        except Image.DecompressionBombError:
            return math.inf
        except Exception:  # Pillow raises what it likes on a damaged file
            return 0


def _warm_up(model):
    """Answers one request of each kind, so that the first real one need not wait."""
    for name, signature in model.signatures.items():
        if signature.dtype == "bytes":
            model.run(name, [b""])
        else:
            model.run(name, np.zeros((1, *signature.shape), signature.dtype))


def _metadata(model):
    """Describes the signatures as TensorFlow Serving does."""
    kinds = {"float32": "DT_FLOAT", "uint8": "DT_UINT8", "bytes": "DT_STRING"}
    signatures = {}
    for name, signature in model.signatures.items():
        sides = [{"size": str(side), "name": ""} for side in (-1, *signature.shape)]
        tensor = {"dtype": kinds[signature.dtype], "tensor_shape": {"dim": sides}}
        signatures[name] = {
            "inputs": {signature.input_name: tensor},
            "method_name": "tensorflow/serving/predict",
        }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": signatures}},
        "preprocessing": model.preprocessing,  # beyond TensorFlow Serving, for the page
    }
