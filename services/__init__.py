"""The services. None imports another: they speak through the messages of `shared.messages`."""
