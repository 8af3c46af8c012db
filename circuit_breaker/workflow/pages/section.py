"""A section of a page, in no language yet."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from circuit_breaker.net.graph import Drawing

__all__ = ["Section"]

Row = tuple[str, ...]


def _rows(rows: Iterable[Iterable[str]]) -> tuple[Row, ...]:
    return tuple(tuple(row) for row in rows)


@attrs.frozen
class Section:
    """A heading, and what stands under it: sentences, a picture, a table; any text is safe in all of them.

    Attributes:
        title: The heading.
        sentences: A paragraph for each.
        picture: A drawing.
        columns: The heads of a table.
        rows: Its rows, each as long as the columns; line breaks in a cell are kept.
    """

    title: str
    sentences: tuple[str, ...] = ()
    picture: Drawing | None = None
    columns: Row = ()
    rows: tuple[Row, ...] = attrs.field(default=(), converter=_rows)
