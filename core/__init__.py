"""What we know and do, whoever asks. No channel and no web framework enters here."""
