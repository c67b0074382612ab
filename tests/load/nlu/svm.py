"""A linear support vector machine behind the interface of Rasa's logistic regression, for comparison only."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC


class LinearSvmClassifier(LogisticRegressionClassifier):
    """scikit-learn's LinearSVC, its scores made probabilities on three folds of the training data."""

    def __init__(
        self, config: Dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource
    ) -> None:
        """``config["C"]``: inverse of the regularisation."""
        super().__init__(config, name, model_storage, resource)
        machine = LinearSVC(C=float(config.get("C", 0.5)), class_weight="balanced", random_state=42)
        self.clf = CalibratedClassifierCV(machine, cv=3)

    def _create_training_matrix(self, training_data: TrainingData) -> Tuple[Any, Any]:
        """As an array: the calibration counts classes by comparing it with each."""
        features, intents = super()._create_training_matrix(training_data)
        return features, np.asarray(intents)
