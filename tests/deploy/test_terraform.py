"""What Terraform would open and allow, read from its files; CI, which can fetch the provider, validates them too."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.deploy.host import ROOT

FOLDER = ROOT / "deploy" / "terraform"


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    """Every resource by its address, such as `aws_instance.this`."""
    options = hcl2.SerializationOptions(strip_string_quotes=True)
    files = [hcl2.loads(file.read_text(), serialization_options=options) for file in FOLDER.glob("*.tf")]
    found = [entry for file in files for entry in file.get("resource", [])]
    return {f"{kind}.{name}": body for entry in found for kind, named in entry.items() for name, body in named.items()}


def test_nothing_but_https_is_open_unless_variables_say_so(resources: dict[str, dict[str, Any]]) -> None:
    rules = {name: rule for name, rule in resources.items() if name.startswith("aws_vpc_security_group_ingress_rule")}
    always = {name for name, rule in rules.items() if not {"count", "for_each"} & rule.keys()}
    assert always == {"aws_vpc_security_group_ingress_rule.https"}
    assert {rule["from_port"] for rule in rules.values()} == {443, 80, 22}


def test_disk_is_encrypted_and_metadata_asks_for_a_token(resources: dict[str, dict[str, Any]]) -> None:
    instance = resources["aws_instance.this"]
    assert instance["root_block_device"][0]["encrypted"] is True
    assert instance["metadata_options"][0]["http_tokens"] == "required"


def test_bucket_for_backups_is_private_versioned_and_encrypted(resources: dict[str, dict[str, Any]]) -> None:
    access = resources["aws_s3_bucket_public_access_block.backups"]
    closed = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert all(access[name] is True for name in closed)
    assert resources["aws_s3_bucket_versioning.backups"]["versioning_configuration"][0]["status"] == "Enabled"
    assert "aws_s3_bucket_server_side_encryption_configuration.backups" in resources
    assert "aws_s3_bucket_policy.backups" in resources


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on this machine")
def test_files_are_formatted(tmp_path: Path) -> None:
    config = tmp_path / "empty.tfrc"
    config.touch()
    environment = {"PATH": str(Path(shutil.which("terraform") or "").parent), "TF_CLI_CONFIG_FILE": str(config)}
    told = subprocess.run(
        ["terraform", f"-chdir={FOLDER}", "fmt", "-check", "-diff", "-recursive"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
