from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vehicles.messages import cpm as cpm_module
from vehicles.messages.cpm import Cpm, PerceivedObject
from vehicles.messages.frame import Frame
from vehicles.messages.perception import PerceptionService
from vehicles.messages.uper import MalformedMessage
from vehicles.state import Kind

MS = 1_000_000
FRAME = Frame()
WALKER = PerceivedObject(3, 11_950 * MS, 30.0, -5.0, 1.0, 2.0, Kind.PEDESTRIAN, 0.5, 0.6)
CAR = PerceivedObject(4, 11_950 * MS, -20.0, 8.5, -13.0, 0.0, Kind.CAR, 4.5, 1.8)
CPM = Cpm(77, 12_000 * MS, 10.0, 20.0, (WALKER, CAR))


def test_what_comes_out_is_what_went_in() -> None:
    heard = Cpm.decode(CPM.encode(FRAME), FRAME, 0)
    assert (heard.station_id, heard.generation_time_ns) == (77, 12_000 * MS)
    for seen, told in zip(heard.objects, CPM.objects, strict=True):
        assert (seen.x_m, seen.y_m) == pytest.approx((told.x_m, told.y_m), abs=0.02)
        assert (seen.vx_mps, seen.vy_mps) == pytest.approx((told.vx_mps, told.vy_mps), abs=0.01)
        assert replace(seen, x_m=0, y_m=0, vx_mps=0, vy_mps=0) == replace(
            told, x_m=0, y_m=0, vx_mps=0, vy_mps=0
        )


def test_a_vehicle_s_says_where_it_looks() -> None:
    heard = Cpm.decode(replace(CPM, heading_rad=0.6).encode(FRAME), FRAME, 0)
    assert heard.heading_rad == pytest.approx(0.6, abs=math.radians(0.05))
    assert heard.objects == Cpm.decode(CPM.encode(FRAME), FRAME, 0).objects
    assert Cpm.decode(CPM.encode(FRAME), FRAME, 0).heading_rad is None


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_road_user_can_be_told(kind: Kind) -> None:
    cpm = replace(CPM, objects=(replace(CAR, kind=kind),))
    assert Cpm.decode(cpm.encode(FRAME), FRAME, 0).objects[0].kind is kind


def test_an_empty_one_and_the_largest() -> None:
    assert Cpm.decode(replace(CPM, objects=()).encode(FRAME), FRAME, 0).objects == ()
    full = replace(CPM, objects=(CAR,) * 255)
    assert len(Cpm.decode(full.encode(FRAME), FRAME, 0).objects) == 255
    with pytest.raises(ValueError, match="255"):
        replace(CPM, objects=(CAR,) * 256).encode(FRAME)


def test_the_bits_lie_where_the_standard_has_them() -> None:
    data = replace(CPM, objects=(WALKER,)).encode(FRAME)
    bits = f"{int.from_bytes(data):0{8 * len(data)}b}"
    # By hand from TS 103 324's ASN.1: header of 8, 8 and 32 bits; extension bit of the payload;
    # extension and two optional bits of the management container; 42 bits of time.
    assert (int(bits[:8], 2), int(bits[8:16], 2), int(bits[16:48], 2)) == (2, 14, 77)
    assert bits[48:52] == "0000"
    assert int(bits[52:94], 2) == 694_310_405_000 + 12_000
    # 31 and 32 bits of latitude and longitude from their least values on.
    assert int(bits[94:125], 2) - 900_000_000 == FRAME.to_wgs84(10.0, 20.0).latitude


def test_optional_fields_that_are_not_known_here_are_refused() -> None:
    data = bytearray(CPM.encode(FRAME))
    # The presence bit of the segmentation information.
    data[6] |= 0b0010_0000
    with pytest.raises(MalformedMessage):
        Cpm.decode(bytes(data), FRAME, 0)


def test_another_decoder_reads_the_same_from_the_bytes() -> None:
    # pycrate, in a process of its own, compiles the schema that asn1tools encoded by.
    program = """
import importlib.util, pathlib, sys, tempfile
from pycrate_asn1c.asnproc import PycrateGenerator, compile_text, generate_modules
compile_text([pathlib.Path(sys.argv[1]).read_text()])
with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "generated.py"
    generate_modules(PycrateGenerator, str(out))
    spec = importlib.util.spec_from_file_location("generated", out)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
cpm, objects = module.CollectivePerception.Cpm, module.CollectivePerception.PerceivedObjects
cpm.from_uper(bytes.fromhex(sys.argv[2]))
value = cpm.get_val()
objects.from_uper(value["payload"]["containers"][0]["containerData"])
seen = objects.get_val()["perceivedObjects"][0]
print("read", value["header"]["stationId"], value["payload"]["management"]["referenceTime"],
      seen["objectId"], seen["measurementDeltaTime"], seen["position"]["x"]["value"],
      seen["position"]["y"]["value"], seen["velocity"][1]["y"]["value"])
"""
    schema = Path(cpm_module.__file__).with_suffix(".asn")
    done = subprocess.run(
        [sys.executable, "-c", program, schema, CPM.encode(FRAME).hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    # 20 m east and 25 m south of the station, 50 ms before the message, at 2 m/s to the north.
    time_ms = str(694_310_405_000 + 12_000)
    read = done.stdout.splitlines()[-1].split()
    assert read == ["read", "77", time_ms, "3", "-50", "2000", "-2500", "200"]


def told(service: PerceptionService, now_ms: int, *seen: PerceivedObject) -> list[int] | None:
    cpm = service.generate(list(seen), now_ms * MS, 0.0, 0.0)
    return None if cpm is None else [one.object_id for one in cpm.objects]


def test_vehicles_are_told_of_when_they_have_changed() -> None:
    service = PerceptionService(77)
    assert told(service, 0, CAR) == [4]
    assert told(service, 100, replace(CAR, x_m=CAR.x_m - 3.9)) is None
    assert told(service, 200, replace(CAR, x_m=CAR.x_m - 4.1)) == [4]
    assert told(service, 300, replace(CAR, x_m=CAR.x_m - 4.1, vx_mps=-13.6)) == [4]
    assert told(service, 400, replace(CAR, x_m=CAR.x_m - 4.1, vx_mps=-13.6, vy_mps=1.0)) == [4]
    still = replace(CAR, x_m=CAR.x_m - 4.1, vx_mps=-13.6, vy_mps=1.0)
    assert told(service, 1300, still) is None
    assert told(service, 1400, still) == [4]


def test_pedestrians_are_told_of_together_every_half_second() -> None:
    service = PerceptionService(77)
    assert told(service, 0, WALKER) == [3]
    assert told(service, 200, WALKER) is None
    other = replace(WALKER, object_id=5)
    assert told(service, 300, WALKER, other) == [3, 5]
    assert told(service, 700, WALKER, other) is None
    assert told(service, 800, WALKER, other) == [3, 5]


def test_an_empty_message_every_second_says_that_somebody_looks() -> None:
    service = PerceptionService(77)
    sent = [now for now in range(0, 3000, 100) if told(service, now) is not None]
    assert sent == [0, 1000, 2000]
