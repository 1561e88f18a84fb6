"""Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): protocol, storage port, and the service."""
