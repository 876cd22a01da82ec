"""The endpoints, on FastAPI. What they do is said elsewhere; here it becomes requests and responses.

    POST /predict    {"inputs": [...]}            -> version, and for each example an id, a class, probabilities
    POST /feedback   {"id": ..., "label": ...}    what a prediction should have been, as soon as somebody knows
    GET  /healthz    ready (200) or not (503), the version, notes       GET /metrics    Prometheus' text format
    GET  /versions   what the registry holds      GET /examples   inputs to try       GET /status   what the page shows
    POST /promote    {"version": 3}               POST /rollback  {}                  GET /         the page

Every refusal has one form: {"error": {"field": ..., "expected": ..., "found": ..., "message": ...}}.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinytorch.serving import ServingError, inputs, need
from tinytorch.serving.batching import Closed, Full, ModelFailed
from tinytorch.serving.inputs import Refused
from tinytorch.serving.service import Service

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
# The page takes nothing from elsewhere, and nobody may frame it to have its buttons pressed.
SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SHORT_BODY = 4096  # bytes of a request that is not a prediction
IN_VAIN = 8  # times what a body may hold is read, and thrown away, of one that holds too much
Handler = Callable[[Any], Awaitable[Any]]


def build(service: Service) -> Any:
    """The application around a service."""
    fastapi = need("fastapi")
    app = fastapi.FastAPI(title=f"TinyTorch: {service.name}", docs_url=None, redoc_url=None)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _not_found)
    endpoints = Endpoints(service)
    posts = {"/predict": endpoints.predict, "/feedback": endpoints.feedback}
    posts |= {"/promote": endpoints.promote, "/rollback": endpoints.rollback}
    gets = {"/healthz": endpoints.healthz, "/metrics": endpoints.metrics, "/versions": endpoints.versions}
    gets |= {"/examples": endpoints.examples, "/status": endpoints.status}
    for method, table in (("POST", posts), ("GET", gets)):
        for path, handler in table.items():
            app.add_api_route(path, _answering(service, path, handler), methods=[method])
    for path, (file, kind) in PAGE.items():
        app.add_api_route(path, _file(file, kind), methods=["GET"], include_in_schema=False)
    return Door(service, app)


class Door:
    """In front of the application: refuses predictions while too many are being handled.

    The model is rarely what is short of time; reading JSON is. So a bound on what waits for the model is not enough:
    requests would wait for being read instead. Refusing here costs a fraction of reading.
    """

    def __init__(self, service: Service, app: Any):
        self.service, self.app = service, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/predict":
            await self.app(scope, receive, send)
            return
        service = self.service
        if service.in_flight >= service.settings.in_flight:
            refused = _no_room(service, f"{service.in_flight} requests being handled", 1)
            service.answered("/predict", refused.status, 0.0)
            await need("fastapi.responses").JSONResponse(refused.body, 503, refused.headers)(scope, receive, send)
            return
        service.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            service.in_flight -= 1


def _no_room(service: Service, found: str, pause: int) -> Refused:
    """The refusal of a request that came when there was no room for it."""
    service.was_shed()
    return Refused(503, "service", "room for another request", found, {"Retry-After": str(pause)})


def _answering(service: Service, path: str, handler: Handler) -> Callable[..., Awaitable[Any]]:
    """An endpoint: refusals become responses, and every request is counted with its latency."""
    responses = need("fastapi.responses")

    async def endpoint(request: need("fastapi").Request) -> Any:
        began = time.perf_counter()
        try:
            service.guard.check_host(request.headers)
            answer = await handler(request)
        except Refused as refused:
            answer = responses.JSONResponse(refused.body, refused.status, refused.headers)
        except need("starlette.requests").ClientDisconnect:
            answer = responses.Response(status_code=499)  # nobody reads it; the figures count it
        except Exception:
            # Ours, not the client's: what went wrong is for the log, not for whoever asked.
            traceback.print_exc()
            answer = responses.JSONResponse({"error": {"message": "internal error; the log has it"}}, 500)
        if not isinstance(answer, responses.Response):
            answer = responses.JSONResponse(answer)
        if service.stopping:
            answer.headers["Connection"] = "close"
        service.answered(path, answer.status_code, time.perf_counter() - began)
        return answer

    # FastAPI reads the annotation, which is a class only once the extra is there.
    endpoint.__annotations__ = {"request": need("fastapi").Request}
    endpoint.__doc__ = handler.__doc__
    endpoint.__name__ = path.strip("/")
    return endpoint


def _file(name: str, kind: str) -> Callable[[], Awaitable[Any]]:
    """An endpoint for one of the page's files."""
    responses = need("fastapi.responses")
    content = (Path(__file__).with_name("page") / name).read_bytes()

    async def page() -> Any:
        return responses.Response(content, media_type=kind, headers=SAFE)

    page.__annotations__ = {}
    return page


async def _not_found(request: Any, error: Any) -> Any:
    """In the same words as every other refusal."""
    what = "a known path" if error.status_code == 404 else "another method"
    refused = Refused(error.status_code, "request", what, f"{request.method} {request.url.path[:80]}")
    return need("fastapi.responses").JSONResponse(refused.body, refused.status, error.headers)


