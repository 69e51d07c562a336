"""The page of the command line, drawn from what the commands say of themselves."""

from collections.abc import Iterator
from typing import Any

from callgate.cli.asking import NODE_OPTIONS
from callgate.cli.lazy_group import loaded
from callgate.cli.main import Commands

# Its options are settings, which have a page of their own.
_ELSEWHERE = {"serve": "Its options are [settings](settings.md), and `--config`, `--demo` and `--self-call`."}


def commands_page(generated: str) -> Iterator[str]:
    """Every command with its arguments and options."""
    yield "# The command line"
    yield generated
    yield (
        "`callgate serve` runs a node; `sip`, `decisions`, `agents`, `calls`, `keys` and `webhooks` ask one over "
        "[its HTTP API](api.md), this machine's or another. On a terminal they print tables in colours, into a file or "
        "a pipe plain text that is never cut, and with `--json` the API's JSON: a list whose pages were followed is "
        "one page in the API's shape. Times are local."
    )
    yield "## Which node, and with which key"
    rows = ["| option | else | else |", "|---|---|---|"]
    rows += [
        "| `--url URL` | `CALLGATE_URL` | this machine's: `CALLGATE_HTTP_BIND`, `http://127.0.0.1:8080` |",
        "| `--key KEY` | `CALLGATE_API_KEY` | the file `api-key` in the data folder, for a node on this machine only |",
        "| `--data-dir FOLDER` | `CALLGATE_DATA_DIR` | `callgate-data` in the folder where one is |",
    ]
    yield "\n".join(rows)
    yield (
        "So where `make run` runs, `callgate sip get` needs none of them. Others on the machine see a `--key` in `ps`; "
        "the environment and the file they do not. No message shows the key."
    )
    yield "## How commands end"
    yield (
        "Exit code 0: done. 1: the node refused or failed, or none answers. 2: the command line or a file that it "
        "names is wrong, and nothing was asked, or nothing changed. 130: Ctrl-C. What is wrong is said on standard "
        "error, a line per mistake, with the field that it is about: "
        "`callgate: allowedCidrRanges.1: not an IPv4 range such as …`. What cannot be undone is asked about; `--yes` "
        "answers beforehand, and must where nobody is at a terminal."
    )
    yield "## Completion"
    yield (
        "`callgate --install-completion` lets your shell complete commands and options, and ask the node for names "
        "and ids: `callgate calls show <TAB>`. A node that does not answer within 0.7 s offers nothing."
    )
    for name, line in Commands.table.items():
        yield f"## `callgate {name}`"
        command = loaded(name, line)
        if name in _ELSEWHERE:
            yield f"{command.help} {_ELSEWHERE[name]}"
        else:
            yield from _described(f"callgate {name}", command, top=True)


def _described(path: str, command: Any, *, top: bool = False) -> Iterator[str]:
    if not top:
        yield f"### `{path}`"
    yield " ".join(paragraph.replace("\n", " ") for paragraph in command.help.split("\n\n"))
    for name, inner in getattr(command, "commands", {}).items():
        yield from _described(f"{path} {name}", inner)
    rows = [
        f"| `{_shape(parameter)}` | {_words(parameter)} |"
        for parameter in getattr(command, "params", ())
        if parameter.name not in (*NODE_OPTIONS, "help")
    ]
    if rows:
        yield "\n".join(["| | |", "|---|---|", *rows])


def _shape(parameter: Any) -> str:
    """An option with what follows it, or the name of an argument."""
    value = parameter.metavar or ("N" if isinstance(parameter.default, (int, float)) else "TEXT")
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return name if parameter.required or name.startswith("[") else f"[{name}]"
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {value}"


def _words(parameter: Any) -> str:
    words = (parameter.help or "").replace("|", "\\|").replace("{{", "`{{").replace("}}", "}}`")
    words = words.replace("agent_<id>", "`agent_<id>`")
    default = parameter.default
    if parameter.param_type_name == "option" and not isinstance(default, bool) and default not in (None, "", ()):
        words += f" Default: `{default}`."
    return words + (" Required." if parameter.param_type_name == "option" and parameter.required else "")
