"""What is there to deploy with names files, options and versions that are there."""

import ast
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from typer.main import get_command

from pipelines.cli import app

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
DAG = ROOT / "deploy" / "airflow_dag.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def require_options(arguments):
    """Assert that `stylefeed` has the command that `arguments` begin with, and takes the others."""
    group = get_command(app)
    name, *given = arguments
    command = group.get_command(click.Context(group), name)
    assert command is not None, name
    context = click.Context(command, info_name=name)
    _, left, _ = command.make_parser(context).parse_args(given)
    assert not left, left


@pytest.fixture(scope="module")
def image():
    """(instruction, its words) of the Dockerfile, in order."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def test_the_image_is_slim_ends_as_another_user_and_starts_the_console_script(image):
    bases = [words.split()[0] for kind, words in image if kind == "FROM"]
    assert len(bases) == 2
    assert set(bases) == {"python:3.11-slim"}
    kinds = [kind for kind, _ in image]
    last = dict(image)
    assert last["USER"].isdigit()
    assert int(last["USER"]) > 0
    assert f"--uid {last['USER']} " in " ".join(words for kind, words in image if kind == "RUN")
    assert kinds.index("USER") < kinds.index("ENTRYPOINT")
    (program,) = ast.literal_eval(last["ENTRYPOINT"])
    assert program in PROJECT["project"]["scripts"]


def test_the_image_gets_every_package_and_nothing_that_is_not_there(image):
    copied = [words.split()[:-1] for kind, words in image if kind == "COPY" and "--" not in words]
    sources = [name for names in copied for name in names]
    assert all((ROOT / name).exists() for name in sources)
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.removesuffix("*") for name in found} <= set(sources)
    assert {*PROJECT["project"]["license-files"], PROJECT["project"]["readme"]} <= set(sources)
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in sources} == {line for line in let_in if line.startswith("!")}


def test_the_image_installs_the_torch_of_the_makefile_and_extras_that_exist(image):
    pin = re.search(r"^TORCH \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert ("ARG", f"TORCH={pin}") in image
    (extras,) = re.findall(r"'\.\[(.+)\]'", " ".join(words for _, words in image))
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_commands_of_a_unit_have_the_options_that_they_are_given(unit):
    commands = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert commands or unit.suffix == ".timer"
    for command in commands:
        program, *arguments = shlex.split(command)
        assert Path(program).name == "stylefeed"
        require_options(arguments)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_in_the_units(tmp_path):
    program = shutil.which("true")
    for unit in UNITS:
        text = re.sub(r"/opt/\S+/stylefeed", program, unit.read_text())
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    found = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, found) == (0, [])


def test_the_commands_of_the_dag_have_the_options_that_they_are_given():
    tree = ast.parse(DAG.read_text())
    wanted = ("SHOP", "JOB", "RUN", "EXPORT", "PRUNE")
    kept = [n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id in wanted]
    assert len(kept) == len(wanted)
    names = {}
    exec(compile(ast.Module(kept, []), DAG.name, "exec"), names)
    for name in ("RUN", "EXPORT", "PRUNE"):
        require_options(names[name])
