"""The HTTP channel: FastAPI, JSON and server-sent events."""
