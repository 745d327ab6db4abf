"""Flows on runtimes: a runtime starts a flow and hands it results, and another one resumes from its export.

The agent is the starter and every peer of the flow. Each stage injects one message and runs to rest. A successor begins
and runs in the same store.

Spec: :rule:`suite.resume.matrix`, :rule:`flow.crash.every-boundary`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from gritstone_conformance.comparing.matrix import Implementation
from gritstone_conformance.comparing.stages import Stage, Staged
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Message, to_base64
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.flow_journeys import FLOW_JOURNEYS, FlowJourney
from gritstone_conformance.strategies.journeys import Itinerary
from gritstone_conformance.strategies.talks import SENDER_NAME

__all__ = ["FLOW_STAGES"]

_MOST_STEPS: Final = 50
_TERMS: Final = StartOptions(config=Config(0, 0, 2), agent=SENDER_NAME)


def _tell(itinerary: Itinerary, message: Message, host: Implementation, handle: str) -> None:
    """Inject a message into a runtime that is started for it, and run to rest."""
    for data in itinerary.graph.encodings.values():
        host.ask("grit.put", store=handle, bytes=to_base64(data))
    runtime = f"f{handle}"
    host.ask("runtime.start", **start_args(_TERMS, handle, runtime))
    letter = {"headers": [[*pair] for pair in message.headers], "content": message.content.hex(), "mode": "queue"}
    host.ask("runtime.inject", runtime=runtime, to=itinerary.actor.hex(), **letter)
    host.ask("runtime.run", runtime=runtime, max_steps=_MOST_STEPS)
    host.ask("runtime.stop", runtime=runtime, how="now")


def _stages(journey: FlowJourney, fmt: Format) -> Sequence[Stage]:
    itinerary = journey.plan(fmt)
    messages = [itinerary.graph.values[message] for message in itinerary.messages]
    return [partial(_tell, itinerary, message) for message in messages if isinstance(message, Message)]


def _is_claimed_by(claims: Claims) -> bool:
    return "runtime" in claims.profiles and FLOW_JOURNEYS[0].is_claimed_by(claims)


FLOW_STAGES: Final = tuple(
    Staged(f"runtime-{journey.name}", partial(_stages, journey), _is_claimed_by)
    for journey in FLOW_JOURNEYS
    if journey.is_of_agent
)
"""The journeys of flows whose mail is that of the agent."""
