"""Language models: OpenAI-compatible endpoints in order, then the model that quotes."""
