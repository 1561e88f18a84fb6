"""The stream application: devices and programs of a customer push images, each acknowledged once Kafka has it."""
