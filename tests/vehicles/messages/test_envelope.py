"""The envelope's sizes, held against IEEE 1609.2's own ASN.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycrate_asn1dir.ITS_IEEE1609_2 import Ieee1609Dot2

from vehicles.messages.envelope import geo_broadcast_bytes, single_hop_bytes

_DIGEST = b"\x01" * 8
_SIGNATURE = ("ecdsaNistP256Signature", {"rSig": ("x-only", b"\x03" * 32), "sSig": b"\x04" * 32})
# An authorisation ticket for CAM (PSID 36) and DENM (37), valid for a week.
_TICKET = {
    "version": 3,
    "type": "explicit",
    "issuer": ("sha256AndDigest", _DIGEST),
    "toBeSigned": {
        "id": ("none", 0),
        "cracaId": b"\x00" * 3,
        "crlSeries": 0,
        "validityPeriod": {"start": 694_310_405, "duration": ("hours", 168)},
        "appPermissions": [
            {"psid": 36, "ssp": ("bitmapSsp", b"\x01\x00\x00")},
            {"psid": 37, "ssp": ("bitmapSsp", b"\x01\x00\x00\x00")},
        ],
        "verifyKeyIndicator": (
            "verificationKey",
            ("ecdsaNistP256", ("compressed-y-0", b"\x02" * 32)),
        ),
    },
    "signature": _SIGNATURE,
}


def signed_bytes(payload: int, signer: tuple[str, Any], *, located: bool) -> int:
    header: dict[str, Any] = {"psid": 36, "generationTime": 694_310_405_000_000}
    if located:
        header["generationLocation"] = {"latitude": 500_000_000, "longitude": 0, "elevation": 0}
    data = {"protocolVersion": 3, "content": ("unsecuredData", b"\x00" * payload)}
    signed = {
        "hashId": "sha256",
        "tbsData": {"payload": {"data": data}, "headerInfo": header},
        "signer": signer,
        "signature": _SIGNATURE,
    }
    pdu = Ieee1609Dot2.Ieee1609Dot2Data
    pdu.set_val({"protocolVersion": 3, "content": ("signedData", signed)})
    return len(pdu.to_oer())


@pytest.mark.parametrize("message", [41, 88, 200, 300])
def test_sizes_are_those_of_the_encoding(message: int) -> None:
    digest, ticket = ("digest", _DIGEST), ("certificate", [_TICKET])
    # EN 302 636-4-1: basic header 4, common header 8, single hop 28, geo broadcast 44; BTP-B 4.
    shb, gbc = message + 8 + 28 + 4, message + 8 + 44 + 4
    sizes = np.full(2, message)
    assert single_hop_bytes(sizes, np.array([False, True])).tolist() == [
        4 + signed_bytes(shb, digest, located=False),
        4 + signed_bytes(shb, ticket, located=False),
    ]
    assert geo_broadcast_bytes(sizes)[0] == 4 + signed_bytes(gbc, ticket, located=True)
