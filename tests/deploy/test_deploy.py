"""Deploys over SSH of a small image that behaves as told: what went wrong, what runs then, what people are told."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Row
from tests.deploy.host import SECRET, Host, keypair

Images = Callable[[str], str]
Table = Callable[[Row], None]


def last_line(output: str) -> str:
    """What the deploy came to, less the time of day."""
    return output.strip().splitlines()[-1].removeprefix("deploy: ").partition(" ")[2]


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    next(line for line in process.stdout if line.endswith(f" {word}\n"))


def test_first_deploy_of_an_empty_host_runs_and_answers(host: Host, image: Images, table: Table) -> None:
    status, output = host.deploy(image("good"), "first")
    table(Row("first, onto an empty host", status, host.current, last_line(output)))
    assert (status, host.current) == (0, "first"), output
    assert host.answer() == f"good with {SECRET}"
    assert SECRET not in output
    assert (host.home / "current" / ".env").stat().st_mode & 0o777 == 0o600
    assert not (host.data / "backups").exists()


def test_good_deploy_backs_up_migrates_and_takes_over(running: Host, image: Images, table: Table) -> None:
    backups = running.backups
    status, output = running.deploy(image("better"), "better")
    table(Row("good", status, running.current, last_line(output)))
    assert (status, running.current) == (0, "better"), output
    assert running.answer().startswith("better")
    assert (running.data / "schema").read_text() == "better"
    assert running.backups == backups + 1


@pytest.mark.parametrize("behaviour", ["failing-migration", "unhealthy", "mute"])
def test_deploy_that_does_not_come_to_an_answer_gives_way_to_the_release_before(
    running: Host, image: Images, table: Table, behaviour: str
) -> None:
    before, answer = running.current, running.answer()
    status, output = running.deploy(image(behaviour), behaviour)
    table(Row(behaviour, status, running.current, last_line(output)))
    assert (status, running.current) == (1, before), output
    assert running.answer() == answer
    assert f"The previous release, {before}, is back and answers." in output


def test_image_that_is_nowhere_changes_nothing(running: Host, table: Table) -> None:
    before, backups = running.current, running.backups
    status, output = running.deploy(f"127.0.0.1:1/assistant@sha256:{'0' * 64}", "nowhere")
    table(Row("image that is nowhere", status, running.current, last_line(output)))
    assert (status, running.current, running.backups) == (1, before, backups)
    assert "could not be fetched. Nothing was changed." in output


@pytest.fixture
def gate(running: Host) -> Iterator[Path]:
    """A file that migrations of the slow image wait for."""
    file = running.data / "gate"
    file.unlink(missing_ok=True)
    yield file
    file.touch()  # what was deployed so may be started again


def test_lost_connection_is_taken_up_again(running: Host, image: Images, table: Table, gate: Path) -> None:
    with running.deploying(image("slow-migration"), "lost") as process:
        read_until(process, "migrate")
        running.cut_connections()
        gate.touch()
        output = process.communicate()[0]
    table(Row("lost connection", process.returncode, running.current, last_line(output)))
    assert (process.returncode, running.current) == (0, "lost"), output
    assert "the connection was lost; the host goes on" in output


def test_deploy_whose_runner_is_gone_goes_on_and_its_outcome_can_be_asked_for(
    running: Host, image: Images, table: Table, gate: Path
) -> None:
    backups = running.backups
    with running.deploying(slow := image("slow-migration"), "gone") as process:
        read_until(process, "migrate")
        process.kill()
        running.cut_connections()
    gate.touch()
    status, output = running.deploy(slow, "gone")
    table(Row("runner gone, asked again", status, running.current, last_line(output)))
    assert (status, running.current, running.backups) == (0, "gone", backups + 1), output


def test_second_deploy_at_the_same_time_is_refused(running: Host, image: Images, table: Table, gate: Path) -> None:
    with running.deploying(image("slow-migration"), "early") as process:
        read_until(process, "migrate")
        status, output = running.deploy(image("better"), "late")
        gate.touch()
        process.communicate()
    table(Row("two at once: the later one", status, running.current, last_line(output)))
    assert (status, process.returncode, running.current) == (1, 0, "early"), output
    assert "Another deploy is under way. Nothing was changed" in output


def test_host_with_another_key_is_sent_nothing(host: Host, image: Images, table: Table, tmp_path: Path) -> None:
    status, output = host.deploy(image("good"), "first", EC2_HOST_KEY=keypair(tmp_path / "other"))
    table(Row("wrong host key", status, "-", output.strip().splitlines()[-1].removeprefix("deploy: ")))
    assert status == 1
    assert "its key is not EC2_HOST_KEY. Nothing was sent." in output
    assert list(host.home.iterdir()) == []


SMALL = 1 << 21
"""Bytes."""


@pytest.fixture
def small_disk(host: Host) -> Iterator[Host]:
    """A host whose disk holds little more than a release."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", host.home], check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield host
    subprocess.run(["umount", "--lazy", host.home], check=True)


def test_full_disk_takes_no_half_release(small_disk: Host, image: Images, table: Table) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk.home / "filler").write_bytes(bytes(SMALL + 1))
    status, output = small_disk.deploy(image("good"), "first")
    table(Row("full disk", status, "-", output.strip().splitlines()[-1].removeprefix("deploy: ")))
    assert status == 1
    assert "could not be copied" in output
    assert [path.name for path in small_disk.home.rglob("*") if path.is_file()] == ["filler"]


def test_disk_that_is_nearly_full_is_refused_before_anything_changes(
    small_disk: Host, image: Images, table: Table
) -> None:
    small_disk.settings["DEPLOY_SPACE"] = "3"
    status, output = small_disk.deploy(image("good"), "first")
    table(Row("nearly full disk", status, "-", last_line(output)))
    assert status == 1
    assert "less than 3 MB free. Nothing was changed" in output
    assert not (small_disk.data / "schema").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"EC2_HOST_KEY": ""}, "EC2_HOST_KEY is not set"),
        ({"SLACK_BOT_TOKEN": "it's"}, "SLACK_BOT_TOKEN has a quote or a line break in it. Nothing was sent."),
        ({"RELEASE": "../etc"}, "RELEASE may have letters"),
    ],
)
def test_what_cannot_be_deployed_is_said_before_anything_is_sent(
    host: Host, image: Images, change: dict[str, str], sentence: str
) -> None:
    status, output = host.deploy(image("good"), "first", **change)
    assert (status, list(host.home.iterdir())) == (1, [])
    assert sentence in output


def test_image_without_a_digest_is_refused(host: Host) -> None:
    status, output = host.deploy("ghcr.io/someone/assistant:latest", "first")
    assert (status, list(host.home.iterdir())) == (1, [])
    assert "An image by digest is needed" in output


def test_going_back_by_hand_and_forth_again(running: Host, image: Images) -> None:
    earlier, answer = running.current, running.answer()
    status, output = running.deploy(image("better"), "later")
    assert status == 0, output
    back = running.script("back")
    assert (back.returncode, running.current, running.answer()) == (0, earlier, answer), back.stdout
    forth = running.script("back")
    assert (forth.returncode, running.current) == (0, "later"), forth.stdout
    listed = running.script("list").stdout.splitlines()
    assert any(line.startswith("* later ") and line.endswith("Release later runs.") for line in listed)
