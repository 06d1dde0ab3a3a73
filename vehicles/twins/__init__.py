"""Twins: live models of vehicles, kept by the telemetry that reaches an MQTT broker.

`telemetry` is the message, `estimator` the motion model, `fleet` all twins as arrays, `service`
what keeps them over MQTT, and `broker` the brokers it can be kept through.
"""
