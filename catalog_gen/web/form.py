"""Inputs for the fields of a settings model: bounds, choices and meaning are the model's own.

They are read from its JSON schema, as pydantic writes it, so that a new field of a view or of a
method appears on the page by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import streamlit as st
from pydantic import BaseModel

from catalog_gen.errors import InputError

#: The largest whole number that a browser counts exactly.
_EXACT: Final = 2**53 - 1


def title_of(name: str) -> str:
    """A field's name for people: "edit_policy" is "Edit policy"."""
    return name.replace("_", " ").capitalize()


def ask(
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    key: str,
    without: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """One input for each field of the model; what was entered, by field, without empty ones.

    Args:
        values: what the inputs show first; a field that is absent shows its default.
        key: begins the inputs' keys, so that two forms stay apart.
        without: fields that are asked elsewhere.
        choices: the values that a text may have, by field.
    """
    fields: dict[str, Any] = model.model_json_schema()["properties"]
    entered = {
        name: _input(
            name,
            schema,
            values.get(name, schema.get("default")),
            f"{key}:{name}",
            (choices or {}).get(name, ()),
        )
        for name, schema in fields.items()
        if name not in without and "const" not in schema
    }
    return {name: value for name, value in entered.items() if value is not None}


def ask_one(model: type[BaseModel], name: str, value: Any, *, key: str) -> Any:
    """The input for one field of the model."""
    others = [each for each in model.model_fields if each != name]
    return ask(model, {name: value}, key=key, without=others)[name]


def free_texts(model: type[BaseModel]) -> list[str]:
    """The fields that are texts without a closed choice."""
    fields: dict[str, Any] = model.model_json_schema()["properties"]
    return [
        name
        for name, schema in fields.items()
        if schema.get("type") == "string" and not {"const", "enum"} & schema.keys()
    ]


def bounds(schema: Mapping[str, Any]) -> str:
    """The limits of a number, for people: "1 to 1000"; '' without any."""
    least = schema.get("minimum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    most = schema.get("maximum")
    limits_text = [
        f"{least:g}" if least is not None else f"above {above:g}" if above is not None else "",
        f"to {most:g}" if most is not None else f"below {below:g}" if below is not None else "",
    ]
    steps = schema.get("multipleOf")
    return " ".join(filter(None, limits_text)) + (f", a multiple of {steps:g}" if steps else "")


def _input(
    name: str, schema: Mapping[str, Any], value: Any, key: str, choices: Sequence[str]
) -> Any:
    if "anyOf" in schema:  # a value, or none
        schema = schema | schema["anyOf"][0]
    label, meaning = title_of(name), _meaning(schema)
    options = list(choices) or schema.get("enum")
    if options:
        place = options.index(value) if value in options else 0
        return st.selectbox(label, options, index=place, key=key, help=meaning)
    match schema.get("type"):
        case "array":
            parts = schema["prefixItems"]
            shown = value or [part.get("minimum", 0) for part in parts]
            columns = st.columns(len(parts))
            return [
                _number(f"{label} {place + 1}", part, given, f"{key}:{place}", meaning, column)
                for place, (part, given, column) in enumerate(
                    zip(parts, shown, columns, strict=True)
                )
            ]
        case "boolean":
            return st.checkbox(label, bool(value), key=key, help=meaning)
        case "integer" if schema.get("exclusiveMaximum", 0) > _EXACT:
            text = st.text_input(label, str(value), key=key, help=meaning).strip()
            if not text.isdecimal():
                raise InputError(f"{name} = {text!r}", "it is not a whole number", "Use digits.")
            return int(text)
        case "integer" | "number":
            return _number(label, schema, value, key, meaning, st)
        case _:
            text = st.text_input(label, value or "", key=key, help=meaning)
            return text or (None if "anyOf" in schema else "")


def _number(
    label: str, schema: Mapping[str, Any], value: Any, key: str, meaning: str, where: Any
) -> Any:
    whole = schema["type"] == "integer"
    kind = int if whole else float
    step = kind(schema.get("multipleOf", 1 if whole else 0.05))
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + step
    if most is None and "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - step
    if value is None and "anyOf" not in schema:
        value = least if least is not None else 0
    return where.number_input(
        label,
        min_value=None if least is None else kind(least),
        max_value=None if most is None else kind(most),
        value=None if value is None else kind(value),
        step=step,
        key=key,
        help=meaning,
    )


def _meaning(schema: Mapping[str, Any]) -> str:
    meaning = str(schema.get("description", "")).capitalize()
    limits = bounds(schema)
    return ". ".join(filter(None, (meaning, f"Allowed: {limits}" if limits else ""))) or "A text"
