"""What we know and do, whoever asks. No channel and no web framework enters here."""

import core.settings  # noqa: F401 - quiets libraries, which must come before their first import
