"""What the assistant knows: pages in, passages out. Chroma and the embedding model live here and nowhere else."""
