"""Tables as text, as programs of all countries write them: encoding, separator and decimal comma are found out."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataFileError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
SEPARATORS = (",", ";", "\t", "|")
BINARY = {b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"PAR1": "a parquet file"}
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?\s*%?")
MISSING = ("", "nan", "na", "n/a", "null", "none", "-")
LARGEST = 2**31


@dataclass(frozen=True)
class TextTable:
    """A table as it was written: names of the columns, cells as text, and how they were told apart."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str
    decimal: str

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def number(self, cell: str) -> float | None:
        """A cell as a number, with a decimal comma or a per cent sign; None where it is empty.

        >>> table = TextTable("t", ("a",), (), (), separator=";", decimal=",")
        >>> table.number("0,25"), table.number("50 %"), table.number("")
        (0.25, 0.5, None)
        """
        text = cell.strip().replace("\N{MINUS SIGN}", "-")
        if text.lower() in MISSING:
            return None
        percent = text.endswith("%")
        text = text.rstrip("%").strip()
        if self.decimal == ",":
            text = text.replace(",", ".")
        if not NUMBER.fullmatch(text):
            raise ValueError(f"'{cell}' is no number")
        return float(text) / 100 if percent else float(text)


def decoded(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with its byte-order mark."""
    if not path.is_file():
        raise DataFileError("path", f"{path} does not exist", "check the name")
    if path.stat().st_size > LARGEST:
        raise DataFileError("path", f"{path} is larger than {LARGEST >> 30} GiB", "store it as parquet or .npz")
    content = path.read_bytes()
    for mark, kind in BINARY.items():
        if content.startswith(mark):
            raise DataFileError("path", f"{path} is {kind}, which is not a text file", "save the table as CSV in UTF-8")
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), None)
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataFileError("path", f"{path} is not a text file", "save the table as CSV in UTF-8")
    return text


def separator_of(text: str) -> str:
    """The separator that the header has most of; of a single column, one that leaves a decimal comma alone.

    >>> separator_of("a;b,c;d"), separator_of("a")
    (';', ';')
    """
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", first)
    found = max(SEPARATORS, key=unquoted.count)
    return found if found in unquoted else ";"


def decimal_of(cells: Iterable[str], separator: str) -> str:
    """The mark before the decimals: a comma where it does not separate the cells and one of them has it."""
    return "," if separator != "," and any(map(DECIMAL_COMMA.fullmatch, cells)) else "."


def has_header(rows: Iterable[Sequence[str]], decimal: str = ".") -> bool:
    """Whether the first row names the columns: it does unless all of its cells are numbers.

    >>> has_header([["a", "2"], ["1", "2"]]), has_header([["1e-3", "2"], ["1", "2"]])
    (True, False)
    """
    first = next((row for row in rows if any(row)), ())
    return not first or not all(NUMBER.fullmatch(cell.replace(",", ".") if decimal == "," else cell) for cell in first)


def read_text_table(path: Path) -> TextTable:
    """A table with a header.

    Raises
    ------
    DataFileError
        Where the file is missing, is no text, has no header or no rows, or a row has too many cells.
    """
    text = decoded(path)
    separator = separator_of(text)
    reader = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    try:
        found = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DataFileError("path", f"{path.name} is not a table ({error})", "save it as CSV") from None
    if len(found) < 2:
        raise DataFileError("path", f"{path.name} holds no rows", "pass a table with a header and rows")
    (_, header), *body = found
    for line, row in body:
        if len(row) > len(header):
            problem = f"{path.name}, line {line} has {len(row)} cells for {len(header)} columns"
            raise DataFileError("path", problem, "correct that line")
    rows = tuple(tuple(row + [""] * (len(header) - len(row))) for _, row in body)
    decimal = decimal_of((cell for row in rows for cell in row), separator)
    return TextTable(path.name, tuple(header), rows, tuple(line for line, _ in body), separator, decimal)
