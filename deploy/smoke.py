"""Asks the service one question, as an outsider would, and fails unless it is answered.

Runs inside the container of the app, from standard input, with nothing but the standard library.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path

PORT = os.environ.get("PORT", "8000")
KEY = Path(os.environ.get("SECRETS_DIR", "/run/secrets")) / "api_key"

key = os.environ.get("API_KEY") or (KEY.read_text().strip() if KEY.is_file() else "")
question = urllib.request.Request(
    f"http://127.0.0.1:{PORT}/chat",
    json.dumps({"message": "What is experiment tracking?", "session_id": "deploy"}).encode(),
    {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
)
try:
    with urllib.request.urlopen(question, timeout=120) as reply:  # noqa: S310 - likewise
        answer = json.load(reply)["response"]
except (OSError, ValueError, KeyError) as error:
    sys.exit(f"The smoke question was not answered: {error!r}")
if not answer.strip():
    sys.exit("The smoke question got an empty answer.")
print(f"smoke question answered with {len(answer)} characters")  # noqa: T201 - into the log of the deploy