class Endpoints:
    """What each endpoint does with a request. Returns JSON's data or a response; raises Refused."""

    def __init__(self, service: Service):
        self.service = service

    async def _read(self, request: Any, cap: int = SHORT_BODY) -> dict[str, Any]:
        patience, stream = self.service.settings.body_seconds, request.stream()
        try:
            return await asyncio.wait_for(inputs.read_json(request.headers, stream, cap), patience)
        except Refused as refused:
            # Whoever is still sending when the connection is closed learns of that, and never of the answer. But who
            # announced a length and expects "100 Continue" waits for a word, and this is it.
            waits = "expect" in request.headers and "content-length" in request.headers
            if refused.status == 413 and not waits:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(inputs.discard(stream, IN_VAIN * cap), patience)
            raise
        except asyncio.TimeoutError:
            # Whoever sends slowly holds a place that others wait for.
            wanted = f"all of it within {patience:g} s"
            raise Refused(408, "body", wanted, "only a part", {"Connection": "close"}) from None

    # ---- predictions

    async def predict(self, request: Any) -> Any:
        """Classify one example or several; the model answers requests that come together in one batch."""
        service = self.service
        body = await self._read(request, service.settings.body_cap)
        version = service.keeper.served
        rows = inputs.examples(body, version.contract, service.batcher.max_batch)
        try:
            probabilities = await service.batcher.submit(version, rows)
        except Full as full:
            raise _no_room(service, str(full), full.pause) from None
        except Closed:
            raise _stopping() from None
        except ModelFailed as failure:
            message = f"version {version.version} failed: {failure}"
            return need("fastapi.responses").JSONResponse({"error": {"message": message}}, 500)
        mark = secrets.token_hex(8)
        classes = version.contract.classes
        predictions = []
        for i, row in enumerate(probabilities):
            label = int(row.argmax())
            service.watch.remember(f"{mark}-{i}", version, label)
            found = {"id": f"{mark}-{i}", "label": label, "name": classes[label]}
            predictions.append({**found, "probabilities": [round(float(p), 6) for p in row]})
        return {"version": version.version, "predictions": predictions}

    async def feedback(self, request: Any) -> Any:
        """Say what a prediction should have been, by its id."""
        body = await self._read(request)
        inputs.known_fields(body, "id", "label")
        for name, kind, wanted in (("id", str, "the id of a prediction"), ("label", int, "a class's number")):
            if type(body.get(name)) is not kind:
                raise Refused(422, name, wanted, inputs.found(body[name]) if name in body else "nothing")
        known = self.service.watch.recall(body["id"])
        if known is None:
            raise Refused(404, "id", "the id of a recent prediction without feedback", inputs.found(body["id"]))
        version, predicted = known
        if not 0 <= body["label"] < len(version.contract.classes):
            wanted = f"a class's number, 0 to {len(version.contract.classes) - 1}"
            raise Refused(422, "label", wanted, inputs.found(body["label"]))
        correct = predicted == body["label"]
        self.service.watch.labelled(body["id"], version, correct)
        return {"correct": correct, "version": version.version}

    async def examples(self, request: Any) -> Any:
        """Real inputs and their labels, in the form that /predict takes: ?count=4&from=0"""
        version = self.service.keeper.served
        count, start = (_whole(request.query_params, name, usual) for name, usual in (("count", 1), ("from", 0)))
        if not 1 <= count <= self.service.batcher.max_batch:
            raise Refused(422, "count", f"1 to {self.service.batcher.max_batch}", str(count))
        which = [(start + i) % len(version.examples) for i in range(count)]
        found = {"inputs": version.examples[which].tolist(), "labels": version.labels[which].tolist()}
        return {**found, "of": len(version.examples)}

    # ---- what state it is in

    async def healthz(self, request: Any) -> Any:
        """Whether to send requests here: 200 if ready, 503 while stopping or stuck."""
        health = self.service.health()
        responses = need("fastapi.responses")
        return responses.JSONResponse(asdict(health), 200 if health.state == "ready" else 503)

    async def metrics(self, request: Any) -> Any:
        """Figures in Prometheus' text format."""
        made = self.service.metrics
        return need("fastapi.responses").Response(made.text(), media_type=made.content_type)

    async def status(self, request: Any) -> Any:
        """What the page and `tito monitor` show."""
        return await self.service.status()

    async def versions(self, request: Any) -> Any:
        """The versions in the registry, the one that answers, and the one that a rollback leads to."""
        try:
            listed, target = await self.service.keeper.listing()
        except (ServingError, LookupError) as error:
            raise Refused(503, "registry", "one that can be read", str(error)) from None
        served = self.service.keeper.served
        about = {"name": self.service.name, "current": served.version, "rollback_to": target}
        return {**about, "contract": asdict(served.contract), "versions": [asdict(v) for v in listed]}

    # ---- changing the version

    async def promote(self, request: Any) -> Any:
        """Bring another version into use, once it is loaded and warm."""
        self.service.guard.check(request.headers)
        version = inputs.a_version(await self._read(request))
        return await self._change("version", lambda: self.service.keeper.promote(version), f"version {version}")

    async def rollback(self, request: Any) -> Any:
        """Go back to the version that was in use before."""
        self.service.guard.check(request.headers)
        inputs.known_fields(await self._read(request))
        return await self._change("rollback", self.service.keeper.rollback, "none")

    async def _change(self, field: str, change: Callable[[], Awaitable[Any]], asked: str) -> Any:
        if self.service.stopping:
            raise _stopping()
        before = self.service.keeper.served.version
        try:
            # Shielded: a client that hangs up must not leave a change half done.
            made = await asyncio.shield(asyncio.ensure_future(change()))
        except LookupError as error:
            raise Refused(404, field, "a version of the registry to change to", f"{asked}: {error}") from None
        except ServingError as error:
            raise Refused(409, field, "a version that can be served", f"{asked}: {error}") from None
        return {"version": made.version, "before": before}


def _whole(parameters: Any, name: str, usual: int) -> int:
    text = parameters.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(422, name, "a whole number", repr(text[:20]))
    return int(text)


def _stopping() -> Refused:
    """Somebody else has to answer, or a later self."""
    return Refused(503, "service", "one that is running", "one that is stopping", {"Retry-After": "1"})
