"""What each tier includes, as data. Enforced in one place: `store.tiers`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from coco.errors import Code, Refused
from coco.requests import Frozen


class Tier(StrEnum):
    """Persisted; never renamed."""

    FREE = "free"
    FOUNDER = "founder"
    TEAM = "team"


class Limit(StrEnum):
    """What is counted."""

    WORKFLOWS = "workflows"
    """Workflows that are not archived."""
    CONNECTIONS = "connections"
    """Connections that are not revoked."""
    AUTONOMOUS = "autonomous workflows"
    SCHEDULES = "schedules"


class Feature(StrEnum):
    """What a tier has or has not."""

    CUSTOM_VOICE = "custom voice training"
    SHARED_WORKFLOWS = "shared workflows"
    ADMIN_AUDIT = "the admin audit trail"
    EU_RESIDENCY = "EU residency"
    MODEL_ROUTING = "model routing"


class Plan(Frozen):
    """One tier."""

    title: str
    limits: dict[Limit, int]
    """The most there may be at a time; what is not named has no limit."""
    features: frozenset[Feature] = frozenset()


TIERS: Mapping[Tier, Plan] = MappingProxyType(
    {
        Tier.FREE: Plan(
            title="Free",
            limits={Limit.WORKFLOWS: 20, Limit.CONNECTIONS: 20, Limit.AUTONOMOUS: 3, Limit.SCHEDULES: 10},
        ),
        Tier.FOUNDER: Plan(
            title="Founder",
            limits={Limit.WORKFLOWS: 200, Limit.CONNECTIONS: 100, Limit.AUTONOMOUS: 50, Limit.SCHEDULES: 100},
            features=frozenset({Feature.CUSTOM_VOICE}),
        ),
        Tier.TEAM: Plan(title="Team", limits={}, features=frozenset(Feature)),
    }
)


def within_limit(tier: Tier, limit: Limit, there: int) -> None:
    """Raises Refused (TIER) where a tier has no room for one more beside the `there` that are there."""
    plan = TIERS[tier]
    most = plan.limits.get(limit)
    if most is not None and there >= most:
        raise Refused(
            f"Nothing was changed: the {plan.title} tier has room for {most} {limit.value}. Retire one, or move up.",
            code=Code.TIER,
        )


def has(tier: Tier, feature: Feature) -> None:
    """Raises Refused (TIER) where a tier lacks the feature; the message names one that has it."""
    if feature not in TIERS[tier].features:
        able = next(plan.title for plan in TIERS.values() if feature in plan.features)
        raise Refused(f"Nothing was changed: {feature.value} comes with the {able} tier.", code=Code.TIER)
