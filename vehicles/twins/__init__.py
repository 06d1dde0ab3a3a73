"""Twins: live models of vehicles, kept by the telemetry that reaches an MQTT broker.

`telemetry`, `commands` and `publications` are the messages, `topics` where they go, `asyncapi`
describes both. `reports` makes rows of what vehicles say; `fleet` takes them in, by `tracks`, what
is remembered, and the `estimator`, motion model and filter; `rejections` says why it doesn't.
`watch` and `coverage` tell what happens to twins. `service` is all of that on any clock: `lockstep`
runs it in simulated time, `wall_clock` on the wall's, both through a `connection` to a `broker`,
which may be the `embedded_broker`.
"""
