"""What the predictor is measured against: the service before it, as such services are written in FastAPI.

Its contract is smaller than ours (a symbol and a simulated price). Metrics are counted in a plain ASGI middleware,
which is the cheapest way to do it.
"""

import random
import time
from datetime import datetime, timezone

from fastapi import FastAPI, HTTPException, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import BaseModel

CATALOGUE = {"AAPL": 193, "BTC": 58007, "ETH": 3198, "SOL": 141}
REQUESTS = Counter("http_requests_total", "Answered HTTP requests.", ["method", "route", "status"])
DURATIONS = Histogram("http_request_duration_seconds", "Time to the answer.", ["method", "route"])


class Metrics:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = "500"

        async def counted(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(scope["method"], route, status).inc()
            DURATIONS.labels(scope["method"], route).observe(time.perf_counter() - started)


class Health(BaseModel):
    status: str


class Prediction(BaseModel):
    symbol: str
    price: float


class Quote(BaseModel):
    symbol: str
    price: int
    currency: str
    source: str
    generated_at: datetime


app = FastAPI(title="Predictor")
app.add_middleware(Metrics)


def known(symbol: str) -> str:
    normalized = symbol.upper()
    if normalized not in CATALOGUE:
        raise HTTPException(400, {"error": "unsupported_symbol", "supported_symbols": sorted(CATALOGUE)})
    return normalized


@app.get("/health")
async def health() -> Health:
    return Health(status="ok")


@app.post("/predict")
async def predict(symbol: str) -> Prediction:
    name = known(symbol)
    return Prediction(symbol=name, price=round(CATALOGUE[name] * random.uniform(0.98, 1.02), 2))


@app.get("/quote")
async def quote(symbol: str) -> Quote:
    name = known(symbol)
    now = datetime.now(timezone.utc)
    return Quote(symbol=name, price=CATALOGUE[name], currency="USD", source="synthetic", generated_at=now)


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
