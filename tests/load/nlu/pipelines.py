"""Rasa's own components in a row, trained and asked in this process without a server around them."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.classifiers.diet_classifier import DIETClassifier
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer import CountVectorsFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.lexical_syntactic_featurizer import LexicalSyntacticFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.regex_featurizer import RegexFeaturizer
from rasa.nlu.tokenizers.jieba_tokenizer import JiebaTokenizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from tests.load.nlu.scores import Reading
from tests.load.nlu.sets import ROOT, Line

_RASA = {
    component.__name__: component
    for component in (
        DIETClassifier,
        LogisticRegressionClassifier,
        CountVectorsFeaturizer,
        LexicalSyntacticFeaturizer,
        RegexFeaturizer,
        JiebaTokenizer,
    )
}


class Pipeline:
    """Components by the names ``config.yml`` calls them, with their settings."""

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """``steps`` as under ``pipeline:`` of ``config.yml``."""
        self._steps = steps
        self._components: list[Any] = []
        self._folder = tempfile.TemporaryDirectory(prefix="bench-nlu-")

    def train(self, lines: Sequence[Line]) -> None:
        """Train every component in turn, each on what the ones before it made of the lines."""
        storage = LocalModelStorage(Path(self._folder.name))
        data = TrainingData([Message({TEXT: line.text, INTENT: line.intent}) for line in lines])
        for place, step in enumerate(self._steps):
            component = _component(step, place, storage)
            if hasattr(component, "train"):
                component.train(data)
            if hasattr(component, "process_training_data"):
                data = component.process_training_data(data)
            self._components.append(component)

    def read(self, line: Line) -> Reading:
        """One line, as the server reads it: alone."""
        messages = [Message({TEXT: line.text})]
        for component in self._components:
            messages = component.process(messages)
        intent = messages[0].get(INTENT) or {}
        return Reading(line.text, line.intent, intent.get("name") or "", float(intent.get("confidence") or 0))

    def size_mb(self) -> float:
        """Size of what the components stored, in megabytes."""
        files = (path for path in Path(self._folder.name).rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / 1e6

    def close(self) -> None:
        """Remove what was stored."""
        self._folder.cleanup()


def _component(step: Mapping[str, Any], place: int, storage: LocalModelStorage) -> Any:
    settings = {key: value for key, value in step.items() if key != "name"}
    if "dictionary_path" in settings:
        settings["dictionary_path"] = str(ROOT / settings["dictionary_path"])
    name = str(step["name"])
    if name in _RASA:
        kind = _RASA[name]
    else:
        module, _, attribute = name.rpartition(".")
        kind = getattr(importlib.import_module(module), attribute)
    node = f"{place}_{kind.__name__}"
    defaults = kind.get_default_config() if hasattr(kind, "get_default_config") else {}
    context = ExecutionContext(GraphSchema({}), node_name=node)
    return kind.create({**defaults, **settings}, storage, Resource(node), context)
