"""What the assistant knows: sources in, passages out. Chroma, tantivy and the embedding model live here alone."""
