"""`cosim twins`: the twin service alone, and recorded runs published as a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cosim.federate import BadInput
from vehicles.twins.broker import BrokerAddress

app = typer.Typer(help="Keep twins for whatever reports to an MQTT broker, on the wall clock.")
_err = Console(stderr=True, soft_wrap=True, highlight=False)

Broker = Annotated[str, typer.Option(help="mqtt://host:port, or mqtts:// for TLS.")]
Fleet = Annotated[str, typer.Option(help="The fleet's name, which its topics bear.")]
Username = Annotated[str | None, typer.Option(help="Who logs in to the broker.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="A file that holds the password and nothing else.")
]
Ca = Annotated[
    Path | None, typer.Option(help="Certificates to hold the broker's against; else the system's.")
]
Cert = Annotated[Path | None, typer.Option(help="The client's own certificate.")]
Key = Annotated[Path | None, typer.Option(help="Its key, if that isn't in the same file.")]


@app.callback(invoke_without_command=True)
def twins(
    context: typer.Context,
    broker: Broker = "mqtt://localhost",
    fleet: Fleet = "fleet",
    username: Username = None,
    password_file: PasswordFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    net: Annotated[
        Path | None, typer.Option(help="A SUMO net: its plane is the twins' plane.")
    ] = None,
    zones: Annotated[
        Path | None, typer.Option(help="GeoJSON polygons to watch, named by their `id`.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The log's folder; new or empty.")] = None,
    state_rate_hz: Annotated[
        float, typer.Option(help="How often states are published.", min=0.01, max=10.0)
    ] = 1.0,
    late_after_s: Annotated[
        float, typer.Option(help="Age of information of a late twin.", min=0.01)
    ] = 1.0,
    lost_after_s: Annotated[
        float, typer.Option(help="Age of information of a lost twin.", min=0.01)
    ] = 5.0,
) -> None:
    """Keep twins until Ctrl-C: states are published, and logged as Parquet if `--out` is given."""
    if context.invoked_subcommand is not None:
        return
    from cosim.twins.serve import serve
    from vehicles.twins.settings import TwinsSettings

    serve(
        _address(broker, username, password_file, ca, cert, key),
        fleet,
        TwinsSettings(
            state_rate_hz=state_rate_hz, late_after_s=late_after_s, lost_after_s=lost_after_s
        ),
        net=net,
        zones=zones,
        out=out,
        tell=_tell,
    )


@app.command()
def replay(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    speed: Annotated[float, typer.Option(help="Recorded seconds per second.", min=0.01)] = 1.0,
    broker: Broker = "mqtt://localhost",
    fleet: Fleet = "fleet",
    username: Username = None,
    password_file: PasswordFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
) -> None:
    """Publish the telemetry of a recorded run's connected road users as if they drove now."""
    from cosim.twins.replay import replay as replay_run

    address = _address(broker, username, password_file, ca, cert, key)
    sent = replay_run(run, address, fleet, speed=speed, tell=_tell)
    _tell(f"{sent} messages published")


def _tell(line: str) -> None:
    _err.print(f"cosim twins: {line}", markup=False)


def _address(
    broker: str,
    username: str | None,
    password_file: Path | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> BrokerAddress:
    try:
        return BrokerAddress.parse(broker).with_login(username, password_file, ca, certificate, key)
    except ValueError as error:
        raise BadInput(f"--broker: {error}") from error
