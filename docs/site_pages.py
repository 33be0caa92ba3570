"""The pages of the site that are made while it is built: commands, names, JSON, and files of the repository's top."""

from __future__ import annotations

import html
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import click
from report_schema import report_schema

import archscope
from archscope.cli import COMMANDS
from archscope.cli import main as door

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TOP = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security-policy.md"}
#: Besides the names of ``import archscope``.
FURTHER = (
    "archscope.callbacks.lightning.CostGuard",
    "archscope.callbacks.transformers.CostGuard",
    "archscope.pytest_plugin.Checker",
)
_MARKS = re.compile(r"[&<>*_\[\]|`\\~#]")
_SEARCH = 'data-md-component="search" role="dialog"'
_FENCE = re.compile(r"^```(line|python) ([^\n=]+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {place: (ROOT / name).read_text(encoding="utf-8") for name, place in TOP.items()}
    made |= {"commands.md": commands_page(), "names.md": names_page(), "json.md": json_page()}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links between the repository's files to the site's pages, and show the file that a block is for."""
    for name, place in TOP.items():
        markdown = markdown.replace(f"](../{name}", f"]({place}").replace(f"]({name}", f"]({place}")
    if page.file.src_uri in TOP.values():
        markdown = markdown.replace("](docs/", "](")
    return _FENCE.sub(lambda found: f'```python title="{found[2]}"', markdown)


def commands_page() -> str:
    """Every command with its options, from click."""
    lines = [
        "# Commands",
        "",
        "Made from the program itself; `archscope COMMAND --help` says the same. Exit codes: 0 fine, 1 a gate is",
        "violated, 2 usage or config, 3 a model could not be imported, built or run, 130 interrupted.",
        "",
        "| command | |",
        "|:--|:--|",
        *(f"| [{name}](#{name}) | {_escaped(said)} |" for name, said in COMMANDS.items()),
    ]
    context = click.Context(door, info_name="archscope")
    for command in filter(None, (door.get_command(context, name) for name in COMMANDS)):
        lines += _command(command, click.Context(command, info_name=command.name, parent=context), level=2)
    return "\n".join(lines) + "\n"


def _command(command: click.Command, context: click.Context, *, level: int) -> list[str]:
    words = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = ["", f"{'#' * level} {context.info_name}", "", "```text", words, "```", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        kept = paragraph.startswith("\b")
        lines += ["```text", paragraph.removeprefix("\b\n"), "```", ""] if kept else [_escaped(paragraph), ""]
    records = [param.get_help_record(context) for param in command.params]
    rows = [f"| {_code(record[0])} | {_escaped(record[1])} |" for record in records if record]
    lines += ["| option | |", "|:--|:--|", *rows] if rows else []
    for name, inner in getattr(command, "commands", {}).items():
        lines += _command(inner, click.Context(inner, info_name=name, parent=context), level=level + 1)
    return lines


def _code(text: str) -> str:
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def _escaped(text: str) -> str:
    """Text as it is, where Markdown would see marks; what stands between backticks is code."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:
        parts = ["`".join(parts)]
    return "".join(
        _code(part) if at % 2 else _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", part) for at, part in enumerate(parts)
    )


def names_page() -> str:
    """Every public name with its docstring."""
    lines = [
        "# Public names",
        "",
        "What `import archscope` offers, the callbacks and the pytest fixture. [What stays stable](stability.md) says",
        "what is promised of them.",
    ]
    for name in sorted(archscope.__all__, key=str.casefold):
        home = importlib.import_module(f"archscope.{archscope._HOMES[name]}")  # noqa: SLF001 - our own table
        thing = getattr(home, name)
        place = thing.__module__ if inspect.isclass(thing) or inspect.isfunction(thing) else home.__name__
        lines += [
            "",
            f"## archscope.{name}",
            "",
            f"::: {place}.{name}",
            "    options:",
            "      show_root_heading: false",
        ]
    for place in FURTHER:
        lines += ["", f"## {place}", "", f"::: {place}", "    options:", "      show_root_heading: false"]
    return "\n".join(lines) + "\n"


def json_page() -> str:
    """The fields of a saved report, record by record."""
    schema = report_schema()
    lines = [
        "# Reports as JSON",
        "",
        "`archscope analyze MODEL --json FILE` writes a report; `archscope.from_json` and every command that takes a",
        "MODEL read it back. Figures are integers in base units; what was not measured is `null`, never 0. The schema",
        "([report.schema.json](report.schema.json), JSON Schema 2020-12) is made from the same records; fields that",
        "are not required came later than the first version or are written only when asked for.",
    ]
    for name, record in {"Report": schema, **schema["$defs"]}.items():
        required = set(record["required"])
        lines += ["", f"## {name}", "", record["description"], "", "| field | type | |", "|:--|:--|:--|"]
        for field, kind in record["properties"].items():
            note = kind.get("description", "") or ("" if field in required else "not in every file")
            lines.append(f"| `{field}` | {_shown(kind)} | {note} |")
    return "\n".join(lines) + "\n"


def _shown(kind: dict[str, object]) -> str:
    match kind:
        case {"$ref": str(place)}:
            name = place.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_shown(items)}"
        case {"anyOf": list(kinds)}:
            return " or ".join(map(_shown, kinds))
        case {"type": list(types)}:
            return " or ".join(map(str, types))
    return str(kind.get("type", kind.get("const", "anything")))


def on_post_page(output: str, **_: object) -> str:
    """Name the search for those who hear the page, and let keys scroll wide blocks: the theme does neither."""
    return output.replace(_SEARCH, f'{_SEARCH} aria-label="Search"').replace("<pre>", '<pre tabindex="0">')
