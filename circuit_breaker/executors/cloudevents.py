"""CloudEvents 1.0: an event as an HTTP message, binary or structured, and back.

Follows the specification and its HTTP and JSON bindings: https://github.com/cloudevents/spec/tree/v1.0.2
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote

import attrs
import msgspec

__all__ = ["CloudEvent", "binary", "read_event", "structured"]

STRUCTURED: Final = "application/cloudevents+json"

_JSON: Final = re.compile(r"[^/;]+/([^/;+]+\+)?json\s*(;.*)?", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9]{1,20}")
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PLAIN: Final = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
_OWN: Final = ("id", "source", "type", "subject", "datacontenttype", "dataschema")
_RESERVED: Final = frozenset({*_OWN, "time", "data", "specversion"})

Message = tuple[dict[str, str], bytes]


@attrs.frozen(kw_only=True)
class CloudEvent:
    """One event.

    Attributes:
        id: Unique for its source.
        source: Where it happened, a reference such as ``"/orders/7"``.
        type: What kind of event it is, such as ``"com.example.order.paid"``.
        subject: What it is about, or None.
        time: When it happened, with a time zone, or None.
        datacontenttype: The media type of the data; JSON when None.
        dataschema: Where the schema of the data is, or None.
        data: A JSON value; a text or bytes where the media type says so; None for no data.
        extensions: Further attributes by name: texts, whole numbers and booleans.

    Raises:
        ValueError: An attribute is missing or wrong; all that is wrong is named.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    extensions: Mapping[str, str | int | bool] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        faults = [f"'{name}' is missing" for name in ("id", "source", "type") if not getattr(self, name)]
        for name, value in self.attributes().items():
            if not isinstance(value, (str, int)):
                faults.append(f"'{name}' is a {type(value).__name__}")
            elif isinstance(value, str) and (_FORBIDDEN.search(value) or not value):
                faults.append(f"'{name}' is empty or holds a character that an attribute may not hold")
        faults += [f"{name!r} is no name of an extension" for name in self.extensions if not _is_name(name)]
        if self.time is not None and self.time.tzinfo is None:
            faults.append("'time' has no time zone")
        if faults:
            raise ValueError(f"the event is wrong: {', '.join(dict.fromkeys(faults))}")

    @property
    def holds_json(self) -> bool:
        """Whether the data is JSON, by its media type."""
        return self.datacontenttype is None or _JSON.fullmatch(self.datacontenttype) is not None

    def attributes(self) -> dict[str, Any]:
        """All attributes that are given, by name, without the data."""
        own = {name: value for name in _OWN if (value := getattr(self, name)) is not None}
        moment = {} if self.time is None else {"time": self.time.isoformat().replace("+00:00", "Z")}
        return {"specversion": "1.0", **own, **moment, **self.extensions}


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _RESERVED


def binary(event: CloudEvent) -> Message:
    """Headers and body in binary mode: the attributes are headers, the data is the body."""
    attributes = event.attributes()
    content_type = attributes.pop("datacontenttype", "application/json")
    headers = {f"ce-{name}": quote(_text(value), safe=_PLAIN) for name, value in attributes.items()}
    if event.data is None:
        return headers, b""
    return {**headers, "content-type": content_type}, _body(event)


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(event: CloudEvent) -> bytes:
    if isinstance(event.data, bytes):
        return event.data
    if event.holds_json:
        return msgspec.json.encode(event.data)
    if isinstance(event.data, str):
        return event.data.encode()
    raise ValueError(f"the data is a {type(event.data).__name__}, and no {event.datacontenttype}")


def structured(event: CloudEvent) -> Message:
    """Headers and body in structured mode: attributes and data are one JSON document."""
    document = event.attributes()
    if isinstance(event.data, bytes):
        document["data_base64"] = base64.b64encode(event.data).decode()
    elif event.data is not None:
        document["data"] = event.data if event.holds_json else _body(event).decode()
    return {"content-type": f"{STRUCTURED}; charset=utf-8"}, msgspec.json.encode(document)


def read_event(headers: Mapping[str, str], body: bytes) -> CloudEvent | None:
    """The event that an HTTP message carries in either mode; None if it carries none.

    Raises:
        ValueError: It carries one that is wrong, of another version, or in a format that is not known.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type", "")
    if content_type.lower().startswith("application/cloudevents"):
        if content_type.partition(";")[0].strip().lower() != STRUCTURED:
            raise ValueError(f"events as {content_type!r} cannot be read")
        return _from_document(_json(body))
    if "ce-specversion" not in lower:
        return None
    attributes = {name[3:]: _header(value) for name, value in lower.items() if name.startswith("ce-")}
    if content_type:
        attributes["datacontenttype"] = content_type
    return _event(attributes, lambda event: _from_body(event, body))


def _header(value: str) -> str:
    """The value of a header, which some senders put in quotes."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return unquote(value, errors="strict")


def _from_body(event: CloudEvent, body: bytes) -> Any:
    if not body:
        return None
    if event.holds_json:
        return _json(body)
    is_text = (event.datacontenttype or "").lower().startswith("text/")
    return body.decode() if is_text else body


def _from_document(document: Any) -> CloudEvent:
    if not isinstance(document, dict):
        raise ValueError("the event is no JSON object")  # noqa: TRY004 - a document is wrong, no argument
    attributes = {name: value for name, value in document.items() if value is not None}
    data, packed = attributes.pop("data", None), attributes.pop("data_base64", None)
    if packed is None:
        return _event(attributes, lambda _: data)
    if not isinstance(packed, str) or data is not None:
        raise ValueError("'data_base64' of the event is no text, or is given beside 'data'")
    unpacked = base64.b64decode(packed, validate=True)
    return _event(attributes, lambda _: unpacked)


def _event(attributes: dict[str, Any], data: Callable[[CloudEvent], Any]) -> CloudEvent:
    version = attributes.pop("specversion", None)
    if version != "1.0":
        raise ValueError(f"the event is of version {version!r}, and only 1.0 can be read")
    own = {name: attributes.pop(name, "") for name in ("id", "source", "type")}
    own |= {name: attributes.pop(name) for name in _OWN if name in attributes}
    moment = attributes.pop("time", None)
    time = None if moment is None else datetime.fromisoformat(str(moment))
    event = CloudEvent(**own, time=time, extensions=attributes)
    return attrs.evolve(event, data=data(event))


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the event holds no JSON: {error}") from error
