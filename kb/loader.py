"""Read articles and the list of laws from disk, refusing anything that is not exactly well-formed."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from kb.model import Article, Citation, Law

KB_ROOT = Path(__file__).resolve().parent

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REQUIRED = (
    "id",
    "title",
    "intents",
    "questions",
    "citations",
    "reviewed",
    "review_by",
    "short",
    "related",
)
_OPTIONAL = ("handoff",)
_LAW_FIELDS = ("title", "document", "effective", "basis", "valid_until", "articles")
_BASES = ("施行", "成文")


class KnowledgeError(ValueError):
    """A file of the knowledge base is malformed: names the file, the field and the reason."""

    def __init__(self, file: Path, field: str, reason: str) -> None:
        super().__init__(f"{file.name}: {field}: {reason}")
        self.file = file
        self.field = field
        self.reason = reason


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a repeated key; plain YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _parse_yaml(file: Path, field: str, text: str) -> Any:
    try:
        loader = _UniqueKeyLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        raise KnowledgeError(file, field, " ".join(str(error).split())) from error


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise KnowledgeError(file, "file", "does not exist") from error
    except UnicodeDecodeError as error:
        raise KnowledgeError(file, "file", f"not UTF-8: {error}") from error


class _Fields:
    """Typed access to one mapping, with errors that name the file and field."""

    def __init__(self, file: Path, values: Mapping[str, Any], prefix: str = "") -> None:
        self.file = file
        self.values = values
        self.prefix = prefix

    def fail(self, field: str, reason: str) -> KnowledgeError:
        return KnowledgeError(self.file, self.prefix + field, reason)

    def only(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        for name in required:
            if name not in self.values:
                raise self.fail(name, "missing")
        for name in self.values:
            if name not in required and name not in optional:
                raise self.fail(str(name), "unknown field")

    def text(self, field: str) -> str:
        value = self.values[field]
        if not isinstance(value, str) or not value.strip():
            raise self.fail(field, "must be non-empty text")
        return value.strip()

    def day(self, field: str) -> date:
        value = self.values[field]
        if type(value) is not date:
            raise self.fail(field, "must be a date YYYY-MM-DD")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.values[field]
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            raise self.fail(field, "must be a list of non-empty texts")
        return tuple(v.strip() for v in value)

    def flag(self, field: str) -> bool:
        value = self.values.get(field, False)
        if not isinstance(value, bool):
            raise self.fail(field, "must be true or false")
        return value


def _citation(file: Path, index: int, value: Any) -> Citation:
    prefix = f"citations[{index}]."
    if not isinstance(value, dict):
        raise KnowledgeError(file, f"citations[{index}]", "must be {law, article, effective}")
    fields = _Fields(file, value, prefix)
    fields.only(("law", "article", "effective"))
    number = value["article"]
    if number is not None and (type(number) is not int or number < 1):
        raise fields.fail("article", "must be a positive whole number, or null for the whole text")
    return Citation(fields.text("law"), number, fields.day("effective"))


def load_article(file: Path) -> Article:
    """Read one article (YAML front matter between ``---`` lines, then the body).

    Raises KnowledgeError naming file and field.
    """
    parts = re.split(r"^---[ \t]*$", _read_text(file), maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise KnowledgeError(file, "front matter", "file must start with a block between two --- lines")
    values = _parse_yaml(file, "front matter", parts[1])
    if not isinstance(values, dict):
        raise KnowledgeError(file, "front matter", "must be a mapping")
    fields = _Fields(file, values)
    fields.only(_REQUIRED, _OPTIONAL)
    article_id = fields.text("id")
    if not _ID.fullmatch(article_id):
        raise fields.fail("id", "must be lower-case words joined by hyphens")
    if article_id != file.stem:
        raise fields.fail("id", f"{article_id!r} differs from the file name {file.stem!r}")
    citations = values["citations"]
    if not isinstance(citations, list):
        raise fields.fail("citations", "must be a list")
    body = parts[2].strip()
    if not body:
        raise KnowledgeError(file, "body", "is empty")
    return Article(
        id=article_id,
        title=fields.text("title"),
        intents=fields.texts("intents"),
        questions=fields.texts("questions"),
        citations=tuple(_citation(file, i, c) for i, c in enumerate(citations)),
        reviewed=fields.day("reviewed"),
        review_by=fields.day("review_by"),
        short=fields.text("short"),
        related=fields.texts("related"),
        handoff=fields.flag("handoff"),
        body=body,
    )


def article_files(root: Path = KB_ROOT) -> tuple[Path, ...]:
    """Paths of all articles below ``root``/articles, sorted by name."""
    return tuple(sorted((root / "articles").glob("*.md")))


def load_articles(root: Path = KB_ROOT) -> tuple[Article, ...]:
    """Read every article below ``root``/articles, sorted by id. Raises KnowledgeError on the first bad."""
    files = article_files(root)
    if not files:
        raise KnowledgeError(root / "articles", "file", "holds no article")
    return tuple(load_article(file) for file in files)


def _is_span(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int for n in value):
        return False
    return bool(1 <= value[0] <= value[1])


def _law(file: Path, key: str, value: Any) -> Law:
    if not isinstance(value, dict):
        raise KnowledgeError(file, key, "must be a mapping")
    fields = _Fields(file, value, f"{key}.")
    fields.only(_LAW_FIELDS)
    span = value["articles"]
    if span is not None and not _is_span(span):
        raise fields.fail("articles", "must be [first, last], or null for a text cited as a whole")
    if value["basis"] not in _BASES:
        raise fields.fail("basis", f"must be one of {'、'.join(_BASES)}")
    return Law(
        key=key,
        title=fields.text("title"),
        document=fields.text("document"),
        effective=fields.day("effective"),
        basis=fields.text("basis"),
        valid_until=None if value["valid_until"] is None else fields.day("valid_until"),
        articles=None if span is None else (span[0], span[1]),
    )


def load_laws(root: Path = KB_ROOT) -> dict[str, Law]:
    """Read ``root``/laws.yml: short name -> Law. Raises KnowledgeError naming file and field."""
    file = root / "laws.yml"
    values = _parse_yaml(file, "file", _read_text(file))
    if not isinstance(values, dict) or not values:
        raise KnowledgeError(file, "file", "must be a mapping of laws")
    return {str(key): _law(file, str(key), value) for key, value in values.items()}


def load_lines(file: Path) -> tuple[str, ...]:
    """Read a list file: one entry a line, blank lines and lines starting with # left out."""
    lines = (line.strip() for line in _read_text(file).splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
