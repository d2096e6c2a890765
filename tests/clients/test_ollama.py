"""The official `ollama` client drives the server."""
import json
import time

import ollama
import pydantic
import pytest

QUESTION = [{"role": "user", "content": "Name one colour of the rainbow."}]
GREEDY = {"temperature": 0, "num_predict": 12}


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server.url)


def test_chat(client, model):
    answer = client.chat(model, QUESTION, options=GREEDY)
    assert answer.message.role == "assistant" and answer.message.content
    assert answer.done and answer.done_reason in ("stop", "length")
    assert answer.prompt_eval_count > 5 and 1 <= answer.eval_count <= 12
    assert answer.total_duration > 0


def test_stream_says_the_same(client, model):
    whole = client.chat(model, QUESTION, options=GREEDY)
    parts = list(client.chat(model, QUESTION, options=GREEDY, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count


def test_latest_is_tolerated(client, model):
    assert client.chat(model + ":latest", QUESTION, options=GREEDY).message.content


def test_generate_and_its_context(client, model):
    answer = client.generate(model, "My name is Ada.", system="Be brief.", options=GREEDY)
    assert answer.response and answer.context
    more = client.generate(model, "What is my name?", context=answer.context, options=GREEDY)
    assert more.prompt_eval_count > len(answer.context)
    parts = list(client.generate(model, "My name is Ada.", system="Be brief.", options=GREEDY,
                                 stream=True))
    assert "".join(part.response for part in parts) == answer.response


def test_raw_prompt(client, model):
    answer = client.generate(model, "The capital of France is", raw=True, options=GREEDY)
    assert "Paris" in answer.response


def test_seed_gives_the_same_again(client, model):
    def answer(seed):
        options = {"temperature": 1.5, "seed": seed, "num_predict": 16}
        return client.chat(model, QUESTION, options=options).message.content

    assert answer(3) == answer(3)


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=16)
    adult: bool


def test_format_is_a_schema_or_json(client, model):
    answer = client.chat(
        model, [{"role": "user", "content": "Invent a person."}],
        format=Person.model_json_schema(), options={"temperature": 0, "num_predict": 120})
    assert Person.model_validate_json(answer.message.content).name is not None
    answer = client.generate(model, "Reply in JSON.", format="json",
                             options={"temperature": 0, "num_predict": 80})
    if answer.done_reason == "stop":
        json.loads(answer.response)


def test_tools(client, model, weather):
    answer = client.chat(
        model, [{"role": "user", "content": "What is the weather in Paris?"}], think=False,
        options={"temperature": 0, "num_predict": 60},
        tools=[{"type": "function", "function": {
            "name": "get_weather", "description": "The weather", "parameters": weather}}])
    # Whether so small a model calls is its own choice; a call must be whole.
    for call in answer.message.tool_calls or []:
        assert call.function.name == "get_weather" and isinstance(call.function.arguments, dict)


def test_logprobs(client, model):
    answer = client.chat(model, QUESTION, options=GREEDY, logprobs=True, top_logprobs=2)
    assert len(answer.logprobs) == answer.eval_count
    assert all(len(entry.top_logprobs) == 2 for entry in answer.logprobs)


def test_embeddings(client, model):
    answer = client.embed(model, ["a cat", "a car"])
    assert len(answer.embeddings) == 2
    assert sum(x * x for x in answer.embeddings[0]) == pytest.approx(1, abs=1e-3)
    assert client.embed(model, "word " * 3000).prompt_eval_count <= 2048
    with pytest.raises(ollama.ResponseError):
        client.embed(model, "word " * 3000, truncate=False)
    assert len(client.embeddings(model, "a cat").embedding) == len(answer.embeddings[0])


def test_lists(client, server, model):
    names = [entry.model for entry in client.list().models]
    assert names and all(client.show(name).modified_at for name in names)
    shown = client.show(model)
    assert shown.details.family == "llama" and shown.modelinfo["general.architecture"] == "llama"
    assert "completion" in shown.capabilities and shown.template
    assert client.chat(model, QUESTION, options=GREEDY).done
    loaded, = client.ps().models
    assert loaded.details.family == "llama" and loaded.size > 0
    status, _, text = server.request("GET", "/api/version")
    assert status == 200 and json.loads(text)["version"]


def test_pull_of_what_is_here(client, model):
    statuses = [part.status for part in client.pull(model, stream=True)]
    assert statuses[0] == "pulling manifest" and statuses[-1] == "success"
    assert client.pull(model).status == "success"


@pytest.mark.parametrize("name", [
    "../../etc/passwd", "/etc/passwd", "hf:../../etc", "hf:user/../../etc/passwd",
    "hf:user/repo:../../../etc/passwd", "pypi:../x", "smollm2:../../x",
    "sha256:../../../../etc/passwd", "evil.example/library/x:latest", "..", "a\x00b", "x" * 2000])
def test_names_that_lead_out_are_refused(client, name):
    for call in (client.pull, client.delete, client.show):
        with pytest.raises(ollama.ResponseError) as caught:
            call(name)
        assert caught.value.status_code in (400, 404), name


def test_load_and_unload(start, tiny_folder):
    server = start()
    client = ollama.Client(host=server.url)
    assert client.generate(str(tiny_folder)).done_reason == "load"
    assert len(client.ps().models) == 1
    assert client.generate(str(tiny_folder), keep_alive=0).done_reason == "unload"
    deadline = time.monotonic() + 30
    while client.ps().models and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.ps().models == []


def test_errors(client, model):
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("no-such-model", QUESTION)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="tempature") as caught:
        client.chat(model, QUESTION, options={"tempature": 1})
    assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="template"):
        client.generate(model, "x", template="{{ .Prompt }}")
    with pytest.raises(ollama.ResponseError, match="images"):
        client.generate(model, "x", images=[b"\x89PNG"])
    with pytest.raises(ollama.ResponseError):
        client.copy(model, "other")
