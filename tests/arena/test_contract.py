"""The peers keep the rules that every policy keeps, so that the arena compares policies and not mistakes."""

from __future__ import annotations

import pytest

from benchmarks.arena.peers.aiad import AiadAutoScaler
from benchmarks.arena.peers.aws import AwsTargetTrackingAutoScaler
from benchmarks.arena.peers.beta9 import Beta9AutoScaler
from benchmarks.arena.peers.dask import DaskAutoScaler
from benchmarks.arena.peers.dynamo import DynamoAutoScaler
from benchmarks.arena.peers.mark import MarkAutoScaler
from benchmarks.arena.peers.skyserve import SkyServeAutoScaler
from everai_autoscaler.testing import parametrize_with_checks

PEERS = (
    *(AiadAutoScaler, AwsTargetTrackingAutoScaler, Beta9AutoScaler, DaskAutoScaler, DynamoAutoScaler),
    *(MarkAutoScaler, SkyServeAutoScaler),
)


@pytest.mark.slow
@parametrize_with_checks({peer.__name__: peer(max_workers=8) for peer in PEERS}, within=5.0)
def test_it_keeps_the_contract(scaler, check):
    """Each rule of the conformance kit."""
    check(scaler)
