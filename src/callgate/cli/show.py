"""What a command prints: for people, aligned, in colours on a terminal; or the API's JSON.

Without a terminal it is plain text as wide as it needs to be, for `grep` and files. Whatever comes from outside (who
calls chooses names and addresses) is shown with its control characters written out: none reaches a terminal.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

# C0, DEL and C1; marks that turn the direction of text; separators that some take for the end of a line; halves of
# characters, which cannot be written.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CODE: Final = r"`[^`]*`"
_APART: Final = 2  # spaces between columns
NOTHING: Final = "-"

# A terminal with room for an id in one piece, which one wants to copy, a time, and some words beside them.
_WIDE: Final = 100
_ID_MAX: Final = 36
_TIME_MAX: Final = 19


class Cell(NamedTuple):
    """A piece of a line.

    Attributes:
        text: as it came.
        style: of rich, on a terminal.
    """

    text: str
    style: str = ""


Row = Sequence[str | Cell]


class Show:
    """Standard output of one command.

    Args:
        as_json: JSON instead of words.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.is_terminal = sys.stdout.isatty()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without ✓ must not end a command
        self._console: Any = None
        if self.is_terminal and not as_json:
            from rich.console import Console  # a file or a pipe needs none of it

            self._console = Console(highlight=False, markup=False, emoji=False)

    def json(self, value: Any) -> None:
        """JSON as the API gave it: over several lines on a terminal, else in one."""
        self._write_json(value, indent=2 if self.is_terminal else None)

    def line_of_json(self, value: Any) -> None:
        """JSON in one line, of which there will be more."""
        self._write_json(value, indent=None)

    def say(self, *cells: str | Cell) -> None:
        """One line, the cells separated by spaces."""
        if self._console is None:
            self._write(_joined(" ", [printable(_cell(one).text) for one in cells]))
            return
        self._console.print(self._styled(cells, " "), soft_wrap=True)

    def text(self, words: str) -> None:
        """Words of several lines."""
        for line in words.split("\n"):
            self.say(line)

    def table(self, titles: Sequence[str], rows: Iterable[Row], *, empty: str) -> None:
        """Rows under titles.

        Args:
            titles: of the columns.
            rows: as many cells each.
            empty: said when there is no row.
        """
        held = [[_cell(one) for one in row] for row in rows]
        if not held:
            self.say(Cell(empty, "dim"))
        elif self._console is None:
            self._aligned([[Cell(title.upper()) for title in titles], *held])
        else:
            self._ruled(titles, held)

    def page(
        self, page: dict[str, Any], titles: Sequence[str], row: Callable[[dict[str, Any]], Row], *, empty: str
    ) -> None:
        """A list of the API: its JSON, or a table with `row` of each entry."""
        if self.as_json:
            self.json(page)
            return
        results = page["results"]
        self.table(titles, map(row, results), empty=empty)
        if self.is_terminal and page.get("total", 0) > len(results):
            self.say(Cell(f"{len(results)} of {page['total']}; --limit shows more", "dim"))

    def facts(self, facts: Iterable[tuple[str, str | Cell]]) -> None:
        """Names and values, the values aligned."""
        self.pairs((Cell(name, "dim"), value) for name, value in facts)

    def pairs(self, rows: Iterable[Row]) -> None:
        """Rows without titles, of which the last cell may be long."""
        held = [[_cell(one) for one in row] for row in rows]
        if self._console is None:
            self._aligned(held)
            return
        from rich.table import Table

        grid = Table.grid(padding=(0, _APART, 0, 0))
        for _ in held[0] if held else ():
            grid.add_column(overflow="fold")
        for row in held:
            grid.add_row(*(self._styled([cell], "") for cell in row))
        self._console.print(grid)

    # ----------------------------------------------------------------------------------------------------- fragments

    def _write_json(self, value: Any, indent: int | None) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        # Inside JSON such characters stand in texts only, where this is how they may be written.
        self._write(_CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text))

    def _ruled(self, titles: Sequence[str], rows: list[list[Cell]]) -> None:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _APART, 0, 0), header_style="bold")
        is_wide = self._console.width >= _WIDE
        for index, title in enumerate(titles):
            words = [row[index].text for row in rows]
            is_whole = is_wide and all(len(word) <= (_TIME_MAX if " " in word else _ID_MAX) for word in words)
            table.add_column(title, overflow="fold", no_wrap=is_whole)
        for row in rows:
            table.add_row(*(self._styled([cell], "") for cell in row))
        self._console.print(table)

    def _aligned(self, rows: list[list[Cell]]) -> None:
        texts = [[printable(cell.text) for cell in row] for row in rows]
        widths = [max(len(text) for text in column) for column in zip(*texts, strict=True)]
        for row in texts:
            padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            self._write((" " * _APART).join(padded).rstrip())

    def _styled(self, cells: Sequence[str | Cell], between: str) -> Any:
        from rich.text import Text

        line = Text(between).join(Text(printable(_cell(one).text), style=_cell(one).style) for one in cells)
        line.highlight_regex(_CODE, "cyan")
        return line

    def _write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _cell(one: str | Cell) -> Cell:
    return one if isinstance(one, Cell) else Cell(one)


def _joined(between: str, texts: Sequence[str]) -> str:
    return between.join(texts).rstrip()


def printable(text: str) -> str:
    """Text in one line whose control characters are written out."""
    return _CONTROL.sub(lambda found: " " if found[0] in "\n\t" else _written(found[0]), text)


def _written(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def local(text: str | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time of the API as the clock on the wall shows it."""
    return NOTHING if text is None else datetime.fromisoformat(text).astimezone().strftime(form)


def value(found: Any) -> str:
    """A value of the API in one line: text as it is, else JSON."""
    if found is None or found == "":
        return NOTHING
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def took(begin: str | None, end: str | None) -> str:
    """From one time of the API to another, in minutes and seconds."""
    if begin is None or end is None:
        return NOTHING
    whole = round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())
    return f"{whole // 60}:{whole % 60:02}"
