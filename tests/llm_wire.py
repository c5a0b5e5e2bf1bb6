"""The wire protocols of OpenAI (chat completions), Anthropic (messages) and Google (generateContent), server's side."""

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A request of any protocol: which turn it asks for, the tools it offers, what tools answered, what it says."""

    protocol: str
    turn: int
    tools: tuple[str, ...]
    results: tuple[str, ...]
    is_stream: bool
    headers: dict
    body: dict

    @property
    def text(self):
        """The whole request as text."""
        return json.dumps(self.body)

    def header(self, name):
        """One of its headers, by its name in small letters."""
        return next((value for other, value in self.headers.items() if other.lower() == name), None)


def read(path, headers, body):
    """Return what is asked, or None for a path of no protocol."""
    if path.endswith("/chat/completions"):
        return _read_openai(headers, body)
    if path.endswith("/messages"):
        return _read_anthropic(headers, body)
    if found := re.search(r"/models/[^/:]+:(generateContent|streamGenerateContent)$", path):
        return _read_google(headers, body, is_stream=found[1] == "streamGenerateContent")
    return None


def _read_openai(headers, body):
    messages = body["messages"]
    turn = sum(message["role"] == "assistant" for message in messages)
    results = [_joined(message["content"]) for message in messages if message["role"] == "tool"]
    tools = [tool["function"]["name"] for tool in body.get("tools") or ()]
    return Asked("openai", turn, tuple(tools), tuple(results), bool(body.get("stream")), headers, body)


def _read_anthropic(headers, body):
    messages = body["messages"]
    turn = sum(message["role"] == "assistant" for message in messages)
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    results = [_joined(part.get("content", "")) for part in parts if part["type"] == "tool_result"]
    tools = [tool["name"] for tool in body.get("tools") or ()]
    return Asked("anthropic", turn, tuple(tools), tuple(results), bool(body.get("stream")), headers, body)


def _read_google(headers, body, is_stream):
    contents = body["contents"]
    turn = sum(content.get("role") == "model" for content in contents)
    parts = [part for content in contents for part in content["parts"] if "functionResponse" in part]
    results = [_of_google(part["functionResponse"]["response"]) for part in parts]
    declared = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations", ())]
    return Asked("google", turn, tuple(one["name"] for one in declared), tuple(results), is_stream, headers, body)


def _joined(content):
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _of_google(response):
    return next((value for value in response.values() if isinstance(value, str)), json.dumps(response))


# --- answers


def answer(asked, text, calls, tokens, ended):
    """Return the pieces of an answer: the events of a stream, or the one body. Arguments that are text go as they are."""
    calls = [(name, given if isinstance(given, str) else json.dumps(given)) for name, given in calls]
    return {"openai": _openai, "anthropic": _anthropic, "google": _google}[asked.protocol](
        asked, text, calls, tokens, ended
    )


def _pieces(text):
    return re.findall(r"\S+\s*|\s+", text)


def _event(data, name=""):
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


_OPENAI_ENDS = {"stop": "stop", "length": "length", "refused": "content_filter"}


def _openai(asked, text, calls, tokens, ended):
    end = "tool_calls" if calls and ended == "stop" else _OPENAI_ENDS[ended]
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    head = {"id": f"chatcmpl-{asked.turn}", "created": 1_800_000_000, "model": asked.body["model"]}
    made = [
        {
            "index": at,
            "id": f"call_{asked.turn}_{at}",
            "type": "function",
            "function": {"name": name, "arguments": given},
        }
        for at, (name, given) in enumerate(calls)
    ]
    if not asked.is_stream:
        message = {"role": "assistant", "content": text or None, **({"tool_calls": made} if made else {})}
        choice = {"index": 0, "message": message, "finish_reason": end}
        return [json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()]

    def chunk(delta, reason=None):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    pieces = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": piece}) for piece in _pieces(text)]
    for one in made:
        given = one["function"]["arguments"]
        pieces.append(chunk({"tool_calls": [one | {"function": {"name": one["function"]["name"], "arguments": ""}}]}))
        for start in range(0, len(given), 12):
            delta = {"index": one["index"], "function": {"arguments": given[start : start + 12]}}
            pieces.append(chunk({"tool_calls": [delta]}))
    last = _event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return [*pieces, chunk({}, end), last, b"data: [DONE]\n\n"]


_ANTHROPIC_ENDS = {"stop": "end_turn", "length": "max_tokens", "refused": "refusal"}


def _anthropic(asked, text, calls, tokens, ended):
    end = "tool_use" if calls and ended == "stop" else _ANTHROPIC_ENDS[ended]
    head = {"id": f"msg_{asked.turn}", "type": "message", "role": "assistant", "model": asked.body["model"]}
    used = [
        {"type": "tool_use", "id": f"toolu_{asked.turn}_{at}", "name": name, "input": given}
        for at, (name, given) in enumerate(calls)
    ]
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    if not asked.is_stream:
        blocks = ([{"type": "text", "text": text}] if text else []) + [
            block | {"input": json.loads(block["input"])} for block in used
        ]
        whole = {**head, "content": blocks, "stop_reason": end, "stop_sequence": None, "usage": usage}
        return [json.dumps(whole).encode()]
    start = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage | {"output_tokens": 1}}
    events = [("message_start", {"message": start}), ("ping", {})]
    deltas = (
        [({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in _pieces(text)])]
        if text
        else []
    )
    deltas += [
        (
            block | {"input": {}},
            [
                {"type": "input_json_delta", "partial_json": block["input"][at : at + 12]}
                for at in range(0, len(block["input"]), 12)
            ],
        )
        for block in used
    ]
    for index, (block, changes) in enumerate(deltas):
        events.append(("content_block_start", {"index": index, "content_block": block}))
        events += [("content_block_delta", {"index": index, "delta": change}) for change in changes]
        events.append(("content_block_stop", {"index": index}))
    events.append(("message_delta", {"delta": {"stop_reason": end, "stop_sequence": None}, "usage": usage}))
    events.append(("message_stop", {}))
    return [_event({"type": name, **data}, name) for name, data in events]


_GOOGLE_ENDS = {"stop": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}


def _google(asked, text, calls, tokens, ended):
    used = [{"functionCall": {"name": name, "args": json.loads(given)}} for name, given in calls]
    usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1], "totalTokenCount": sum(tokens)}
    end = {"finishReason": _GOOGLE_ENDS[ended]}
    head = {"modelVersion": "scripted", "responseId": f"google-{asked.turn}"}

    def part_of(parts, **more):
        return {**head, "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}]}

    if not asked.is_stream:
        whole = part_of(([{"text": text}] if text else []) + used, **end) | {"usageMetadata": usage}
        return [json.dumps(whole).encode()]
    events = [part_of([{"text": piece}]) for piece in _pieces(text)] + [part_of([one]) for one in used]
    return [_event(event) for event in [*events, part_of([{"text": ""}], **end) | {"usageMetadata": usage}]]


def empty(asked):
    """Return an answer that is in order but has nothing in it."""
    if asked.protocol == "openai":
        data = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": []}
        return _event(data) + b"data: [DONE]\n\n" if asked.is_stream else json.dumps(data).encode()
    return b"" if asked.is_stream else b"{}"


# --- errors, in each provider's own words

_TYPES = {
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
    401: ("authentication_error", "UNAUTHENTICATED"),
    403: ("permission_error", "PERMISSION_DENIED"),
    404: ("not_found_error", "NOT_FOUND"),
    429: ("rate_limit_error", "RESOURCE_EXHAUSTED"),
    500: ("api_error", "INTERNAL"),
    503: ("overloaded_error", "UNAVAILABLE"),
    529: ("overloaded_error", "UNAVAILABLE"),
}


def error(protocol, status, message, code=None):
    """Return the body of an error."""
    kind, google = _TYPES.get(status, _TYPES[500])
    if protocol == "anthropic":
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    if protocol == "google":
        return json.dumps({"error": {"code": status, "message": message, "status": google}}).encode()
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def context_too_long(protocol):
    """Return how each provider says that the conversation is too long."""
    if protocol == "anthropic":
        return error(protocol, 400, "prompt is too long: 214532 tokens > 200000 maximum")
    if protocol == "google":
        return error(
            protocol, 400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048575)."
        )
    said = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return error(protocol, 400, said, "context_length_exceeded")
