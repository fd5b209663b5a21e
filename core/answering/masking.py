"""Takes secrets out of what people paste, so that they are neither stored nor sent to a language model.

Comes in: the text of a question. Goes out: the same with `[masked: kind]` in the place of each secret, and a sentence
for the asker. Pure. Called by the service before it stores a question, and by the runner when it has been answered.

Keys and tokens are known by the prefixes that their issuers document; what has none, by the name that it is given
(`password`, `..._token`, `..._key`). A name with a reference behind it (`${API_KEY}`), a limit (`max_tokens: 512`) and
a placeholder (`<your token>`) are no secrets.
"""

import re

_BEFORE, _AFTER = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_VALUE = (
    r"""(?=[^\s"']{0,100}\d)(?=[^\s"']{0,100}[A-Za-z])"""
    r"""[A-Za-z0-9_\-+/=.~]{12,256}+(?:(?=[\s"',;)\]}&]|\Z)|[A-Za-z0-9_\-+/=.~]++)"""
)
"""Of a name that also stands before things that are no secrets: long, with letters and digits, nothing computed.

Looked at for 256 characters before it counts, here and below, so that hostile text costs no more than its length.
"""

_NAME = r"""(?i:(?P<kept>%s["']?\s{0,3}[:=]\s{0,3}["']?))"""

_PATTERNS = (
    (
        "private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)",
    ),
    (
        "password",
        r"(?P<kept>\b[a-zA-Z][a-zA-Z0-9+.\-]{1,30}://[^\s:/@\[\]]{0,100}:)(?![${<*])[^\s/@]{1,200}(?=@)",
    ),
    ("AWS key", rf"{_BEFORE}(?:AKIA|ASIA)[A-Z0-9]{{16}}{_AFTER}"),
    ("GitHub token", rf"{_BEFORE}(?:gh[pousr]_[A-Za-z0-9]{{36,}}|github_pat_\w{{22,}})"),
    ("GitLab token", rf"{_BEFORE}gl(?:pat|ptt|cbt|rt|dt)-[\w\-]{{20,}}"),
    ("Slack token", rf"{_BEFORE}(?:xox[a-z](?:\.xox[a-z])?-[\w\-]{{10,}}|xapp-\d-[\w\-]{{10,}})"),
    ("webhook", r"(?P<kept>https://(?:hooks\.slack\.com/\w+/|discord(?:app)?\.com/api/webhooks/\d+/))[\w\-/]{8,}"),
    ("Discord token", rf"{_BEFORE}[MNO][\w\-]{{23,27}}\.[\w\-]{{6}}\.[\w\-]{{27,}}"),
    ("Hugging Face token", rf"{_BEFORE}hf_[A-Za-z0-9]{{30,}}{_AFTER}"),
    ("API key", rf"{_BEFORE}(?:sk-[A-Za-z0-9_\-]{{20,}}|AIza[\w\-]{{35}}|[sr]k_(?:live|test)_\w{{16,}})"),
    ("API key", rf"{_BEFORE}(?:dapi[0-9a-f]{{32}}|npm_[A-Za-z0-9]{{36}}|pypi-[\w\-]{{50,}})"),
    ("JSON Web Token", rf"{_BEFORE}eyJ[\w\-]{{8,1000}}\.eyJ[\w\-]{{8,8000}}\.[\w\-]*"),
    (
        "credential",
        r"""(?i:(?P<kept>\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?(?:bearer|basic|token)\s+))[\w\-+/=.~]{8,}""",
    ),
    (
        "password",
        _NAME
        % r"(?:password|passwd|passphrase|pwd)"
        + r"""(?:(?<==)|(?<=["'])|(?=[^\s"']{0,100}[\d!#%&*+?^~]))"""  # behind a colon a mere word may be prose
        r"""(?![\[(<{$*%])[^\s"',;(){}<>$]{4,256}+(?:(?=[\s"',;)}&]|\Z)|[^\s"',;(){}<>$]++)""",
    ),
    ("token", _NAME % r"token" + _VALUE),
    ("key", _NAME % r"(?:api|access|secret|account|auth|private|encryption|signing)[_\-]?key" + _VALUE),
    ("secret", _NAME % r"secret" + _VALUE),
)
_SECRETS = [(kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _PATTERNS]
_KINDS = {kind for kind, _ in _SECRETS}
_MASK = re.compile(r"\[masked: ([A-Za-z ]{3,20})\]")


def masked(text: str) -> str:
    """A text without its secrets. To mask it again changes nothing."""
    for kind, secret in _SECRETS:
        text = secret.sub(lambda found, kind=kind: _kept(found) + f"[masked: {kind}]", text)
    return text


def without_masks(text: str) -> str:
    """A masked text as it is searched for: what stood there says nothing of its subject, unless nothing else does."""
    left = _MASK.sub("", text)
    return left if left.strip() else text


def remark(text: str) -> str:
    """What the asker of a masked text is told; empty when nothing was masked."""
    kinds = [kind for kind in dict.fromkeys(_MASK.findall(text)) if kind in _KINDS]
    if not kinds:
        return ""
    return (
        f"What looked like a secret in your question ({', '.join(kinds)}) was masked before it was stored or sent on. "
        "Others may have seen it here: renew it."
    )


def _kept(found: re.Match[str]) -> str:
    """What stands before a secret and says what it is."""
    return found.groupdict().get("kept") or ""
