"""What is laid around a message before it is sent: transport, network and security headers.

GeoNetworking and BTP-B headers as in ETSI EN 302 636-4-1 and -5-1; the secured packet as in ETSI
TS 103 097 with ECDSA on NIST P-256: its lengths are those of the OER encoding of IEEE 1609.2's
Ieee1609Dot2Data around a payload, which the tests repeat.
"""

from __future__ import annotations

import numpy as np

from network.arrays import Bools, Ints

_BASIC_HEADER = 4
_COMMON_HEADER = 8
_SINGLE_HOP_HEADER = 28
_GEO_BROADCAST_HEADER = 44
_BTP_HEADER = 4
# A signed packet without the length field of its payload: the signer is named by the digest of its
# certificate, or the certificate of an authorisation ticket for two services goes with it.
_SIGNED_BY_DIGEST = 92
_SIGNED_WITH_CERTIFICATE = 234
_GENERATION_LOCATION = 10

CERTIFICATE_PERIOD_NS = 1_000_000_000
"""Awareness messages bring the certificate along once a second (TS 103 097 clause 7.1.1)."""


def single_hop_bytes(message_bytes: Ints, with_certificate: Bools) -> Ints:
    """Sizes of awareness messages of given encoded sizes as they are sent, shape (n,)."""
    payload = message_bytes + _COMMON_HEADER + _SINGLE_HOP_HEADER + _BTP_HEADER
    signed = np.where(with_certificate, _SIGNED_WITH_CERTIFICATE, _SIGNED_BY_DIGEST)
    return np.asarray(_BASIC_HEADER + payload + _length_field(payload) + signed)


def geo_broadcast_bytes(message_bytes: Ints) -> Ints:
    """Sizes of messages to an area, which always bring certificate and place, shape (n,)."""
    payload = message_bytes + _COMMON_HEADER + _GEO_BROADCAST_HEADER + _BTP_HEADER
    signed = _SIGNED_WITH_CERTIFICATE + _GENERATION_LOCATION
    return np.asarray(_BASIC_HEADER + payload + _length_field(payload) + signed)


def _length_field(payload: Ints) -> Ints:
    return np.asarray(1 + (payload > 127) + (payload > 255))
