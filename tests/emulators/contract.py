# SPDX-License-Identifier: Apache-2.0
"""A platform's contract file as a route table: what a request may look like, and what an answer must."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import yaml
from jsonschema import Draft202012Validator, FormatChecker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.emulators.server import Request

FOLDER: Final = Path(__file__).parent / "contracts"
_BITS: Final = {"int32": 31, "int64": 63}
_CHECKER: Final = FormatChecker(formats=())


@_CHECKER.checks("int32")
def _int32(value: object) -> bool:
    return not isinstance(value, int) or _fits(value, "int32")


@_CHECKER.checks("int64")
def _int64(value: object) -> bool:
    return not isinstance(value, int) or _fits(value, "int64")


@_CHECKER.checks("uint32")
def _uint32(value: object) -> bool:
    return not isinstance(value, int) or 0 <= value < 1 << 32


def _fits(value: int, name: str) -> bool:
    return -(1 << _BITS[name]) <= value < 1 << _BITS[name]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: where it stands, its type, and whether its text is JSON or a list joined by commas."""

    name: str
    place: str
    required: bool
    kind: str
    encoded: bool
    rules: Draft202012Validator

    def read(self, texts: list[str], *, check: bool) -> tuple[Any, str | None]:
        """Its value, or what is wrong with it."""
        if self.kind == "array" and not self.encoded:
            value: Any = [part for text in texts for part in text.split(",") if part]
        elif len(texts) > 1:
            return None, f"{self.name}: given {len(texts)} times"
        else:
            value = self._one(texts[0])
        fault = next(self.rules.iter_errors(value), None) if check else None
        return value, None if fault is None else f"{self.name}: {fault.message[:200]}"

    def _one(self, text: str) -> Any:
        """A text as what it says it is; as it came where it is not that, so that the schema complains."""
        if self.encoded:
            try:
                return json.loads(text)
            except ValueError:
                return text
        if self.kind == "integer" and text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
            return int(text)
        if self.kind == "boolean" and text in {"true", "false"}:
            return text == "true"
        return text


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the contract reads it, and where it breaks the contract."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a platform."""

    name: str
    method: str
    path: str
    parameters: Mapping[str, Parameter]
    body: Draft202012Validator | None
    body_type: str
    answers: Mapping[str, Draft202012Validator]

    def ask(self, request: Request, extra: frozenset[str] = frozenset(), *, check: bool = True) -> Asked:
        """Read a request. ``extra``: parameters that the platform lets pass beside those of the contract. ``check`` off: values are trusted."""
        asked = Asked()
        given: dict[str, list[str]] = {}
        for name, text in request.query:
            given.setdefault(name, []).append(text)
        for name, texts in given.items():
            one = self.parameters.get(name)
            if one is None or one.place != "query":
                if name not in extra:
                    asked.problems.append(f"{name}: not a parameter of {self.path}")
                continue
            value, problem = one.read(texts, check=check)
            asked.values[name] = value
            if problem:
                asked.problems.append(problem)
        asked.problems.extend(f"{one.name}: missing" for one in self.parameters.values() if one.required and one.place == "query" and one.name not in given)
        if self.body is not None:
            self._read_body(request, asked)
        elif request.body:
            asked.problems.append("body: none is read")
        return asked

    def _read_body(self, request: Request, asked: Asked) -> None:
        assert self.body is not None
        if request.headers.get("content-type", "").partition(";")[0].strip() != self.body_type:
            asked.problems.append(f"Content-Type: {request.headers.get('content-type')}")
        try:
            value = json.loads(request.body) if self.body_type == "application/json" else dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        except ValueError:
            asked.problems.append("body: not what its type says")
            return
        asked.problems.extend(f"body: {fault.json_path} {fault.message[:200]}" for fault in self.body.iter_errors(value))
        if isinstance(value, dict):
            asked.values.update(value)

    def faults_of_answer(self, value: object, status: int = 200) -> list[str]:
        """Where an answer breaks the contract, and fields that the contract does not name."""
        rules = self.answers.get(str(status)) or self.answers.get("default")
        if rules is None:
            return [f"no answer {status}"]
        named = [f"{fault.json_path}: {fault.message[:200]}" for fault in rules.iter_errors(value)]
        schema: Any = rules.schema
        return named + [f"{where}: not in the contract" for where in _unnamed(schema, schema["components"], value, "$")]


def _unnamed(schema: Any, components: Any, value: object, where: str) -> Iterator[str]:
    """Fields of an answer that no schema names."""
    while "$ref" in schema:
        schema = components["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from _unnamed(schema["properties"][name], components, inner, f"{where}.{name}")
            else:
                yield f"{where}.{name}"
    elif isinstance(value, list) and "items" in schema:
        for inner in value:
            yield from _unnamed(schema["items"], components, inner, f"{where}[]")


@dataclass(frozen=True, slots=True)
class Contract:
    """The route table of a platform, and the rest of its file."""

    routes: Mapping[tuple[str, str], Operation]
    told: Mapping[str, Any]

    def operation(self, name: str) -> Operation:
        """By its operationId."""
        return next(one for one in self.routes.values() if one.name == name)


@lru_cache(maxsize=8)
def contract(platform: str) -> Contract:
    """The route table made from the platform's OpenAPI file."""
    told: dict[str, Any] = yaml.load((FOLDER / f"{platform}.openapi.yaml").read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    components = told["components"]

    def rules(schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": components}, format_checker=_CHECKER)

    def parameter(one: Mapping[str, Any]) -> Parameter:
        encoded = "content" in one
        schema = one["content"]["application/json"]["schema"] if encoded else one["schema"]
        return Parameter(one["name"], one["in"], bool(one.get("required")), str(schema.get("type", "object")), encoded, rules(schema))

    routes = {}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            body = next(iter(one.get("requestBody", {}).get("content", {}).items()), None)
            answers = {
                str(status): rules(next(iter(answer["content"].values()))["schema"]) for status, answer in one["responses"].items() if answer.get("content")
            }
            parameters = {it["name"]: parameter(it) for it in one.get("parameters", ())}
            routes[method.upper(), path] = Operation(
                one["operationId"], method.upper(), path, parameters, rules(body[1]["schema"]) if body else None, body[0] if body else "", answers
            )
    return Contract(routes, told)
