"""Conversations by way of pydantic-ai, which knows each provider's protocol. Loaded through `llm`."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from anthropic import AsyncAnthropic
from google.genai.types import HttpRetryOptions
from openai import AsyncOpenAI
from pydantic import ValidationError
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_core import PydanticSerializationError

from app.domain.agents import ModelChoice, Price, storable, tokens_of
from app.infra import llm_errors, llm_network, llm_prices, rates
from app.infra.addresses import Failure, read_target
from app.infra.conversation import MOST_TOKENS, Call, ModelError, Opening, Said

PLACES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}
"""Where a provider answers unless an address is given; never taken from the environment."""

_NO_KEY = "none"
"""What is sent where no key is needed: the libraries insist on one."""

_MOST_EVENTS = 16 * MOST_TOKENS
"""An answer that comes in more pieces never ends."""

_MOST_COUNTED = 1_000_000_000
"""A server that counts more tokens in a turn, or fewer than none, is not believed: no sum could be kept."""

_ENDS = {"stop": "stop", "tool_call": "calls", "length": "length", "content_filter": "refused", "error": "error"}


class Conversation:
    """See `llm.Conversation`."""

    def __init__(self, choice: ModelChoice, opening: Opening) -> None:
        self._choice = choice
        self._opening = opening
        self._has_begun = False  # something of the answer has come
        try:
            read_target(choice.base_url or PLACES.get(choice.provider, ""))
            self._messages: list[ModelMessage] = ModelMessagesTypeAdapter.validate_python(list(opening.history))
        except Failure as failure:
            raise ModelError("address", f"The address of {choice.name}: {failure.message}", "permanent") from None
        except ValidationError as error:
            raise ModelError("history", "What was said before can't be read any more.", "permanent") from error
        self._http = llm_network.client()
        self._model = _model(choice, self._http)
        offers = [
            ToolDefinition(name=offer.name, description=offer.description, parameters_json_schema=dict(offer.schema))
            for offer in opening.offers
        ]
        self._parameters = ModelRequestParameters(function_tools=offers, allow_text_output=True)

    @property
    def price(self) -> Price | None:
        """What its tokens cost now; None if no price is known."""
        return llm_prices.of(self._choice)

    def ask(self, text: str) -> None:
        """Add what the person says."""
        instructions = self._opening.instructions or None
        self._messages.append(ModelRequest(parts=[UserPromptPart(content=text)], instructions=instructions))

    def answer(self, results: Sequence[tuple[Call, str]]) -> None:
        """Add what the tools answered."""
        parts = [ToolReturnPart(tool_name=call.name, content=text, tool_call_id=call.id) for call, text in results]
        self._messages.append(ModelRequest(parts=parts, instructions=self._opening.instructions or None))

    async def turn(self, on_text: Callable[[str], None], most_tokens: int = MOST_TOKENS) -> Said:
        """Let the model speak. Raises ModelError."""
        settings = ModelSettings(max_tokens=most_tokens, max_retries=0)
        if self._opening.temperature is not None:
            settings["temperature"] = self._opening.temperature
        self._has_begun = False
        await self._wait_for_turn(most_tokens)
        try:
            response = await self._streamed(settings, on_text)
        except ModelError:
            raise
        except Exception as error:  # of any of three libraries
            raise llm_errors.explained(error, self._choice, has_begun=self._has_begun) from error
        if response.finish_reason is None or response.finish_reason == "error":
            raise llm_errors.broken_off(self._choice)
        response = _storable(response)
        said = self._said(response)
        self._messages.append(response)
        return said

    async def _wait_for_turn(self, most_tokens: int) -> None:
        """Wait until the call passes no rate of the model, whoever else asks it with this key."""
        choice = self._choice
        if not (choice.requests_per_minute or choice.tokens_per_minute):
            return
        name = hashlib.sha256(f"{choice.provider} {choice.base_url} {choice.model} {choice.api_key}".encode())
        limits = choice.requests_per_minute or 0, choice.tokens_per_minute or 0
        wanted = tokens_of(self.letters) + most_tokens
        while wait := await asyncio.to_thread(rates.take, name.hexdigest()[:32], *limits, wanted):
            self._opening.on_wait(wait)
            await asyncio.sleep(wait)

    async def _streamed(self, settings: ModelSettings, on_text: Callable[[str], None]) -> ModelResponse:
        request = model_request_stream(
            self._model, self._messages, model_settings=settings, model_request_parameters=self._parameters
        )
        async with request as stream:
            events = 0
            async for event in stream:
                self._has_begun = True
                events += 1
                if events > _MOST_EVENTS:
                    raise llm_errors.endless(self._choice)
                match event:
                    case (
                        PartStartEvent(part=TextPart(content=text))
                        | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
                    ):
                        on_text(text)
            return stream.get()

    def _said(self, response: ModelResponse) -> Said:
        text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
        calls = [_call(part) for part in response.parts if isinstance(part, ToolCallPart)]
        usage = response.usage
        if not all(0 <= tokens <= _MOST_COUNTED for tokens in (usage.input_tokens, usage.output_tokens)):
            raise llm_errors.miscounted(self._choice)
        return Said(
            text,
            calls,
            _ENDS[response.finish_reason or "error"],
            usage.input_tokens,
            usage.output_tokens,
            llm_prices.cost(self._choice, usage),
        )

    def history(self) -> list[Any]:
        """Return all that was said, as JSON values."""
        said: list[Any] = ModelMessagesTypeAdapter.dump_python(self._messages, mode="json")
        return said

    @property
    def letters(self) -> int:
        """How long all that is sent next time is."""
        offers = sum(len(json.dumps(offer.schema)) + len(offer.description) for offer in self._opening.offers)
        return len(ModelMessagesTypeAdapter.dump_json(self._messages)) + offers

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()


def _storable(response: ModelResponse) -> ModelResponse:
    """Return the response as it is; of one with letters that nobody takes, its text and calls without those."""
    with suppress(PydanticSerializationError):
        written = ModelMessagesTypeAdapter.dump_json([response]).lower()
        if b"\\u0000" not in written and b"\\ud" not in written:
            return response
    parts = [_plain(part) for part in response.parts if isinstance(part, TextPart | ToolCallPart)]
    return replace(response, parts=parts)


def _plain(part: TextPart | ToolCallPart) -> TextPart | ToolCallPart:
    if isinstance(part, TextPart):
        return replace(part, content=storable(part.content))
    try:
        return replace(part, args=_all_storable(part.args_as_dict(raise_if_invalid=True)))
    except (ValueError, AssertionError):
        return replace(part, args=storable(str(part.args)))


def _all_storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): _all_storable(one) for name, one in value.items()}
    return [_all_storable(one) for one in value] if isinstance(value, list) else value


def _call(part: ToolCallPart) -> Call:
    try:
        arguments = part.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        return Call(part.tool_call_id, part.tool_name, None, str(part.args))
    return Call(part.tool_call_id, part.tool_name, arguments, part.args_as_json_str())


def _model(choice: ModelChoice, http: Any) -> Model[Any]:
    place = choice.base_url or PLACES[choice.provider]
    key = choice.api_key or _NO_KEY
    # A stream that ends without saying why was cut, also where the library would take that for a good end.
    strict = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    if choice.provider == "anthropic":
        anthropic = AsyncAnthropic(api_key=key, base_url=place, http_client=http, max_retries=0)
        return AnthropicModel(choice.model, provider=AnthropicProvider(anthropic_client=anthropic))
    if choice.provider == "google":
        once = HttpRetryOptions(attempts=1)
        google = GoogleProvider(api_key=key, http_client=http, base_url=place, retry_options=once)
        return GoogleModel(choice.model, provider=google)
    openai = AsyncOpenAI(api_key=key, base_url=place, http_client=http, max_retries=0)
    if choice.provider == "openai":
        return OpenAIChatModel(choice.model, provider=OpenAIProvider(openai_client=openai), profile=strict)
    compatible = OpenAICompatibleProvider("compatible", openai_client=openai, profile=strict)
    return OpenAIChatModel(choice.model, provider=compatible)
