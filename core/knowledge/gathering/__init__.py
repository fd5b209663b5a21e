"""From a source to its documents: listing, polite and guarded fetching, reading."""
