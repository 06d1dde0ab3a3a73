from __future__ import annotations

import numpy as np
import pytest

from tests.vehicles.driving.scene import ego_at, situation, straight
from vehicles.remote.video import Encoder, Fragment, Frame, VideoSettings, Viewer, packet_sizes

MS = 1_000_000
SECOND = 1_000 * MS
STEADY = VideoSettings(bit_rate_mbps=6.0, least_bit_rate_mbps=6.0)


def film(encoder: Encoder, seconds: float, *, from_ns: int = 0) -> list[Frame]:
    """Frames of a while, asked for every 20 ms as the driving side does."""
    here = situation(straight(), ego_at(50, 10.0))
    return [
        encoder.capture(now_ns, here.ego, here.road, here.seen)
        for now_ns in range(from_ns, from_ns + round(seconds * SECOND), 20 * MS)
        if encoder.due(now_ns)
    ]


def show(viewer: Viewer, frames: list[Frame], *, lost: tuple[int, ...] = ()) -> list[int]:
    """Numbers of the frames shown, each in two packets 30 ms after its capture."""
    shown = []
    for frame in frames:
        if frame.number not in lost:
            for _ in range(2):
                arrived = viewer.receive(Fragment(frame, 2), frame.captured_ns + 30 * MS)
                shown += [one.number for one, _ in arrived]
    return shown


def test_the_stream_has_its_bit_rate_and_its_key_frames() -> None:
    frames = film(Encoder(STEADY, "ego", 1), 20.0)
    assert len(frames) == 500
    bit_rate = 8 * sum(frame.size_bytes for frame in frames) / 20.0
    assert bit_rate == pytest.approx(6e6, rel=0.02)
    keys = [frame for frame in frames if frame.key]
    assert [frame.captured_ns for frame in keys] == [k * 2 * SECOND for k in range(10)]
    other = np.mean([frame.size_bytes for frame in frames if not frame.key])
    assert np.mean([frame.size_bytes for frame in keys]) == pytest.approx(5.0 * other, rel=0.1)


def test_encoding_takes_what_is_published() -> None:
    # CARLANeT: collecting N(15, 0.1), encoding N(10, 0.5) ms.
    frames = film(Encoder(STEADY, "ego", 1), 40.0)
    delay_ms = np.array([(frame.ready_ns - frame.captured_ns) / MS for frame in frames])
    assert delay_ms.mean() == pytest.approx(25.0, abs=0.1)
    assert delay_ms.std() == pytest.approx(np.hypot(0.1, 0.5), rel=0.1)


def test_a_vehicle_more_shifts_nobodys_frames() -> None:
    alone = [frame.size_bytes for frame in film(Encoder(STEADY, "ego", 1), 1.0)]
    film(Encoder(STEADY, "other", 1), 1.0)
    assert [frame.size_bytes for frame in film(Encoder(STEADY, "ego", 1), 1.0)] == alone
    assert [frame.size_bytes for frame in film(Encoder(STEADY, "ego", 2), 1.0)] != alone


def test_packets_hold_the_frame() -> None:
    frame = film(Encoder(STEADY, "ego", 1), 0.02)[0]
    sizes = packet_sizes(frame, 1200)
    assert sizes.sum() == frame.size_bytes
    assert (sizes[:-1] == 1200).all()
    assert 0 < sizes[-1] <= 1200


def test_delay_lowers_the_bit_rate_and_calm_raises_it_again() -> None:
    encoder = Encoder(VideoSettings(bit_rate_mbps=6.0, least_bit_rate_mbps=1.0), "ego", 1)
    instants = iter(range(200 * MS, 100 * SECOND, 200 * MS))
    for _ in range(5):
        encoder.adapt(next(instants), 60 * MS, key_wanted=False)
    assert encoder.bit_rate_bps == 6e6
    encoder.adapt(next(instants), 111 * MS, key_wanted=False)
    assert encoder.bit_rate_bps == pytest.approx(0.85 * 6e6)
    for _ in range(20):
        encoder.adapt(next(instants), None, key_wanted=False)
    assert encoder.bit_rate_bps == 1e6
    for _ in range(5):
        encoder.adapt(next(instants), 60 * MS, key_wanted=False)
    assert encoder.bit_rate_bps == pytest.approx(1.08e6)


def test_frames_are_shown_in_order_after_decoding() -> None:
    frames = film(Encoder(STEADY, "ego", 1), 1.0)
    viewer = Viewer(STEADY, "ego", 1)
    shown = [
        (frame.number, shown_ns)
        for one in frames
        for frame, shown_ns in viewer.receive(Fragment(one, 1), one.captured_ns + 30 * MS)
    ]
    assert [number for number, _ in shown] == list(range(25))
    delay_ms = [(ns - frames[n].captured_ns) / MS for n, ns in shown]
    assert np.mean(delay_ms) == pytest.approx(45.0, abs=0.6)


def test_a_frame_overtaken_is_waited_for() -> None:
    first, second = film(Encoder(STEADY, "ego", 1), 0.08)
    viewer = Viewer(STEADY, "ego", 1)
    assert not list(viewer.receive(Fragment(second, 1), 50 * MS))
    assert [one.number for one, _ in viewer.receive(Fragment(first, 1), 60 * MS)] == [0, 1]


def test_a_lost_frame_freezes_the_picture_until_a_key_frame_that_is_asked_for() -> None:
    encoder, viewer = Encoder(STEADY, "ego", 1), Viewer(STEADY, "ego", 1)
    before = film(encoder, 0.4)
    assert show(viewer, before, lost=(4,)) == [0, 1, 2, 3]
    assert viewer.key_wanted
    encoder.adapt(420 * MS, 60 * MS, key_wanted=True)
    after = film(encoder, 0.2, from_ns=440 * MS)
    assert after[0].key
    assert show(viewer, after) == [frame.number for frame in after]
    assert not viewer.key_wanted


def test_a_key_frame_on_its_way_is_not_asked_for_again() -> None:
    encoder = Encoder(STEADY, "ego", 1)
    film(encoder, 0.1)
    encoder.adapt(120 * MS, 60 * MS, key_wanted=True)
    assert not any(frame.key for frame in film(encoder, 0.1, from_ns=120 * MS))
