"""The JSON API's description, assembled from the models that it is checked by: it cannot say anything else."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from automation.actions.api_keys import SCOPES
from automation.insights.periods import NAMED
from automation.insights.recommendations.advice import MOST as MOST_ADVISED
from automation.insights.recommendations.advice import Advice
from automation.insights.report import Kind, reports
from automation.intake import Receipt
from automation.lookup import CustomerFound
from automation.platforms.api import COLLECTIONS, MOST, type_of

PROBLEMS = {
    400: "The body cannot be read",
    401: "No key",
    403: "The key may not do this",
    404: "Not found",
    413: "Too much at once",
    422: "Not valid",
    429: "Too many requests",
    503: "Not now",
}
"""What a refusal of each status is called."""

_WHERE = "#/components/schemas/{model}"
_BATCH = "#/components/schemas/Change"


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schemas() -> dict[str, Any]:
    models = [(model, "validation") for group in COLLECTIONS.values() for model in group]
    _, definitions = models_json_schema(
        [*models, (CustomerFound, "serialization"), (Advice, "serialization")],  # type: ignore[list-item]  # the literal modes widen to str
        ref_template=_WHERE,
    )
    schemas: dict[str, Any] = definitions["$defs"]
    types = {type_of(model): _WHERE.format(model=model.__name__) for group in COLLECTIONS.values() for model in group}
    for group in COLLECTIONS.values():
        for model in group[1:]:  # the first type of a collection is meant where none is named
            schemas[model.__name__].setdefault("required", []).append("type")
    schemas["Change"] = {
        "oneOf": [{"$ref": ref} for ref in types.values()],
        "discriminator": {"propertyName": "type", "mapping": types},
    }
    schemas["Receipt"] = {
        "type": "object",
        "description": "What became of the items.",
        "properties": {f.name: {"type": "integer", "minimum": 0} for f in fields(Receipt)},
        "required": [f.name for f in fields(Receipt)],
    }
    schemas["Problem"] = _problem()
    schemas["Table"] = _table()
    return schemas


def _problem() -> dict[str, Any]:
    fault = {
        "type": "object",
        "properties": {
            "index": {"type": "integer", "description": "Which item, counted from 0."},
            "field": {"type": "string", "description": "Dotted path inside the item."},
            "message": {"type": "string"},
        },
        "required": ["index", "field", "message"],
    }
    return {
        "type": "object",
        "description": "Why nothing was done (RFC 9457).",
        "properties": {
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": fault, "description": "The first 100 of them."},
            "error_count": {"type": "integer"},
            "missing_scopes": {"type": "array", "items": {"type": "string"}},
            "retry_after": {"type": "integer", "description": "Seconds."},
        },
        "required": ["title", "status", "detail"],
    }


def _table() -> dict[str, Any]:
    text = {"type": "string"}
    column = {
        "type": "object",
        "properties": {"key": text, "title": text, "kind": {"enum": list(get_args(Kind))}, "definition": text},
        "required": ["key", "title", "kind", "definition"],
    }
    cell = {"type": ["string", "integer", "number", "null"]}
    return {
        "type": "object",
        "description": "Figures in rows and columns; null where a figure is not known.",
        "properties": {
            "columns": {"type": "array", "items": column},
            "rows": {"type": "array", "items": {"type": "array", "items": cell}},
            "currency": {"type": "string", "description": "Of the amounts (ISO 4217)."},
            "note": {"type": "string", "description": "What one has to know of all of it."},
        },
        "required": ["columns", "rows", "currency", "note"],
    }


def _answers(schema: str, *statuses: int) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "Done", "content": _json({"$ref": _WHERE.format(model=schema)})}}
    for status in statuses:
        answers[str(status)] = {
            "description": PROBLEMS[status],
            "content": {"application/problem+json": {"schema": {"$ref": _WHERE.format(model="Problem")}}},
        }
    return answers


def _tell(summary: str, description: str, operation: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "description": description + " One that is not valid, and nothing is applied.",
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "description": "The same request under the same key is done once and gets the same answer.",
                    "schema": {"type": "string", "maxLength": 255},
                }
            ],
            "requestBody": {"required": True, "content": _json(schema)},
            "responses": _answers("Receipt", 400, 401, 403, 413, 422, 429, 503),
        }
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for name, group in COLLECTIONS.items():
        refs = [{"$ref": _WHERE.format(model=model.__name__)} for model in group]
        item = refs[0] if len(refs) == 1 else {"anyOf": refs}
        paths[f"/api/v1/{name}"] = _tell(
            f"Tell of {name.replace('_', ' ')}",
            f"One, or a list of up to {MOST:,}; needs the scope {name}:write.",
            f"tell_{name}",
            {"anyOf": [item, {"type": "array", "maxItems": MOST, "items": item}]},
        )
    changes = {"type": "array", "maxItems": MOST, "items": {"$ref": _BATCH}}
    paths["/api/v1/batch"] = _tell(
        "Tell of anything, in order",
        f"Up to {MOST:,} items that each name their type; needs the scope of every collection among them.",
        "tell_batch",
        {"anyOf": [{"type": "object", "properties": {"changes": changes}, "required": ["changes"]}, changes]},
    )
    paths["/api/v1/customers/{who}"] = {
        "get": {
            "operationId": "read_customer",
            "summary": "Read one customer",
            "description": "By the shop's id or by address; needs the scope customers:read.",
            "parameters": [{"name": "who", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": _answers("CustomerFound", 401, 403, 404, 429, 503),
        }
    }
    paths["/api/v1/recommendations"] = _recommendations()
    paths["/api/v1/reports/{name}"] = _report()
    paths["/api/openapi.json"] = {
        "get": {
            "operationId": "read_description",
            "summary": "Read this description",
            "security": [],
            "responses": {"200": {"description": "OpenAPI 3.1", "content": _json({"type": "object"})}},
        }
    }
    return paths


def _recommendations() -> dict[str, Any]:
    def asked(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}

    text = {"type": "string"}
    count = {"type": "integer", "minimum": 1, "maximum": MOST_ADVISED, "default": 10}
    return {
        "get": {
            "operationId": "read_recommendations",
            "summary": "Read what to show next",
            "description": "For a customer, beside products, or both; what is trending where neither is named. "
            "Needs the scope recommendations:read.",
            "parameters": [
                asked("customer", "The shop's id of a customer, or an address.", text),
                asked("product", "The shop's id of a product; may be repeated.", {"type": "array", "items": text}),
                asked("count", "How many at most.", count),
            ],
            "responses": _answers("Advice", 401, 403, 404, 422, 429, 503),
        }
    }


def _report() -> dict[str, Any]:
    def asked(name: str, description: str, where: str = "query") -> dict[str, Any]:
        schema = {"type": "string"}
        return {"name": name, "in": where, "required": where == "path", "description": description, "schema": schema}

    return {
        "get": {
            "operationId": "read_report",
            "summary": "Read a report",
            "description": "Its columns, each with its definition, and its rows; amounts as decimal texts. Needs the "
            "scope reports:read. Further options are those that the report's page shows.",
            "parameters": [
                asked("name", f"One of {', '.join(reports())}.", "path"),
                asked("period", f"One of {', '.join(NAMED)}; or give from and to."),
                asked("from", "First day, such as 2026-01-31, in the store's zone."),
                asked("to", "Last day."),
                asked("against", "previous or year: what it is compared with, where the report can."),
                asked("segment", "The id of a segment: only its members."),
            ],
            "responses": _answers("Table", 401, 403, 404, 422, 429, 503),
        }
    }


@cache
def document(address: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the API at a public address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cartwheel",
            "version": "1",
            "description": "Tells Cartwheel what happens in a store that no ready-made connection speaks for. "
            f"Keys have scopes: {', '.join(SCOPES)}.",
        },
        "servers": [{"url": address}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of this installation: cw_…"}
            },
        },
    }
