"""The commands as people call them."""

import contextlib
import http.client
import re
import signal
import subprocess
import sys

import pytest

from pipelines.web.studio.access.accounts import Account, find_account

PROGRAM = "from pipelines.cli import main; main()"


def _run(*command, text=""):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, command)],
        input=text,
        capture_output=True,
        text=True,
    )


@contextlib.contextmanager
def _studio(out):
    command = [sys.executable, "-c", PROGRAM, "studio", str(out), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(
                r"http://127\.0\.0\.1:(\d+)(/enter\?token=\S+)", process.stdout.readline()
            )
        finally:
            process.terminate()
            assert process.wait(30) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_the_command_prints_an_address_that_logs_in_once(studio_job):
    with _studio(studio_job) as found:
        asked = [("/healthz", 200), ("/shoppers", 401), (found[2], 303), (found[2], 403)]
        for path, status in asked:
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
            with contextlib.closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == status, path


def test_a_folder_without_a_finished_run_is_refused_in_one_line(tmp_path):
    done = _run("studio", tmp_path, "--port", "0")
    assert done.returncode == 2
    assert "no feed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_account_is_added_with_a_password_from_stdin(tmp_path):
    command = ("studio-account", tmp_path, "anna", "--role", "shopper", "--shopper", "007")
    done = _run(*command, text="a long password\n")
    assert done.returncode == 0, done.stderr
    assert find_account(tmp_path, "anna", "a long password") == Account("anna", "shopper", "007")
    assert (tmp_path / "studio/accounts.json").stat().st_mode & 0o077 == 0
    assert _run(*command, text="short\n").returncode == 2


@pytest.mark.parametrize(
    "command", [("studio-account", "none", "anna", "--role", "engineer"), ("challenge", "none")]
)
def test_a_folder_that_is_not_there_is_said_and_not_made(tmp_path, command):
    done = _run(command[0], tmp_path / command[1], *command[2:], text="a long password\n")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "is no folder" in done.stderr
