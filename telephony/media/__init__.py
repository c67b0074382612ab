"""The media stream on the wire."""
