"""``gritstone bridge``: an adapter that answers the operations of a profile through those of other profiles."""

from __future__ import annotations

import argparse
import sys

from gritstone_conformance.attachment.claims import EXECUTOR
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.bridges.adapter import serve
from gritstone_conformance.bridges.sandbox import SandboxBridge
from gritstone_conformance.errors import SubjectFault, UsageError

__all__ = ["run_command"]

_FEATURES = tuple(f"sandbox.{name}" for name in ("abi.grit", "fuel", "traps", "keep", "atomic", "snapshot", "export"))


def run_command(options: argparse.Namespace) -> int:
    """Serve until the input ends; return 0.

    Raises:
        UsageError: the implementation cannot be attached, or runs no modules.
    """
    launcher = Launcher(Target.parse(options.iut, None).opener(), attach_settings_of(options))
    try:
        subject = launcher.start()
    except SubjectFault as fault:
        raise UsageError(f"--iut: {fault}") from fault
    try:
        claims = subject.claims
        if "wasm" not in claims.profiles and EXECUTOR not in claims.features:
            raise UsageError(f"--iut: it claims neither the profile wasm nor the feature {EXECUTOR}")
        name = str(claims.raw["implementation"]["name"])
        serve(name, _FEATURES, SandboxBridge(subject).operations(), sys.stdin.buffer, sys.stdout.buffer)
    finally:
        subject.close()
    return 0
