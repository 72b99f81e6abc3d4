"""The traces that ship with the package: where each comes from, and what of it is a model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from attrs import frozen

__all__ = ["SHIPPED", "Shipped"]


@frozen
class Shipped:
    """A trace that ships with the package."""

    file: str
    about: str
    """What it is, in a few words."""
    source: str
    """Where it comes from, and what to cite."""
    licence: str
    """The SPDX name of the licence."""
    services: str
    """How its service times are modelled, in words."""
    arrivals: str = ""
    """How its arrivals are modelled; empty where they were measured."""

    @property
    def path(self) -> Traversable:
        """Where it lies."""
        return files("everai_autoscaler.simulator") / "data" / self.file


_TOKENS = "service times are 0.05 + input_tokens / 8000 + output_tokens / 30 seconds"
_AZURE = "Azure Public Dataset, AzureLLMInferenceTrace_{}.csv (Patel et al., Splitwise, ISCA 2024)"
_SERVEGEN = "alibaba/ServeGen, data/{} (Xiang et al., ServeGen, 2025)"
_SAMPLED = "requests are sampled from the published rates of each client and its distributions of tokens"

SHIPPED: Mapping[str, Shipped] = {
    "azf_onoff_fn5_14d": Shipped(
        "azf_onoff_fn5_14d.csv.gz",
        "14 days of a function that is called in bursts, with nothing in 89 % of the minutes",
        "Azure Functions 2019, as published in beomyeol/faro (Shahrad et al., Serverless in the Wild, ATC 2020)",
        "CC-BY-4.0",
        "service times are lognormal, mean 8 s, CV 1",
        "arrivals are counts per minute, spread uniformly",
    ),
    "azure_llm_code_2023": Shipped(
        "azure_llm_code_2023.csv.gz",
        "an hour of code completion, very bursty",
        _AZURE.format("code"),
        "CC-BY-4.0",
        _TOKENS,
    ),
    "azure_llm_conv_2023": Shipped(
        "azure_llm_conv_2023.csv.gz", "an hour of conversation, steady", _AZURE.format("conv"), "CC-BY-4.0", _TOKENS
    ),
    "mooncake_conv_fast25": Shipped(
        "mooncake_conv_fast25.csv.gz",
        "an hour of conversation with long inputs",
        "kvcache-ai/Mooncake, FAST25-release/traces/conversation_trace.jsonl (Qin et al., Mooncake, FAST 2025)",
        "Apache-2.0",
        _TOKENS,
        "published stamps are multiples of 3 s, inside of which arrivals were spread uniformly",
    ),
    "servegen_mmimage_24h": Shipped(
        "servegen_mmimage_24h.csv.gz",
        "a day of requests with images and text, smooth",
        _SERVEGEN.format("multimodal/mm-image"),
        "Apache-2.0",
        "service times are 0.05 + (text and image tokens) / 8000 + output tokens / 30 seconds",
        _SAMPLED,
    ),
    "servegen_r1_24h": Shipped(
        "servegen_r1_24h.csv.gz",
        "a day of a reasoning model with long answers",
        _SERVEGEN.format("reason/deepseek-r1"),
        "Apache-2.0",
        _TOKENS,
        f"{_SAMPLED}, at 0.5 requests a second on average",
    ),
}
"""For each name the trace."""
