"""Secrets in questions: what is taken for one, what is not, and that none is stored, sent or shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.masking import masked, remark
from core.bootstrap import Services
from tests.core.answering.asking import ask, history
from tests.emulators.language_model import ScriptedModel, Text

A40 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR3uL6nM9b"
HEX32 = "0123456789abcdef" * 2
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{A40}\n{A40}==\n-----END RSA PRIVATE KEY-----"

SECRETS = {
    "AKIA" + "IOSFODNN7ABCDEFG": "AWS key",
    "ghp_" + A40: "GitHub token",
    "github_pat_" + A40: "GitHub token",
    "glpat-" + A40[:20]: "GitLab token",
    "xoxb-" + "123456789012-" + A40[:24]: "Slack token",
    "xapp-" + "1-A01-123-" + HEX32: "Slack token",
    "N" + A40[:24] + ".Gabc12." + A40[:30]: "Discord token",
    "sk-" + "proj-" + A40: "API key",
    "sk-" + "ant-api03-" + A40: "API key",
    "AIza" + A40[:35]: "API key",
    "dapi" + HEX32: "API key",
    "hf_" + A40[:34]: "Hugging Face token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + A40: "JSON Web Token",
    PEM: "private key",
}

NAMED = [
    ("postgresql://ada:{}@db:5432/mlflow", "hunter2", "password"),
    ("redis://:{}@cache:6379", "pw", "password"),
    ("https://hooks.slack.com/services/{}", "T000/B000/" + A40[:24], "webhook"),
    ("https://discord.com/api/webhooks/123456789/{}", A40, "webhook"),
    ("Authorization: Bearer {}", A40[:20], "credential"),
    ("DB_PASSWORD={}", "correcthorse", "password"),
    ('password: "{}"', "battery", "password"),
    ("  password: {}\n  user: ada", "s3cr3t!", "password"),
    ("AWS_SECRET_ACCESS_KEY={}", A40, "key"),
    ("aws_secret_access_key = {}", A40[:20] + "/+" + A40[:18], "key"),
    ('"api_key": "{}",', HEX32, "key"),
    ("export WANDB_API_KEY={}", HEX32 + "01234567", "key"),
    ("MLFLOW_TRACKING_TOKEN: {}", A40, "token"),
    ("client_secret={}", A40, "secret"),
]

NO_SECRETS = [
    "How do I set OPENAI_API_KEY from a Kubernetes secret?",
    "max_tokens: 4096, pad_token = '[PAD]', eos_token_id=50256",
    "token = tokenizer.decode(outputs[0])",
    "api_key = os.environ['OPENAI_API_KEY']",
    "password: ${DB_PASSWORD}",
    "password={{ secrets.DB_PASSWORD }}",
    "password: <your password>",
    "password: required",
    "postgresql://user:${PASSWORD}@db/mlflow",
    "secretKeyRef:\n  name: mlflow-db\n  key: password",
    "s3://bucket/models:v1@sha256",
    "http://localhost:5000/#/experiments/1",
    "commit 267be8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7",
    "registry.example.org:5000/team/image@sha256:" + HEX32 * 2,
    "pip install git+https://github.com/org/repo@main",
    "What is skaffold's sk-learn equivalent?",
    "Message ada@example.org: the run 01a21083-ce60-77a6-a142-265833f5f007 failed",
]


@pytest.mark.parametrize("around", ["{}", "It says:\n```\nkey {}\n```", "({})", "log={} level=info", '"{}"'])
@pytest.mark.parametrize(("secret", "kind"), SECRETS.items())
def test_keys_are_known_by_their_form(secret: str, kind: str, around: str) -> None:
    text = masked(around.format(secret))
    assert text == around.format(f"[masked: {kind}]")
    assert f"({kind})" in remark(text)


@pytest.mark.parametrize(("around", "secret", "kind"), NAMED)
def test_secrets_are_known_by_their_names(around: str, secret: str, kind: str) -> None:
    assert masked(around.format(secret)) == around.format(f"[masked: {kind}]")


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert masked(text) == text
    assert remark(text) == ""


@pytest.mark.parametrize("text", [text for text, *_ in NAMED])
def test_placeholder_of_braces_is_no_secret(text: str) -> None:
    assert masked(text.format("<your-own-secret-1>")) == text.format("<your-own-secret-1>")


def test_key_whose_end_was_not_pasted_is_masked_to_the_end() -> None:
    assert masked("Why?\n" + PEM[:80]) == "Why?\n[masked: private key]"


@given(st.text(max_size=400), st.sampled_from([*SECRETS]), st.text(max_size=400))
def test_nothing_of_a_secret_is_left_and_masking_again_changes_nothing(before: str, secret: str, after: str) -> None:
    text = masked(f"{before}\n{secret}\n{after}")
    assert secret not in text
    assert masked(text) == text


def test_many_in_one_text_are_named_once_each() -> None:
    text = masked(f"password=one1 password=two2 {'ghp_' + A40}")
    assert re.findall(r"masked: ([^\]]+)", text) == ["password", "password", "GitHub token"]
    assert "(password, GitHub token)" in remark(text)


async def test_a_secret_in_a_question_is_neither_stored_nor_sent_and_its_asker_is_told(
    room: Services, model: ScriptedModel
) -> None:
    secret = "ghp_" + A40
    model.script(Text("Call `quill push` [1]."))
    turn = await ask(room, f"How do I store a model in Quillstore? My token is {secret}.")
    assert turn.searches == ["How do I store a model in Quillstore? My token is ."]
    assert "GitHub token" in turn.answer.note
    assert "renew it" in turn.answer.note
    asked, answered = await history(room)
    assert asked.text == "How do I store a model in Quillstore? My token is [masked: GitHub token]."
    assert "renew it" in answered.note
    assert secret not in str(model.requests)
    assert secret not in str(turn.events)


@pytest.mark.parametrize("length", [255, 256, 257, 5_000])
@pytest.mark.parametrize("name", ["password", "API_KEY", "secret"])
def test_long_secret_is_masked_whole(name: str, length: int) -> None:
    value = ("a1B2" * length)[:length]

    assert value[:12] not in masked(f"{name}={value} and more")
    assert masked(f"{name}={value} and more").endswith("] and more")


def test_hostile_line_of_a_log_is_masked_as_far_as_it_holds_values() -> None:
    hostile = "password=a1b" * 20_000 + "("

    assert masked(hostile).startswith("password=[masked: password]")
