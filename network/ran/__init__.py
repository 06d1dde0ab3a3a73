"""The radio access network: cells, slots and queues, measurements, handover, radio link failure."""
