"""The editorial rules of the knowledge base, checked over all articles at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kb.loader import KB_ROOT, KnowledgeError, article_files, load_article, load_laws, load_lines
from kb.model import Article, Citation, Law

MAX_SHORT = 90
MIN_BODY = 60
"""Characters of the full form; below that it says no more than the spoken one."""
MIN_QUESTIONS = 6

_SPEAKABLE = re.compile(r"[\u4e00-\u9fff0-9A-Za-z，。？！、；：“”《》]+")
_NOT_LITE = re.compile(r"^\s*(#|\||>|\d+[.)]\s|\*\s)|\*\*|`|\]\(|<[a-zA-Z/!]|https?://")


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: file name, field, what is wrong."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}"


def check(today: date, root: Path = KB_ROOT) -> list[Problem]:
    """Check every article below ``root`` as of ``today``; an empty list means all is well. Reads only."""
    try:
        laws = load_laws(root)
        forbidden = load_forbidden(root)
    except KnowledgeError as error:
        return [_from_error(error)]
    problems: list[Problem] = []
    articles: list[Article] = []
    files = article_files(root)
    if not files:
        problems.append(Problem("articles", "file", "holds no article"))
    for file in files:
        try:
            articles.append(load_article(file))
        except KnowledgeError as error:
            problems.append(_from_error(error))
    known = {file.stem for file in files}
    for article in articles:
        name = f"{article.id}.md"
        for field, message in (
            *_check_text(article, forbidden),
            *_check_lists(article, known),
            *_check_dates(article, today),
            *_check_citations(article, laws, today),
        ):
            problems.append(Problem(name, field, message))
    problems.extend(_check_across(articles))
    return problems


def load_forbidden(root: Path = KB_ROOT) -> tuple[re.Pattern[str], ...]:
    """Compile ``root``/forbidden.txt. Raises KnowledgeError on a pattern that does not compile."""
    file = root / "forbidden.txt"
    patterns = []
    for line in load_lines(file):
        try:
            patterns.append(re.compile(line))
        except re.error as error:
            raise KnowledgeError(file, line, f"not a regular expression: {error}") from error
    return tuple(patterns)


def _from_error(error: KnowledgeError) -> Problem:
    return Problem(error.file.name, error.field, error.reason)


def _check_text(article: Article, forbidden: Sequence[re.Pattern[str]]) -> Iterator[tuple[str, str]]:
    if len(article.short) > MAX_SHORT:
        yield "short", f"{len(article.short)} characters, at most {MAX_SHORT}"
    if not _SPEAKABLE.fullmatch(article.short):
        odd = sorted({c for c in article.short if not _SPEAKABLE.fullmatch(c)})
        yield "short", f"characters a voice would stumble on: {' '.join(map(repr, odd))}"
    if not article.short.endswith(("。", "！", "？")):
        yield "short", "must end as a spoken sentence does"
    if len(article.body) < MIN_BODY or article.body == article.short:
        yield "body", f"{len(article.body)} characters, at least {MIN_BODY}, and more than the short form"
    for number, line in enumerate(article.body.splitlines(), start=1):
        if _NOT_LITE.search(line):
            yield "body", f"line {number}: only paragraphs and '- ' lists: {line.strip()[:40]}"
    for field, text in (("title", article.title), ("short", article.short), ("body", article.body)):
        for pattern in forbidden:
            if found := pattern.search(text):
                yield field, f"forbidden phrase {found.group()!r}"


def _check_lists(article: Article, known: set[str]) -> Iterator[tuple[str, str]]:
    if len(article.questions) < MIN_QUESTIONS:
        yield "questions", f"{len(article.questions)} questions, at least {MIN_QUESTIONS}"
    if len(set(article.questions)) != len(article.questions):
        yield "questions", "the same question twice"
    for other in article.related:
        if other == article.id:
            yield "related", "names the article itself"
        elif other not in known:
            yield "related", f"no article {other!r}"
    if len(set(article.related)) != len(article.related):
        yield "related", "the same article twice"


def _check_dates(article: Article, today: date) -> Iterator[tuple[str, str]]:
    if article.reviewed > today:
        yield "reviewed", f"{article.reviewed} lies after {today}"
    if article.review_by <= article.reviewed:
        yield "review_by", f"{article.review_by} is not after reviewed {article.reviewed}"
    if article.review_by < today:
        yield "review_by", f"review was due on {article.review_by}"


def _check_citations(article: Article, laws: Mapping[str, Law], today: date) -> Iterator[tuple[str, str]]:
    if len(set(article.citations)) != len(article.citations):
        yield "citations", "the same citation twice"
    for index, citation in enumerate(article.citations):
        for message in _resolve(citation, laws, today):
            yield f"citations[{index}]", message


def _resolve(citation: Citation, laws: Mapping[str, Law], today: date) -> Iterator[str]:
    law = laws.get(citation.law)
    if law is None:
        yield f"no law {citation.law!r} in laws.yml"
        return
    if citation.article is not None:
        if law.articles is None:
            yield f"{law.key} is cited as a whole, without an article number"
        elif not law.articles[0] <= citation.article <= law.articles[1]:
            yield f"{law.key} has articles {law.articles[0]} to {law.articles[1]}, not {citation.article}"
    elif law.articles is not None:
        yield f"{law.key} needs an article number"
    if citation.effective != law.effective:
        yield f"{law.key} is dated {law.effective}, not {citation.effective}"
    if law.effective > today:
        yield f"{law.key} is not in force before {law.effective}"
    if law.valid_until is not None and law.valid_until < today:
        yield f"{law.key} was in force until {law.valid_until}"


def _check_across(articles: Sequence[Article]) -> Iterator[Problem]:
    questions: dict[str, list[str]] = defaultdict(list)
    intents: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        for question in set(article.questions):
            questions[question].append(article.id)
        for intent in article.intents:
            intents[intent].append(article.id)
    for field, table in (("questions", questions), ("intents", intents)):
        for text, owners in table.items():
            if len(owners) > 1:
                others = ", ".join(owners[:-1])
                yield Problem(f"{owners[-1]}.md", field, f"{text!r} is also in {others}")
