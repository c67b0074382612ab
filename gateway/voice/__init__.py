"""Calls as the gateway runs them: the desk a call asks, and the service that places and serves calls."""
