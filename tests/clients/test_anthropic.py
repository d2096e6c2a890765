"""The official `anthropic` client drives the server."""
import anthropic
import pydantic
import pytest

QUESTION = [{"role": "user", "content": "Name one colour of the rainbow."}]


@pytest.fixture(scope="module")
def client(server):
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


def test_message(client, model):
    message = client.messages.create(
        model=model, max_tokens=12, messages=QUESTION, system="Be brief.",
        extra_body={"temperature": 0})
    assert message.type == "message" and message.role == "assistant"
    assert message.id.startswith("msg_")
    assert message.content[0].type == "text" and message.content[0].text
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.usage.output_tokens >= 1
    assert message._request_id


def test_stream_says_the_same(client, model):
    request = {"model": model, "max_tokens": 12, "messages": QUESTION,
               "extra_body": {"temperature": 0}}
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_events_come_in_order(client, model):
    events = list(client.messages.create(
        model=model, max_tokens=6, messages=QUESTION, stream=True))
    types = [event.type for event in events]
    assert types[:2] == ["message_start", "content_block_start"]
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(types[2:-3]) == {"content_block_delta"}


def test_blocks_and_turns(client, model):
    message = client.messages.create(
        model=model, max_tokens=8,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "My name is Ada."}]},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": "What is my name?"}],
        thinking={"type": "disabled"}, metadata={"user_id": "somebody"})
    assert {block.type for block in message.content} <= {"text"}


def test_stop_sequence(client, model):
    messages = [{"role": "user", "content": "Count: one, two, three, four, five."}]
    free = client.messages.create(
        model=model, max_tokens=24, messages=messages, extra_body={"temperature": 0},
    ).content[0].text
    stop = free[len(free) // 2]
    message = client.messages.create(
        model=model, max_tokens=24, messages=messages, stop_sequences=[stop],
        extra_body={"temperature": 0})
    assert message.stop_reason == "stop_sequence" and message.stop_sequence == stop
    text = message.content[0].text if message.content else ""
    assert text == free[:free.index(stop)]


def test_prefill_is_gone_on_from(client, model):
    message = client.messages.create(
        model=model, max_tokens=8, extra_body={"temperature": 0},
        messages=[{"role": "user", "content": "What is the capital of France?"},
                  {"role": "assistant", "content": "The capital of France is"}])
    assert "Paris" in message.content[0].text


def test_tool_that_must_be_called(client, model, weather):
    tools = [{"name": "get_weather", "description": "The weather", "input_schema": weather}]
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        message = client.messages.create(
            model=model, max_tokens=120, tools=tools, extra_body={"temperature": 0},
            tool_choice={**choice, "disable_parallel_tool_use": True},
            messages=[{"role": "user", "content": "Weather in Paris?"}])
        assert message.stop_reason == "tool_use"
        call = message.content[-1]
        assert call.type == "tool_use" and call.name == "get_weather"
        assert set(call.input) == {"city", "unit"}
    answer = client.messages.create(
        model=model, max_tokens=12, tools=tools,
        messages=[
            {"role": "user", "content": "Weather in Paris?"},
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}]}])
    assert answer.stop_reason


def test_tool_call_in_a_stream(client, model, weather):
    tools = [{"name": "get_weather", "input_schema": weather}]
    parts = []
    with client.messages.stream(
            model=model, max_tokens=120, tools=tools, extra_body={"temperature": 0},
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            messages=[{"role": "user", "content": "Weather in Paris?"}]) as stream:
        for event in stream:
            if event.type == "input_json":
                parts.append(event.partial_json)
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert set(final.content[-1].input) == {"city", "unit"}
    assert len(parts) > 1


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=16)
    adult: bool


def test_structured_output_is_parsed(client, model):
    message = client.messages.parse(
        model=model, max_tokens=120, output_format=Person, extra_body={"temperature": 0},
        messages=[{"role": "user", "content": "Invent a person."}])
    assert isinstance(message.parsed_output, Person)


def test_tokens_are_counted(client, model):
    short = client.messages.count_tokens(model=model, messages=QUESTION)
    longer = client.messages.count_tokens(model=model, messages=QUESTION, system="Be brief. " * 20)
    assert 0 < short.input_tokens < longer.input_tokens
    usage = client.messages.create(model=model, messages=QUESTION, max_tokens=1).usage
    assert usage.input_tokens + usage.cache_read_input_tokens == short.input_tokens


def test_errors_have_their_classes(client, model):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such-model", max_tokens=2, messages=QUESTION)
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model=model, max_tokens=2, messages=QUESTION,
                               extra_body={"tempature": 1})
    assert "tempature" in str(caught.value)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.request_id
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
    with pytest.raises(anthropic.BadRequestError, match="image"):
        client.messages.create(model=model, max_tokens=2,
                               messages=[{"role": "user", "content": [image]}])
