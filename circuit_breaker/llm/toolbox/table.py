"""Tables: rows of values by column, read from CSV or JSON rows, and what can be asked of them."""

from __future__ import annotations

import csv
import io
import math
import operator
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import attrs

from circuit_breaker.errors import nearest
from circuit_breaker.llm.toolbox.figures import correlation, describe

__all__ = ["AGGREGATES", "COMPARISONS", "Table"]

Row = Mapping[str, Any]

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "contains": lambda value, part: str(part).lower() in str(value).lower(),
}
AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "count": len,
    "sum": math.fsum,
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}

MOST_COLUMNS: Final = 1_000
MOST_CELLS: Final = 1_000_000
"""Of a CSV text. A short row counts as a whole one, for it takes as much room."""


@attrs.frozen
class Table:
    """Rows of values by the name of the column.

    Attributes:
        rows: The rows.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Table:
        """The rows as a table.

        Raises:
            ValueError: There are none.
        """
        made = cls(tuple(rows))
        if not made.rows:
            raise ValueError("the table has no rows")
        return made

    @classmethod
    def from_csv(cls, text: str) -> Table:
        """The table of a CSV text with a line of names first. What looks like a number is one.

        Raises:
            ValueError: It has no rows, a name twice, a row with more values than names, or more than a thousand
                columns or a million cells.
        """
        reader = csv.DictReader(io.StringIO(text.strip()), dialect=_dialect(text), strict=True)
        try:
            names = reader.fieldnames or []
            rows = list(islice(reader, _most_rows(names) + 1))
        except csv.Error as error:
            raise ValueError(f"the CSV cannot be read: line {reader.reader.line_num}: {error}") from error
        if len(rows) > _most_rows(names):
            raise ValueError(f"the CSV has more than {MOST_CELLS:,} cells; give fewer rows or columns")
        if len(set(names)) < len(names):
            raise ValueError("the CSV has a column twice")
        wide = next((at for at, row in enumerate(rows, 2) if None in row), None)
        if wide is not None:
            raise ValueError(f"the CSV has more values than names in line {wide}")
        return cls.of({name: _number_or_text(value) for name, value in row.items()} for row in rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in the order in which they come."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def column(self, name: str) -> list[Any]:
        """The values of a column; None where a row has none.

        Raises:
            ValueError: There is no such column.
        """
        if name not in self.columns:
            raise ValueError(f"there is no column {name!r} ({nearest(name, self.columns)})")
        return [row.get(name) for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """The numbers of a column; what is missing is left out.

        Raises:
            ValueError: It has none, or something else.
        """
        values = [value for value in self.column(name) if value not in (None, "")]
        wrong = next((value for value in values if not is_number(value)), None)
        if wrong is not None or not values:
            raise ValueError(f"the column {name!r} is no column of numbers" + (f": {wrong!r:.40}" if values else ""))
        return [float(value) for value in values]

    def describe(self) -> dict[str, Any]:
        """For each column its kind, how much is missing, and figures or the most frequent values."""
        return {name: self._described(name) for name in self.columns}

    def _described(self, name: str) -> dict[str, Any]:
        values = [row.get(name) for row in self.rows]
        present = [value for value in values if value not in (None, "")]
        told: dict[str, Any] = {"missing": len(values) - len(present)}
        if present and all(map(is_number, present)):
            return {"type": "number", **told, **describe([float(value) for value in present])}
        frequent = Counter(str(value)[:80] for value in present)
        return {"type": "text", **told, "distinct": len(frequent), "most_frequent": dict(frequent.most_common(5))}

    def where(self, column: str, comparison: str, value: Any) -> Table:
        """The rows for which the comparison holds; a missing value, and one of another kind, never does but for !=.

        Raises:
            ValueError: There is no such column.
        """
        self.column(column)
        compare = COMPARISONS[comparison]
        return Table(tuple(row for row in self.rows if _holds(compare, row.get(column), value, comparison)))

    def group(self, by: str, column: str, aggregate: str) -> dict[str, float]:
        """One figure for each value of a column, such as the mean of ``price`` by ``city``.

        Raises:
            ValueError: There is no such column, or it is no column of numbers.
        """
        groups: dict[str, list[Row]] = {}
        for key, row in zip(self.column(by), self.rows, strict=True):
            groups.setdefault(str(key), []).append(row)
        if aggregate == "count":
            return {key: len(rows) for key, rows in groups.items()}
        self.numbers(column)
        return {key: AGGREGATES[aggregate](found) for key, rows in groups.items() if (found := _present(rows, column))}

    def correlate(self, one: str, other: str) -> dict[str, Any]:
        """How two columns of numbers go together, over the rows that have both.

        Raises:
            ValueError: They are no columns of numbers, or fewer than two rows have both.
        """
        self.numbers(one), self.numbers(other)
        both = [row for row in self.rows if _present([row], one) and _present([row], other)]
        if len(both) < 2:
            raise ValueError(f"fewer than two rows have both {one!r} and {other!r}")
        return {"rows": len(both), "correlation": correlation(_present(both, one), _present(both, other))}


def is_number(value: Any) -> bool:
    """Whether the value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _present(rows: Iterable[Row], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row.get(column) not in (None, "")]


def _holds(compare: Callable[[Any, Any], bool], seen: Any, wanted: Any, comparison: str) -> bool:
    if comparison in ("==", "!="):
        return compare(seen, wanted)
    if seen is None:
        return False
    try:
        return compare(seen, wanted)
    except TypeError:
        return False


def _most_rows(names: Sequence[str]) -> int:
    """How many rows a table with these columns may have.

    Raises:
        ValueError: There are too many columns.
    """
    if len(names) > MOST_COLUMNS:
        raise ValueError(f"the CSV has {len(names):,} columns, and {MOST_COLUMNS:,} are the most")
    return MOST_CELLS // max(1, len(names))


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.strip().partition("\n")[0]

    class Found(csv.excel):
        delimiter = max(",;\t|", key=first.count)

    return Found


def _number_or_text(value: str | None) -> Any:
    try:
        number = float(value or "")
    except ValueError:
        return value
    if not math.isfinite(number):
        return value
    return int(number) if number.is_integer() and "." not in (value or "") and abs(number) < 2**53 else number
