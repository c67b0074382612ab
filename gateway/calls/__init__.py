"""Calls between the store and the carriers: dialling, reports, the transcript's redaction, upkeep."""
