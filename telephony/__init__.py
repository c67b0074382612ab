"""The telephone: carriers, the media stream, hearing, the voice, and the call as a sequence of typed events."""
