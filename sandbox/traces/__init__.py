"""What the system says of its own work, span by span: a collector of OpenTelemetry for one machine."""
