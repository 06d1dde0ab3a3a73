import numpy as np
import pytest

from cosim.sides.payloads import Payloads


def test_payloads_are_found_by_reference_and_forgotten_when_nobody_can_receive_them() -> None:
    payloads = Payloads()
    assert payloads.add(["a", "b"]).tolist() == [0, 1]
    assert payloads.add([]).tolist() == []
    assert payloads.add(["c"]).tolist() == [2]
    assert [payloads[n] for n in range(3)] == ["a", "b", "c"]
    payloads.keep(np.array([2, 1]))
    assert payloads[0] == "a"
    payloads.keep(np.array([2]))
    assert payloads[2] == "c"
    with pytest.raises(KeyError):
        payloads[1]
    payloads.keep(np.array([], dtype=np.int64))
    with pytest.raises(KeyError):
        payloads[2]
