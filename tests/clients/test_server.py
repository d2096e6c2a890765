"""Keys, lines and stopping, as the official clients meet them."""
import json
import subprocess
import threading

import anthropic
import ollama
import openai
import pytest
from conftest import PROGRAM

QUESTION = [{"role": "user", "content": "hi"}]


def test_keys(start, tiny_folder, tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text("secret-of-the-test\n", encoding="ascii")
    keys.chmod(0o600)
    server = start("--api-key", keys)
    model = str(tiny_folder)

    right, wrong = ({"api_key": key, "max_retries": 0} for key in ("secret-of-the-test", "no"))
    openai_url = server.url + "/v1"
    request = {"model": model, "messages": QUESTION, "max_tokens": 2}
    assert openai.OpenAI(base_url=openai_url, **right).chat.completions.create(**request).choices
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=openai_url, **wrong).chat.completions.create(**request)
    assert anthropic.Anthropic(base_url=server.url, **right).messages.create(**request).id
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=server.url, **wrong).messages.create(**request)
    bearer = {"Authorization": "Bearer secret-of-the-test"}
    assert ollama.Client(host=server.url, headers=bearer).list().models
    with pytest.raises(ollama.ResponseError) as caught:
        ollama.Client(host=server.url).list()
    assert caught.value.status_code == 401
    assert server.request("GET", "/health")[0] == 200
    assert "secret-of-the-test" not in server.messages()


def test_other_addresses_need_a_key(tiny_folder):
    run = subprocess.run(
        [PROGRAM, "serve", str(tiny_folder), "--host", "0.0.0.0", "--port", "0"],
        capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode not in (0, 130) and "key" in run.stderr


def test_health_head_and_unknown_paths(start):
    server = start()
    status, _, text = server.request("GET", "/health")
    assert status == 200 and json.loads(text)["status"]
    assert server.request("HEAD", "/")[0] == 200
    assert server.request("GET", "/v1/no/such/path")[0] == 404
    status, headers, _ = server.request("GET", "/api/chat")
    assert status == 405 and "POST" in headers["Allow"]


def test_stop_lets_running_answers_finish(start, tiny_folder):
    server = start()
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    stream = client.chat.completions.create(
        model=str(tiny_folder), messages=QUESTION, max_tokens=100, stream=True,
        extra_body={"ignore_eos": True})
    chunks = [next(iter(stream))]
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    chunks += list(stream)
    stopper.join()
    assert chunks[-1].choices[0].finish_reason == "length"
    assert server.process.returncode == 0


def test_full_line_is_told_with_the_clients_class(start, tiny_folder):
    """As many requests as it takes: each is answered or refused with 429 or 503."""
    server = start("--workers", "1")
    url = server.url + "/v1"
    outcomes = []

    def ask():
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        try:
            client.chat.completions.create(
                model=str(tiny_folder), messages=QUESTION, max_tokens=20)
            outcomes.append("answered")
        except (openai.RateLimitError, openai.InternalServerError) as error:
            assert error.status_code in (429, 503) and error.response.headers["Retry-After"]
            outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 24 and "answered" in outcomes
    assert server.wait_idle()["jielong_model_active_chains"] == 0
