"""The server: TensorFlow Serving's REST paths, health, metrics, and a page to try it."""

import asyncio
import contextlib
import functools
import html
import importlib.resources
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import prometheus_client
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from keras_vit.errors import UserError
from keras_vit.inference.described import with_threshold
from keras_vit.serve.batcher import Batcher
from keras_vit.serve.limits import Bodies, check_inputs
from keras_vit.serve.metadata import describe
from keras_vit.serve.protocol import format_answer, parse_request
from keras_vit.serve.shown import answered, shown


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
    """Builds the web application that serves a model.

    Args:
        model: A `keras_vit.serve.model.ServedModel`.
        max_body: Largest body of a request, in bytes.
        max_pixels: Largest sum of the pixels of a request's pictures, by their headers.
        max_batch: Most images of a request, and of a batch that is gathered from several requests.
        wait: Seconds that a request waits for others to share its batch.
        max_requests: Most requests that may wait for their answer; further ones are refused with
            status 429 and may be repeated. Bodies that are still being read may have
            `max_requests` MiB together, or `max_body` if that is more.
        timeout: Seconds within which a body must arrive, and again its answer be computed.

    Returns:
        A `fastapi.FastAPI`. After shutdown its `state.is_stuck` is `True` if the model still
        computes. While it runs it answers mistakes in requests with a status from 400 to 504.
    """
    meters = _Meters()
    executor = ThreadPoolExecutor(1)  # one thread: the runtime has its own
    bodies = Bodies(max_body, max(max_body, max_requests * 2**20), timeout)
    batchers = {}

    @contextlib.asynccontextmanager
    async def lifespan(app):
        for name in model.signatures:
            run = functools.partial(model.run, name)
            batchers[name] = Batcher(
                run, executor, max_batch=max_batch, wait=wait, observe=meters.batches.observe
            )
        loop = asyncio.get_running_loop()  # loads in the background; until then /readyz answers 503
        app.state.outputs = loop.run_in_executor(executor, _warm_up, model)
        yield
        try:
            async with asyncio.timeout(1):  # by then requests have been answered or given up
                for batcher in batchers.values():
                    await batcher.close()
                await loop.run_in_executor(executor, int)
        except TimeoutError:
            app.state.is_stuck = True
        executor.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(title=f"keras_vit: {model.name}", lifespan=lifespan, openapi_url=None)
    app.state.requests, app.state.is_stuck = 0, False

    def outputs_when_ready():
        outputs = app.state.outputs
        if not outputs.done():
            raise HTTPException(503, "The model is being loaded", {"Retry-After": "1"})
        if outputs.exception():
            raise HTTPException(503, f"The model does not answer: {outputs.exception()}")
        return outputs.result()

    @app.exception_handler(HTTPException)
    async def in_servings_form(request, error):
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def at_fault(request, error):
        return JSONResponse({"error": "The server is at fault; its log says more"}, 500)

    async def reply(request, answer):
        """Reads the body of a request and answers it, within the limits; counts and times it."""
        start, status = time.perf_counter(), 500
        try:
            body = await bodies.read(request)
            response = await within_limits(answer, body)
            status = 200
            return response
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            meters.requests.labels(status).inc()
            meters.seconds.observe(time.perf_counter() - start)

    async def within_limits(answer, body):
        if app.state.requests >= max_requests:
            raise HTTPException(429, "Too many requests at a time", {"Retry-After": "1"})
        app.state.requests += 1
        try:
            async with asyncio.timeout(timeout):
                return JSONResponse(await answer(body))
        except TimeoutError:
            raise HTTPException(504, f"No answer within {timeout:g} seconds") from None
        finally:
            app.state.requests -= 1

    async def predicted(body):
        def parse():
            wanted = parse_request(body, model.signatures)
            check_inputs(wanted.inputs, max_batch, max_pixels)
            return wanted

        wanted = await _in_thread(parse)
        outputs = await batchers[wanted.signature_name](wanted.inputs)
        return format_answer(outputs, wanted.in_rows)

    async def drawn(threshold, body):
        await _in_thread(check_inputs, [body], max_batch, max_pixels)
        artefact = await _in_thread(_from, model.artefact, threshold)
        try:
            whole, answer = await answered(artefact, body, batchers)
        except UserError as error:
            raise HTTPException(400, str(error)) from None
        return await _in_thread(shown, artefact, whole, answer)

    @app.post("/v1/models/{name}:predict")
    @app.post("/v1/models/{name}/versions/{version}:predict")
    async def predict(request: Request, name: str, version: str | None = None):
        _check_model(model, name, version)
        return await reply(request, predicted)

    @app.post("/show")
    async def show(request: Request, threshold: str | None = None):
        return await reply(request, functools.partial(drawn, threshold))

    @app.get("/v1/models/{name}")
    @app.get("/v1/models/{name}/versions/{version}")
    async def status(name: str, version: str | None = None):
        _check_model(model, name, version)
        state, code, message = "LOADING", "OK", ""
        if app.state.outputs.done():
            error = app.state.outputs.exception()
            state, code, message = (
                ("END", "UNKNOWN", str(error)) if error else ("AVAILABLE", "OK", "")
            )
        outcome = {"error_code": code, "error_message": message}
        entry = {"version": model.version, "state": state, "status": outcome}
        return {"model_version_status": [entry]}

    @app.get("/v1/models/{name}/metadata")
    @app.get("/v1/models/{name}/versions/{version}/metadata")
    async def metadata(name: str, version: str | None = None):
        _check_model(model, name, version)
        return describe(model, outputs_when_ready())

    @app.get("/healthz")
    async def healthy():
        return {"status": "alive"}

    @app.get("/readyz")
    async def ready():
        outputs_when_ready()
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics():
        text = prometheus_client.generate_latest(meters.registry)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @app.get("/")
    async def page():
        files = importlib.resources.files("keras_vit.serve")
        text = files.joinpath("page.html").read_text("utf-8")
        text = text.replace("MODEL_NAME", html.escape(model.name))
        for name in ("picture.js", "heatmap.js", "boxes.js", "zoom.js"):
            script = files.joinpath(name).read_text("utf-8")
            text = text.replace(name.replace(".", "_").upper(), script)
        return HTMLResponse(text)

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


async def _in_thread(function, *args):
    """Calls a function of a request, whose mistakes it raises, without blocking other requests."""
    try:
        return await asyncio.to_thread(function, *args)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def _from(artefact, threshold):
    """Returns a model that lists what has at least this score, a text; `None` changes nothing."""
    return with_threshold(artefact, None if threshold is None else float(threshold))


def _check_model(model, name, version):
    if name != model.name or version not in (None, model.version):
        which = f"version {version}" if name == model.name else "any versions"
        raise HTTPException(404, f"Could not find {which} of model {name}")


def _warm_up(model):
    """Runs each signature once, so that the first real request is not slow; returns the outputs."""
    outputs = {}
    for name, signature in model.signatures.items():
        is_bytes = signature.dtype == "bytes"
        example = [b""] if is_bytes else np.zeros((1, *signature.shape), signature.dtype)
        outputs[name] = model.run(name, example)
    return outputs
