"""The server that the official clients drive.

  JIELONG_PROGRAM  the program; default build/release/jielong
  JIELONG_MODEL    a chat model; default smollm2, which `jielong pull smollm2` fetches
"""
import os

import pytest
from serving import ROOT, Server, write_tiny_model

PROGRAM = os.environ.get("JIELONG_PROGRAM", str(ROOT / "build/release/jielong"))
MODEL = os.environ.get("JIELONG_MODEL", "smollm2")


@pytest.fixture(scope="session")
def server():
    with Server(PROGRAM, MODEL, "--offline", "-c", "2048") as running:
        yield running


@pytest.fixture(scope="session")
def model():
    return MODEL


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def start(tiny_folder):
    """Starts further servers, of the tiny model: start(*arguments, environment={})."""
    running = []

    def start_server(*arguments, environment=None):
        running.append(
            Server(PROGRAM, tiny_folder, "--offline", *arguments, environment=environment))
        return running[-1]

    yield start_server
    for one in running:
        one.stop()


WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "unit": {"enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}


@pytest.fixture
def weather():
    """The JSON Schema of a tool's parameters that a very small model can fill in."""
    return WEATHER
