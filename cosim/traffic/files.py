"""SUMO's command line for a run, with everything that SUMO writes kept in the run's folder."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import sumo

from cosim.federate import BadInput
from cosim.traffic.settings import TrafficSettings

os.environ.setdefault("SUMO_HOME", sumo.SUMO_HOME)

DEFAULT_STEP_S = 0.1

# SUMO's options that name a file which SUMO writes.
_OUTPUT_OPTION = re.compile(
    r"(-output|\.output|^netstate-dump|^(message-|error-)?log|^save-state\.prefix)$"
)
_SPECIAL_FILES = {"", "NUL", "nul", "/dev/null", "stdout", "stderr", "-", "none"}

# Elements of additional files that name a file which SUMO writes, and the attribute that does.
_OUTPUT_ATTRIBUTE = {
    "inductionLoop": "file",
    "e1Detector": "file",
    "instantInductionLoop": "file",
    "laneAreaDetector": "file",
    "e2Detector": "file",
    "entryExitDetector": "file",
    "e3Detector": "file",
    "edgeData": "file",
    "laneData": "file",
    "routeProbe": "file",
    "vTypeProbe": "file",
    "calibrator": "output",
    "timedEvent": "dest",
}


class SumoConfiguration(NamedTuple):
    """What a .sumocfg says that the bridge needs to know; times in SUMO's own clock [s]."""

    step_s: float | None
    begin_s: float
    end_s: float | None
    net: Path
    additional: list[Path]
    outputs: dict[str, str]


def sumo_binary(gui: bool = False) -> str:
    """Path of SUMO's program as the wheel ships it."""
    return str(Path(sumo.SUMO_HOME) / "bin" / ("sumo-gui" if gui else "sumo"))


def read_configuration(sumocfg: Path) -> SumoConfiguration:
    """Read a .sumocfg as SUMO itself understands it.

    Raises:
        BadInput: SUMO refuses the file; the message is SUMO's own.
    """
    if not sumocfg.is_file():
        raise BadInput(f"{sumocfg}: no such file; expected a SUMO configuration (.sumocfg)")
    with tempfile.TemporaryDirectory() as folder:
        resolved = Path(folder) / "resolved.sumocfg"
        # SUMO resolves synonyms and relative paths; reading its answer is safer than the original.
        answer = subprocess.run(
            [sumo_binary(), "-c", str(sumocfg.resolve()), "--save-configuration", str(resolved)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not resolved.is_file():
            raise BadInput(f"{sumocfg}: {_first_error(answer.stderr)}")
        options = {
            element.tag: element.get("value", "")
            for section in ET.parse(resolved).getroot()
            for element in section
        }
        base = Path(folder).resolve()

        def path(value: str) -> Path:
            return Path(os.path.normpath(base / value.strip()))

        if "net-file" not in options:
            raise BadInput(f"{sumocfg}: names no net-file")
        end_s = _seconds(options.get("end", "-1"))
        return SumoConfiguration(
            step_s=_seconds(options["step-length"]) if "step-length" in options else None,
            begin_s=_seconds(options.get("begin", "0")),
            end_s=end_s if end_s > 0 else None,
            net=path(options["net-file"]),
            additional=[
                path(part) for part in options.get("additional-files", "").split(",") if part
            ],
            outputs={
                name: value
                for name, value in options.items()
                if _OUTPUT_OPTION.search(name) and value not in _SPECIAL_FILES
            },
        )


def net_and_additional(settings: TrafficSettings) -> tuple[Path, list[Path]]:
    """The net and the additional files that a scenario's traffic is made of.

    Raises:
        BadInput: SUMO refuses the .sumocfg.
    """
    if settings.sumocfg is not None:
        configuration = read_configuration(settings.sumocfg)
        return configuration.net, configuration.additional
    assert settings.net is not None
    return settings.net, list(settings.additional)


def sumo_arguments(settings: TrafficSettings, run_dir: Path, seed: int) -> list[str]:
    """SUMO's arguments (without the program) for a run; rewrites what writes beside its input.

    Raises:
        BadInput: a file is missing or can't be read.
    """
    out_dir = run_dir / "sumo"
    out_dir.mkdir(parents=True, exist_ok=True)
    if settings.sumocfg is not None:
        configuration = read_configuration(settings.sumocfg)
        additional = configuration.additional
        arguments = ["-c", str(settings.sumocfg.resolve())]
        for name, value in configuration.outputs.items():
            arguments += [f"--{name}", str(out_dir / Path(value).name)]
        step_s = settings.step_s or configuration.step_s or DEFAULT_STEP_S
    else:
        assert settings.net is not None
        additional = settings.additional
        arguments = ["-n", str(settings.net)]
        if settings.routes:
            arguments += ["-r", ",".join(str(path) for path in settings.routes)]
        step_s = settings.step_s or DEFAULT_STEP_S
    if additional:
        kept = [_with_outputs_in(path, out_dir) for path in additional]
        arguments += ["-a", ",".join(str(path) for path in kept)]
    if settings.lane_change_duration_s is not None:
        arguments += ["--lanechange.duration", f"{settings.lane_change_duration_s:g}"]
    return [
        *arguments,
        *("--step-length", f"{step_s:g}"),
        *("--seed", str(seed % 2**31)),
        *("--random", "false"),
        *("--no-step-log", "true"),
        *("--verbose", "false"),
        *("--duration-log.disable", "true"),
        *("--error-log", str(out_dir / "errors.log")),
        # Collisions are counted, not cleared away: the bridge judges them itself.
        *("--collision.action", "warn"),
    ]


def last_error(run_dir: Path) -> str | None:
    """The first error that SUMO wrote into the run's log, if it wrote one."""
    log = run_dir / "sumo" / "errors.log"
    if not log.is_file():
        return None
    text = log.read_text(errors="replace")
    return _first_error(text) if "Error" in text else None


def _first_error(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("Error:"):
            return line.removeprefix("Error:").strip()
    return text.strip().splitlines()[0] if text.strip() else "SUMO gave no reason"


def _seconds(text: str) -> float:
    """SUMO writes times as seconds or as [days:]hours:minutes:seconds."""
    if ":" not in text:
        return float(text)
    total = 0.0
    for part, unit in zip(reversed(text.split(":")), (1, 60, 3600, 86400), strict=False):
        total += float(part) * unit
    return total


def _with_outputs_in(additional: Path, out_dir: Path) -> Path:
    """The additional file itself, or a copy whose outputs land in `out_dir`."""
    if not additional.is_file():
        raise BadInput(f"{additional}: no such file; expected a SUMO additional file")
    opener = gzip.open if additional.suffix == ".gz" else open
    try:
        with opener(additional, "rb") as stream:
            tree = ET.parse(stream)
    except (ET.ParseError, OSError) as error:
        raise BadInput(f"{additional}: not well-formed XML: {error}") from error
    writes = False
    for element in tree.iter():
        output = _OUTPUT_ATTRIBUTE.get(element.tag)
        for name, value in element.attrib.items():
            if name == output and value not in _SPECIAL_FILES:
                element.set(name, str(out_dir / Path(value).name))
                writes = True
            elif (
                name in {"file", "href", "imgFile"}
                and (beside := additional.parent / value).is_file()
            ):
                element.set(name, str(beside.resolve()))
    if not writes:
        return additional
    copy = out_dir / additional.name.removesuffix(".gz")
    tree.write(copy, encoding="utf-8", xml_declaration=True)
    return copy
