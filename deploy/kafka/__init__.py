"""Apache Kafka on this machine: `python -m deploy.kafka` (make kafka); its topics stand in topics.yml."""
