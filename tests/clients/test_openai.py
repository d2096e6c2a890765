"""The official `openai` client drives the server."""
import base64
import json
import struct
import time

import openai
import pydantic
import pytest

QUESTION = [{"role": "user", "content": "Name one colour of the rainbow."}]


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as client:
        yield client


def test_chat(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=12, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.prompt_tokens > 5 and 1 <= usage.completion_tokens <= 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_stream_says_the_same(client, model):
    request = {"model": model, "messages": QUESTION, "max_tokens": 12, "temperature": 0}
    whole = client.chat.completions.create(**request)
    chunks = list(client.chat.completions.create(
        **request, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens >= 1
    assert all(chunk.choices for chunk in chunks[:-1])
    reasons = [c.choices[0].finish_reason for c in chunks[:-1]]
    assert reasons[-1] == whole.choices[0].finish_reason and not any(reasons[:-1])


def test_completion_tokens_are_honoured_under_both_names(client, model):
    for name in ("max_tokens", "max_completion_tokens"):
        answer = client.chat.completions.create(
            model=model, messages=QUESTION, temperature=0, extra_body={name: 3})
        assert answer.usage.completion_tokens <= 3


def test_seed_gives_the_same_again(client, model):
    def answer(seed):
        return client.chat.completions.create(
            model=model, messages=QUESTION, max_tokens=16, temperature=1.5, seed=seed,
        ).choices[0].message.content

    assert answer(7) == answer(7)
    assert len({answer(seed) for seed in range(4)}) > 1


def test_several_choices(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=8, temperature=1.5, seed=1, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1


def test_stop_strings_are_left_out(client, model):
    messages = [{"role": "user", "content": "Count: one, two, three, four, five."}]
    free = client.chat.completions.create(
        model=model, messages=messages, max_tokens=24, temperature=0).choices[0].message.content
    stop = free[len(free) // 2]
    cut = client.chat.completions.create(
        model=model, messages=messages, max_tokens=24, temperature=0, stop=[stop]).choices[0]
    assert cut.finish_reason == "stop"
    assert cut.message.content == free[:free.index(stop)]


def test_logprobs(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert 1 <= len(content) <= 4
    for token in content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        best = max(token.top_logprobs, key=lambda top: top.logprob)
        assert best.token == token.token


def test_tool_that_must_be_called(client, model, weather):
    tools = [{"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a city", "parameters": weather}}]
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Weather in Paris?"}], tools=tools,
            tool_choice=choice, parallel_tool_calls=False, max_tokens=120, temperature=0)
        assert answer.choices[0].finish_reason == "tool_calls"
        call, = answer.choices[0].message.tool_calls
        assert call.function.name == "get_weather" and call.id
        arguments = json.loads(call.function.arguments)
        assert set(arguments) == {"city", "unit"} and arguments["unit"] in ("celsius", "fahrenheit")


def test_tool_call_in_a_stream(client, model, weather):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": weather}}]
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Weather in Paris?"}], tools=tools,
        tool_choice="required", parallel_tool_calls=False, max_tokens=120, temperature=0,
        stream=True)
    arguments, names, finish = "", [], None
    for chunk in stream:
        delta = chunk.choices[0].delta
        finish = chunk.choices[0].finish_reason or finish
        for call in delta.tool_calls or []:
            assert call.index == 0
            if call.function.name:
                names.append(call.function.name)
            arguments += call.function.arguments or ""
    assert names == ["get_weather"] and finish == "tool_calls"
    assert set(json.loads(arguments)) == {"city", "unit"}


def test_tool_results_go_back(client, model, weather):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": weather}}]
    answer = client.chat.completions.create(
        model=model, max_tokens=16, temperature=0, tools=tools,
        messages=[
            {"role": "user", "content": "Weather in Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {
                    "name": "get_weather", "arguments": '{"city": "Paris", "unit": "celsius"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees, sunny"}])
    assert answer.choices[0].finish_reason


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=16)
    age: int = pydantic.Field(ge=0, le=120)


def test_structured_output_is_parsed(client, model):
    answer = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Invent a person."}],
        response_format=Person, max_tokens=120, temperature=0)
    person = answer.choices[0].message.parsed
    assert isinstance(person, Person) and 0 <= person.age <= 120


def test_json_object(client, model):
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Reply in JSON."}],
        response_format={"type": "json_object"}, max_tokens=80, temperature=0)
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    else:
        assert answer.choices[0].message.content.lstrip().startswith("{")


def test_schema_that_makes_no_sense_is_refused(client, model):
    for schema in ({"type": "no-such-type"}, {"type": "string", "pattern": "("}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(
                model=model, messages=QUESTION, max_tokens=4,
                response_format={"type": "json_schema",
                                 "json_schema": {"name": "x", "schema": schema}})


def test_completions(client, model):
    answer = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=6, temperature=0)
    assert answer.object == "text_completion" and answer.choices[0].text
    stream = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=6, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == \
        answer.choices[0].text


def test_embeddings_in_both_encodings(client, model):
    default = client.embeddings.create(model=model, input=["a cat", "a car"])
    plain = client.embeddings.create(
        model=model, input=["a cat", "a car"], encoding_format="float")
    assert [item.index for item in default.data] == [0, 1]
    for one, other in zip(default.data, plain.data):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(x * x for x in one.embedding) == pytest.approx(1, abs=1e-3)
    raw = client.embeddings.with_raw_response.create(
        model=model, input="a cat", encoding_format="base64")
    packed = base64.b64decode(json.loads(raw.http_response.content)["data"][0]["embedding"])
    assert len(packed) == 4 * len(default.data[0].embedding)
    assert struct.unpack_from("<f", packed)[0] == pytest.approx(default.data[0].embedding[0])


def test_models(client, model):
    models = client.models.list()
    assert model in [entry.id for entry in models]
    assert client.models.retrieve(model).object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_responses(client, model):
    response = client.responses.create(
        model=model, input="Name one colour.", instructions="Be brief.", max_output_tokens=16,
        temperature=0)
    assert response.object == "response" and response.output_text
    assert response.status in ("completed", "incomplete")
    assert response.usage.output_tokens >= 1


def test_responses_in_a_stream(client, model):
    types, text = [], ""
    with client.responses.stream(
            model=model, input="Name one colour.", max_output_tokens=16, temperature=0) as stream:
        for event in stream:
            types.append(event.type)
            if event.type == "response.output_text.delta":
                text += event.delta
        final = stream.get_final_response()
    assert types[0] == "response.created"
    assert types[-1] in ("response.completed", "response.incomplete")
    assert text == final.output_text


def test_responses_are_parsed(client, model):
    response = client.responses.parse(
        model=model, input="Invent a person.", text_format=Person, max_output_tokens=120,
        temperature=0)
    assert isinstance(response.output_parsed, Person)


def test_responses_call_tools(client, model, weather):
    response = client.responses.create(
        model=model, input="Weather in Paris?", max_output_tokens=120, temperature=0,
        tools=[{"type": "function", "name": "get_weather", "parameters": weather,
                "strict": True}],
        tool_choice={"type": "function", "name": "get_weather"}, parallel_tool_calls=False)
    call, = [item for item in response.output if item.type == "function_call"]
    assert call.name == "get_weather" and set(json.loads(call.arguments)) == {"city", "unit"}


def test_errors_have_their_classes(client, model):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=QUESTION, max_tokens=2)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=model, messages=QUESTION, extra_body={"tempature": 1})
    assert caught.value.param == "tempature"
    for wrong in ({"max_tokens": -5}, {"temperature": -1}, {"n": 100000}, {"top_p": 7}):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=model, messages=QUESTION, extra_body=wrong)
        assert caught.value.param == next(iter(wrong))


def test_client_that_leaves_frees_its_slot(client, server, model):
    before = server.wait_idle()["jielong_model_cancelled_jobs_total"]
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Tell a very long story."}],
        max_tokens=1900, temperature=1.0, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    began = time.monotonic()
    metrics = server.wait_idle(patience=20)
    assert metrics["jielong_model_cancelled_jobs_total"] == before + 1
    assert time.monotonic() - began < 20
