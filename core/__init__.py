"""What we know and do, whoever asks. No channel and no web framework enters here."""

from core.settings import quiet_libraries

quiet_libraries()  # before any of them is imported
