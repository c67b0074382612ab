"""One taxpayer's whole thread, gathered from all tables that hold a part of it."""
