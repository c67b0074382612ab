"""Rasa pipeline components; importable in Rasa's environment only."""
